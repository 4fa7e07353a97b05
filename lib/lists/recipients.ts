/**
 * Lists of recipients: those that are never greylisted, or, as an opt-in list, the only ones that are.
 *
 *     example.org         a domain and everything below it
 *     user@example.org    an address
 *     user@               this user at any domain
 *     /^info@.*\.org$/    a regular expression, found anywhere in the address
 *
 * The format is postgrey's (perldoc postgrey, "Whitelists"). An entry for `user` is also one for
 * `user+extension`. The domain of an address is what follows its last `@`; an address without one is
 * a user of this host, so `user@` holds it.
 */
import { lowerCase, splitAddress } from "../identity/triplet.ts";
import { Domains, isDomain, withoutFinalDot } from "./domains.ts";
import { addRules, type Problem, type Rule, type Source } from "./lines.ts";
import { type NewPatternSet, Patterns } from "./patterns.ts";

export interface RecipientList {
  /** The number of entries. */
  readonly size: number;
  /** The entry that this address is in: the address, else the user, else the domain, else a regex. */
  match(recipient: string): Rule | undefined;
}

const WANTED = "user@domain, user@, a domain, or /regex/";

/** Reads the files of one list. All that cannot be read comes back, and the rest still works. */
export function readRecipientList(
  sources: readonly Source[],
  newPatternSet: NewPatternSet,
): { list: RecipientList; problems: Problem[] } {
  const list = new Recipients(new Patterns(newPatternSet));
  const problems = addRules(sources, (rule) => list.add(rule));
  list.compile();
  return { list, problems };
}

class Recipients implements RecipientList {
  /** Keyed by `user@domain` and `user@`. */
  readonly #addresses = new Map<string, Rule>();
  readonly #domains = new Domains();
  readonly #patterns: Patterns;
  #longestUser = 0;
  #longestDomain = 0;
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
    if (/[ \t\r\f\v]/.test(text)) return `one entry a line: ${WANTED}`;
    const { local, domain: atDomain } = splitAddress(lowerCase(text));
    const alone = atDomain === "";
    const user = alone ? "" : local;
    const domain = withoutFinalDot(alone ? local : atDomain.slice(1));
    if (user === "*" || (user === "" && (!alone || /^[*.]/.test(domain)))) {
      return `${WANTED}; a domain stands alone and includes everything below it`;
    }
    if (domain === "" ? alone : !isMailDomain(domain)) return WANTED;
    if (alone) return void this.#domains.add(domain, rule);
    const key = `${user}@${domain}`;
    if (this.#addresses.has(key)) return undefined;
    this.#addresses.set(key, rule);
    this.#longestUser = Math.max(this.#longestUser, user.length);
    this.#longestDomain = Math.max(this.#longestDomain, domain.length);
    return undefined;
  }

  match(recipient: string): Rule | undefined {
    const { local, domain: atDomain } = splitAddress(lowerCase(recipient));
    const domain = withoutFinalDot(atDomain.slice(1));
    const users = [...this.#users(local)];
    // A domain longer than any in the list is not hashed for each of the users.
    const full = domain.length <= this.#longestDomain ? users : [];
    for (const each of full) {
      const rule = this.#addresses.get(`${each}@${domain}`);
      if (rule !== undefined) return rule;
    }
    for (const each of users) {
      const rule = this.#addresses.get(`${each}@`);
      if (rule !== undefined) return rule;
    }
    return this.#domains.find(domain) ?? this.#patterns.find(recipient);
  }

  /** The user itself, and what stands before each `+` that has something behind it. */
  *#users(user: string): Generator<string> {
    if (user === "" || this.#longestUser === 0) return;
    if (user.length <= this.#longestUser) yield user;
    for (
      let plus = user.indexOf("+", 1);
      plus > 0 && plus <= this.#longestUser && plus < user.length - 1;
      plus = user.indexOf("+", plus + 1)
    ) yield user.slice(0, plus);
  }
}

/** A domain, or an address literal such as `[192.0.2.1]`. */
function isMailDomain(domain: string): boolean {
  return isDomain(domain, "utf8") || /^\[[0-9a-z:.]+\]$/.test(domain);
}
