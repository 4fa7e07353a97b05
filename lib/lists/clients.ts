/**
 * Lists of clients: those that are never greylisted.
 *
 *     example.org         a host or domain, and everything below it; münchen.example is xn--mnchen-3ya.example
 *     192.0.2.1           an address
 *     192.0.2.0/24        a network
 *     192.0.2             three octets: 192.0.2.0/24
 *     192.0               two octets: 192.0.0.0/16
 *     2001:db8::1         IPv6
 *     2001:db8::/32
 *     /^mx\d+\.example/   a regular expression, found anywhere in the name
 *
 * The format is postgrey's (perldoc postgrey, "Whitelists"). Names are compared with client_name,
 * which Postfix has verified by resolving it back to the address; it is `unknown` when it could not,
 * and an entry `unknown` means just those clients.
 */
import { groupsOf } from "../address.ts";
import { canonicalDomain, isDomain } from "../identity/domain.ts";
import { domainAbove, Domains } from "./domains.ts";
import { Lines, type Rule, type Source } from "./lines.ts";
import { Patterns } from "./patterns.ts";
import { type Network, parseNetwork, Prefixes } from "./prefixes.ts";
import { type Found, readEntries, type Reading, type Remark } from "./reading.ts";
import type { Facts, Surveyable } from "./survey.ts";

/** A client as Postfix describes it: the attributes client_name and client_address. */
export interface ClientAttributes {
  readonly name: string;
  readonly address: string;
}

export interface ClientList extends Surveyable {
  /** The entry that this client is in: the nearest name, else the longest network, else a regex. */
  match(client: ClientAttributes): Rule | undefined;
}

const WANTED =
  "a host or domain name, an IPv4 or IPv6 address, address/length, the first two or three octets" +
  " of an IPv4 address, or /regex/";

/** Reads the files of one list. All that cannot be read comes back, and the rest still works. */
export function* readClientList(
  sources: readonly Source[],
): Reading<Found & { readonly list: ClientList }> {
  const list = new Clients(sources);
  return { list, ...yield* readEntries(list.lines, list.patterns, list.add) };
}

class Clients implements ClientList {
  readonly lines: Lines;
  readonly patterns = new Patterns();
  readonly #names = new Domains((place) => canonicalDomain(this.lines.entry(place)));
  readonly #networks = new Prefixes((place) => networkOf(this.lines.entry(place)));

  constructor(sources: readonly Source[]) {
    this.lines = new Lines(sources);
  }

  readonly add = (entry: string, place: number): Remark | undefined => {
    const name = canonicalDomain(entry);
    if (isDomain(name)) return void this.#names.add(name, place);
    const network = networkOf(entry);
    if (network === undefined) return { wanted: wantedFor(entry) };
    this.#networks.add(network, place);
    return undefined;
  };

  match(client: ClientAttributes): Rule | undefined {
    const place = this.#names.find(canonicalDomain(client.name)) ?? this.#network(client.address) ??
      this.patterns.find(client.name);
    return place === undefined ? undefined : this.lines.rule(place);
  }

  facts(entry: string): Facts {
    const name = canonicalDomain(entry);
    const network = isDomain(name) ? undefined : networkOf(entry);
    if (network === undefined) {
      const above = this.#names.find(domainAbove(name));
      return { form: "names", first: this.#names.findExactly(name), above };
    }
    const { groups, length } = network;
    return {
      form: length === groups.length * 16 ? "addresses" : "networks",
      first: this.#networks.findExactly(network),
      above: this.#networks.find(groups, length),
      never: isNoClients(network) ? "no client connects from there" : undefined,
    };
  }

  #network(address: string): number | undefined {
    const groups = groupsOf(address);
    return groups && this.#networks.find(groups);
  }
}

/** An address or a network; two or three octets are the network that they stand for. */
function networkOf(entry: string): Network | undefined {
  if (/^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(entry)) return parseNetwork(`${entry}.0/24`);
  if (/^\d{1,3}\.\d{1,3}$/.test(entry)) return parseNetwork(`${entry}.0.0/16`);
  return parseNetwork(entry);
}

/** Multicast and reserved networks, and the address that stands for none (RFC 6890, RFC 4291). */
function isNoClients({ groups: [first = 0, ...rest], length }: Network): boolean {
  if (rest.length === 1) return first >> 13 === 7 && length >= 3 || first >> 8 === 0 && length >= 8;
  const isUnspecified = first === 0 && rest.every((group) => group === 0);
  return first >> 8 === 0xff && length >= 8 || isUnspecified && length === 128;
}

/** The more exact, the sooner the line is repaired. */
function wantedFor(text: string): string {
  if (/[ \t\r\f\v]/.test(text)) return `one entry a line: ${WANTED}`;
  if (text.includes("@")) {
    return `${WANTED}; mail addresses belong into a list of senders (whitelist-senders) or of recipients` +
      " (whitelist-recipients)";
  }
  if (/^[*.]/.test(text)) return `${WANTED}; a domain includes everything below it`;
  if (text.startsWith("[")) return "an IPv6 address or network without brackets";
  if (/^[0-9.]+(?:\/[0-9]*)?$/.test(text)) {
    return "an IPv4 address of four octets from 0 to 255, with a length from 0 to 32 or without," +
      " or its first two or three octets alone";
  }
  if (text.includes(":") && /^[0-9a-f:.]+(\/.*)?$/i.test(text)) {
    return "an IPv6 address, with a length from 0 to 128 or without";
  }
  if (/[\x80-\xff]/.test(text)) return "a host or domain name, in UTF-8 or as DNS has it (xn--…)";
  return WANTED;
}
