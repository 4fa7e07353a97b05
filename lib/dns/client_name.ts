/**
 * The name that Postfix would give a client (smtpd_peer.c): the first of those that its address has in DNS, if that
 * name has the address in turn. Otherwise, and when there is no answer in time, it is `unknown`.
 *
 * Postfix asks the system, which may know more than DNS does (/etc/hosts).
 */
import { parseAddress } from "../address.ts";
import { hostName } from "../identity/host_name.ts";
import { DnsError } from "./error.ts";
import type { Lookup } from "./resolver.ts";

/** Never rejects because of DNS. */
export async function verifiedName(address: string, lookup: Lookup): Promise<string> {
  const client = parseAddress(address);
  if (client === undefined) return "unknown";
  const isIpv4 = client.kind() === "ipv4";
  const labels = isIpv4
    ? client.toByteArray().map(String)
    : client.toByteArray().flatMap((byte) => [...byte.toString(16).padStart(2, "0")]);
  const reverse = `${labels.reverse().join(".")}.${isIpv4 ? "in-addr" : "ip6"}.arpa`;
  try {
    const name = hostName((await lookup(reverse, "PTR"))[0] ?? "");
    if (name === undefined) return "unknown";
    const addresses = await lookup(name, isIpv4 ? "A" : "AAAA");
    const isIts = (text: string) => parseAddress(text)?.toString() === client.toString();
    return addresses.some(isIts) ? name : "unknown";
  } catch (error) {
    if (error instanceof DnsError) return "unknown";
    throw error;
  }
}
