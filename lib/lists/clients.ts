/**
 * Lists of clients: those that are never greylisted.
 *
 *     example.org         a host or domain, and everything below it
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
import { lowerCase } from "../identity/triplet.ts";
import { Domains, isDomain, withoutFinalDot } from "./domains.ts";
import { addRules, type Problem, type Rule, type Source } from "./lines.ts";
import { type NewPatternSet, Patterns } from "./patterns.ts";
import { groupsOf } from "../address.ts";
import { parseNetwork, Prefixes } from "./prefixes.ts";

/** A client as Postfix describes it: the attributes client_name and client_address. */
export interface Client {
  readonly name: string;
  readonly address: string;
}

export interface ClientList {
  /** The number of entries. */
  readonly size: number;
  /** The entry that this client is in: the nearest name, else the longest network, else a regex. */
  match(client: Client): Rule | undefined;
}

const WANTED =
  "a host or domain name, an IPv4 or IPv6 address, address/length, the first two or three octets" +
  " of an IPv4 address, or /regex/";

/** Reads the files of one list. All that cannot be read comes back, and the rest still works. */
export function readClientList(
  sources: readonly Source[],
  newPatternSet: NewPatternSet,
): { list: ClientList; problems: Problem[] } {
  const list = new Clients(new Patterns(newPatternSet));
  const problems = addRules(sources, (rule) => list.add(rule));
  list.compile();
  return { list, problems };
}

class Clients implements ClientList {
  readonly #names = new Domains();
  readonly #networks = new Prefixes();
  readonly #patterns: Patterns;
  size = 0;

  constructor(patterns: Patterns) {
    this.#patterns = patterns;
  }

  /** Adds an entry, or gives back what was wanted in its place. */
  add(rule: Rule): string | undefined {
    const wanted = this.#add(rule);
    if (wanted === undefined) this.size++;
    return wanted;
  }

  /** To be called once, after the last `add`. */
  compile(): void {
    this.#patterns.compile();
  }

  #add(rule: Rule): string | undefined {
    const { text } = rule;
    if (text.startsWith("/")) return this.#patterns.add(rule);
    const name = withoutFinalDot(lowerCase(text));
    if (isDomain(name, "ascii")) return void this.#names.add(name, rule);
    const network = parseNetwork(octets(text));
    if (network === undefined) return wantedFor(text);
    this.#networks.add(network, rule);
    return undefined;
  }

  match(client: Client): Rule | undefined {
    const named = this.#names.find(withoutFinalDot(lowerCase(client.name)));
    if (named !== undefined) return named;
    const groups = groupsOf(client.address);
    return (groups && this.#networks.find(groups)) ?? this.#patterns.find(client.name);
  }
}

/** Writes two or three octets as the network that they stand for. */
function octets(text: string): string {
  if (/^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(text)) return `${text}.0/24`;
  if (/^\d{1,3}\.\d{1,3}$/.test(text)) return `${text}.0.0/16`;
  return text;
}

/** The more exact, the sooner the line is repaired. */
function wantedFor(text: string): string {
  if (/[ \t\r\f\v]/.test(text)) return `one entry a line: ${WANTED}`;
  if (text.includes("@")) return `${WANTED}; addresses belong into a list of recipients`;
  if (/^[*.]/.test(text)) return `${WANTED}; a domain includes everything below it`;
  if (text.startsWith("[")) return "an IPv6 address or network without brackets";
  if (/^[0-9.]+(?:\/[0-9]*)?$/.test(text)) {
    return "an IPv4 address of four octets from 0 to 255, with a length from 0 to 32 or without," +
      " or its first two or three octets alone";
  }
  if (text.includes(":") && /^[0-9a-f:.]+(\/.*)?$/i.test(text)) {
    return "an IPv6 address, with a length from 0 to 128 or without";
  }
  if (/[\x80-\xff]/.test(text)) return "a host or domain name as DNS has it (xn--…)";
  return WANTED;
}
