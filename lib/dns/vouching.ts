/**
 * Whether a domain whose SPF passes a client vouches for it: whether the mail may be recognised by the domain
 * alone, whichever of its hosts brings it. A pass is not enough: anybody can publish one for the whole world. Pure.
 *
 * - It matches ip4, ip6, a or mx: a network, or hosts, that the domain's owner has named. exists, ptr and whatever has
 *   a macro on the way to it let one domain authorise every member of a botnet, one by one.
 * - The network is no wider than /14 (the largest senders publish /14 and /15) or /32 of IPv6. `all` is the widest.
 * - The records that were read on the way, each as a whole, pass no more than 2^20 IPv4 addresses: ten /8s in
 *   small pieces are ten /8s.
 * - The client's name is not generic: a provider's customer is not one of the domain's hosts, whatever it publishes.
 *
 * Terms that are `other` (spf_record.ts) are passed over, as if they did not match. So a client that both such a
 * term and a network further on let in is vouched for: the domain has named that network, and that would do
 * without the other term.
 */
import { type Address, askedName, parseSpfRecord, type SpfRecord } from "./spf_record.ts";
import { parseAddress } from "../address.ts";

const widestIpv4Bits = 14;
const widestIpv6Bits = 32;
const mostIpv4Addresses = 2 ** 20;

/** What DNS answered while SPF was evaluated, by askedName() of the name. */
export interface SpfAnswers {
  /** The SPF record of each domain. */
  readonly records: ReadonlyMap<string, string>;
  /** The addresses of hosts, of the client's family. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The mail exchangers of domains. */
  readonly exchanges: ReadonlyMap<string, readonly string[]>;
}

export interface Vouching {
  readonly vouches: boolean;
  /** Whether everybody passes: `+all`, or a network of all addresses. */
  readonly passesAll: boolean;
  /** For people to read; nothing of it is a stranger's text. */
  readonly why: string;
}

/** The term that lets the client in, and how long its prefix is; 0 for all. */
interface Match {
  readonly passes: boolean;
  readonly kind: "all" | "ip4" | "ip6" | "a" | "mx";
  readonly bits: number;
}

/**
 * @param domain whose SPF has given pass, in lower case
 * @param answers all that was asked for that
 */
export function judgePass(
  domain: string,
  client: Address,
  isGeneric: boolean,
  answers: SpfAnswers,
): Vouching {
  const records = new Map(
    [...answers.records].map(([name, text]) => [name, parseSpfRecord(text)]),
  );
  const no = (why: string, passesAll = false): Vouching => ({ vouches: false, passesAll, why });
  const match = findMatch(domain, client, records, answers);
  if (!match?.passes) return no("pass by exists, ptr or a macro");
  if (match.bits === 0) return no("pass for all addresses", true);
  const pass = `pass by ${match.kind} of /${match.bits}`;
  const widest = client.kind() === "ipv4" ? widestIpv4Bits : widestIpv6Bits;
  if (match.bits < widest) return no(`${pass}, wider than /${widest}`);
  const addresses = countIpv4(records, answers);
  if (addresses > mostIpv4Addresses) return no(`${pass}, one of ${addresses} addresses`);
  if (isGeneric) return no(`${pass}, of a client with a generic name`);
  return { vouches: true, passesAll: false, why: pass };
}

/** The first term that matches, as check_host() goes through them (RFC 7208 section 4). */
function findMatch(
  domain: string,
  client: Address,
  records: ReadonlyMap<string, SpfRecord>,
  answers: SpfAnswers,
): Match | undefined {
  const bitsFor = client.kind() === "ipv4" ? "ipv4Bits" : "ipv6Bits";
  // A record that is gone through twice matches no better the second time, and may include itself.
  const seen = new Set<string>();
  return inRecordOf(domain);

  function inRecordOf(domain: string): Match | undefined {
    const record = seen.has(domain) ? undefined : records.get(domain);
    seen.add(domain);
    if (record === undefined) return undefined;
    for (const { passes, what } of record.mechanisms) {
      switch (what.kind) {
        case "all":
          return { passes, kind: "all", bits: 0 };
        case "include": {
          const inside = inRecordOf(what.domain);
          if (inside?.passes) return { ...inside, passes };
          break;
        }
        case "ip4":
        case "ip6":
          if (holds(what.network, what.bits)) return { passes, kind: what.kind, bits: what.bits };
          break;
        case "a":
        case "mx": {
          const { kind, [bitsFor]: bits } = what;
          const hosts = addressesOf(kind, what.domain ?? domain, answers);
          if (hosts.some((host) => holds(host, bits))) return { passes, kind, bits };
        }
      }
    }
    return record.redirect === undefined ? undefined : inRecordOf(record.redirect);
  }

  function holds(network: Address, bits: number): boolean {
    return network.kind() === client.kind() && client.match(network, bits);
  }
}

/** How many IPv4 addresses all the records pass; those that two of their terms name count twice. */
function countIpv4(records: ReadonlyMap<string, SpfRecord>, answers: SpfAnswers): number {
  let count = 0;
  for (const [domain, { mechanisms }] of records) {
    for (const { passes, what } of mechanisms) {
      if (!passes) continue;
      if (what.kind === "ip4") count += 2 ** (32 - what.bits);
      if (what.kind !== "a" && what.kind !== "mx") continue;
      const hosts = addressesOf(what.kind, what.domain ?? domain, answers);
      const known = hosts.filter((host) => host.kind() === "ipv4").length;
      // Behind the match nothing has been asked: a name has one address then, at the least.
      count += Math.max(1, known) * 2 ** (32 - what.ipv4Bits);
    }
  }
  return count;
}

function addressesOf(kind: "a" | "mx", domain: string, answers: SpfAnswers): Address[] {
  const hosts = kind === "a" ? [domain] : answers.exchanges.get(domain) ?? [];
  return hosts.flatMap((host) => answers.addresses.get(askedName(host)) ?? [])
    .flatMap((address) => parseAddress(address) ?? []);
}
