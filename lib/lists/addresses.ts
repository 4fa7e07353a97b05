/**
 * Lists of mail addresses, which those of recipients and of senders are.
 *
 *     example.org         a domain and everything below it; münchen.example is xn--mnchen-3ya.example
 *     user@example.org    an address
 *     user@               this user at any domain
 *     /^info@.*\.org$/    a regular expression, found anywhere in the address
 *
 * The format is postgrey's (perldoc postgrey, "Whitelists"). An entry for `user` is also one for
 * `user+extension`. The domain of an address is what follows its last `@`; an address without one is a user of
 * this host, so `user@` holds it.
 */
import { lowerCase, splitAddress } from "../identity/triplet.ts";
import { canonicalDomain, isDomainOfBytes } from "../identity/domain.ts";
import { domainAbove, Domains } from "./domains.ts";
import { Lines, type Rule, type Source } from "./lines.ts";
import { Patterns } from "./patterns.ts";
import { Places } from "./places.ts";
import { type Found, readEntries, type Reading, type Remark } from "./reading.ts";
import type { Facts, Surveyable } from "./survey.ts";

export interface AddressList extends Surveyable {
  /** The entry that this address is in: the address, else the user, else the domain, else a regex. */
  match(address: string): Rule | undefined;
}

const WANTED = "user@domain, user@, a domain, or /regex/";

/** What people write that is none of these. */
const CLIENT = /^[0-9]+(?:\.[0-9]+){1,3}(?:\/[0-9]+)?$|^[0-9a-f]*:[0-9a-f:.]*(?:\/[0-9]+)?$/i;

/** Taken nevertheless: mail without SMTPUTF8 may have the same bytes, and 0.1.0 took them. */
const UNKNOWN_TO_DNS =
  "has no domain that DNS could have (is it UTF-8?), and means these very bytes";

/**
 * Reads the files of one list. All that cannot be read comes back, and the rest still works.
 *
 * @param delimiters the characters that begin an extension
 */
export function* readAddressList(
  sources: readonly Source[],
  delimiters: string,
): Reading<Found & { readonly list: AddressList }> {
  const list = new Addresses(sources, delimiters);
  return { list, ...yield* readEntries(list.lines, list.patterns, list.add) };
}

class Addresses implements AddressList {
  readonly lines: Lines;
  readonly patterns = new Patterns();
  /** Keyed by `user@domain` and `user@`. */
  readonly #addresses = new Places((place) => {
    const { user, domain } = partsOf(this.lines.entry(place));
    return `${user}@${domain}`;
  });
  readonly #domains = new Domains((place) => partsOf(this.lines.entry(place)).domain);
  /** How long the listed users are: no other lengths need be looked up. */
  readonly #userLengths = new Set<number>();
  #longestUser = 0;
  #longestDomain = 0;

  constructor(sources: readonly Source[], private readonly delimiters: string) {
    this.lines = new Lines(sources);
  }

  readonly add = (entry: string, place: number): Remark | undefined => {
    if (/[ \t\r\f\v]/.test(entry)) return { wanted: `one entry a line: ${WANTED}` };
    const { user, domain, alone } = partsOf(entry);
    if (user === "*" || (user === "" && (!alone || /^[*.]/.test(domain)))) {
      return { wanted: `${WANTED}; a domain stands alone and includes everything below it` };
    }
    if (CLIENT.test(entry)) {
      return { wanted: `${WANTED}; clients belong into a list of clients (whitelist-clients)` };
    }
    if (domain === "" ? alone : !isMailDomain(domain)) return { wanted: WANTED };
    if (alone) this.#domains.add(domain, place);
    else {
      this.#addresses.add(`${user}@${domain}`, place);
      this.#userLengths.add(user.length);
      this.#longestUser = Math.max(this.#longestUser, user.length);
      this.#longestDomain = Math.max(this.#longestDomain, domain.length);
    }
    return /[\x80-\xff]/.test(domain) ? { doubt: UNKNOWN_TO_DNS } : undefined;
  };

  match(address: string): Rule | undefined {
    const { local, domain: atDomain } = splitAddress(address);
    const domain = canonicalDomain(atDomain.slice(1));
    const place = this.#user([...this.#users(lowerCase(local))], domain) ??
      this.#domains.find(domain) ?? this.patterns.find(address);
    return place === undefined ? undefined : this.lines.rule(place);
  }

  facts(entry: string): Facts {
    const { user, domain, alone } = partsOf(entry);
    if (alone) {
      const above = this.#domains.find(domainAbove(domain));
      return { form: "domains", first: this.#domains.findExactly(domain), above };
    }
    const first = this.#addresses.find(`${user}@${domain}`);
    const shorter = this.#user([...this.#users(user)].filter((each) => each !== user), domain);
    if (domain === "") return { form: "users", first, above: shorter };
    const above = shorter ?? this.#addresses.find(`${user}@`) ?? this.#domains.find(domain);
    return { form: "addresses", first, above };
  }

  #user(users: readonly string[], domain: string): number | undefined {
    // A domain longer than any in the list is not hashed for each of the users.
    const full = domain.length <= this.#longestDomain ? users : [];
    for (const each of full) {
      const place = this.#addresses.find(`${each}@${domain}`);
      if (place !== undefined) return place;
    }
    for (const each of users) {
      const place = this.#addresses.find(`${each}@`);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** The user itself, and what stands before each delimiter that has something behind it. */
  *#users(user: string): Generator<string> {
    if (user === "") return;
    if (this.#userLengths.has(user.length)) yield user;
    const end = Math.min(user.length - 2, this.#longestUser);
    for (let at = 1; at <= end; at++) {
      const begins = this.delimiters.includes(user.charAt(at));
      if (begins && this.#userLengths.has(at)) yield user.slice(0, at);
    }
  }
}

/** An entry's user and domain in the spelling that is compared; a domain alone has no user. */
function partsOf(entry: string): { user: string; domain: string; alone: boolean } {
  const { local, domain } = splitAddress(entry);
  return domain === ""
    ? { user: "", domain: canonicalDomain(local), alone: true }
    : { user: lowerCase(local), domain: canonicalDomain(domain.slice(1)), alone: false };
}

/** A domain, or an address literal such as `[192.0.2.1]`. */
function isMailDomain(domain: string): boolean {
  return isDomainOfBytes(domain) || /^\[[0-9a-z:.]+\]$/.test(domain);
}
