/**
 * What DNS knows in a case. The domain of each real sender has an SPF record with all hosts that bring its mail, unless the
 * case says that somebody else forwards it; and a list of good clients has those of them that have a name of their own.
 */
import { identifyClient } from "../../lib/identity/client.ts";
import { nameIn, parseAllowZone } from "../../lib/dns/zones.ts";
import { groupsOf } from "../../lib/address.ts";
import type { DnsRecord } from "../support/dns_server.ts";
import type { Case, Host } from "./traffic.ts";

export const goodList = "good.example";

export function zoneOf({ mails, forwarded }: Case): readonly DnsRecord[] {
  const hosts = new Map<string, Map<string, Host>>();
  for (const { sender, hosts: from } of mails.filter(({ bot }) => !bot)) {
    const domain = sender.slice(sender.lastIndexOf("@") + 1);
    const known = hosts.get(domain) ?? new Map<string, Host>();
    for (const host of from) known.set(host.address, host);
    hosts.set(domain, known);
  }
  const named = new Set(
    [...hosts.values()].flatMap((known) => [...known.values()]).filter(({ name, address }) =>
      identifyClient(name, address)?.looksLikeCustomer === false
    ).map(({ address }) => address),
  );
  return [
    ...[...forwarded ? [] : hosts].map(([domain, known]): DnsRecord => {
      const terms = [...known.keys()].map((address) => `${termOf(address)}:${address}`);
      return [domain, "TXT", ["v=spf1", ...terms, "-all"].join(" ")];
    }),
    ...[...named].map((address): DnsRecord => {
      return [nameIn(parseAllowZone(goodList), partsOf(address)), "A", "127.0.5.1"];
    }),
  ];
}

const termOf = (address: string) => address.includes(":") ? "ip6" : "ip4";

function partsOf(address: string): readonly number[] {
  const groups = groupsOf(address) ?? [];
  if (groups.length === 8) return groups;
  return groups.flatMap((group) => [group >> 8, group & 255]);
}
