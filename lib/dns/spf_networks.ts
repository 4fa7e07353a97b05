/**
 * An SPF record without the networks that a client is not in. They do not change the result, and there may be a
 * thousand: mailauth would read all of them each time that the record is included, ten times in one that includes
 * itself, and that for every mail of a spammer.
 *
 * Left out is only what has no mistake in it (RFC 7208 section 5.6): a record with one is permerror.
 */
import { isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { Address } from "./spf_record.ts";

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IP4 = new RegExp(`^[+?~-]?ip4:(${OCTET}(?:\\.${OCTET}){3})(?:/(3[0-2]|[12]?[0-9]))?$`, "i");
const IP6 = /^[+?~-]?ip6:([0-9a-f:.]+)(?:\/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$/i;

export function withoutOtherNetworks(record: string, client: Address): string {
  return record.split(" ").filter((term) => !misses(term, client)).join(" ");
}

/** Whether the term is a network, rightly spelled, that the client is not in. */
function misses(term: string, client: Address): boolean {
  const [, ipv4, ipv4Bits = "32"] = IP4.exec(term) ?? [];
  if (ipv4 !== undefined) {
    return client.kind() !== "ipv4" || !client.match(ipaddr.IPv4.parse(ipv4), Number(ipv4Bits));
  }
  const [, ipv6, ipv6Bits = "128"] = IP6.exec(term) ?? [];
  if (ipv6 === undefined || !isIPv6(ipv6)) return false;
  if (client.kind() !== "ipv6") return true;
  // To ipaddr.js ::192.0.2.1 is an IPv4 address; URL spells it without dots.
  const { hostname } = new URL(`http://[${ipv6}]/`);
  return !client.match(ipaddr.IPv6.parse(hostname.slice(1, -1)), Number(ipv6Bits));
}
