/**
 * Domains and what lies below them: `example.org` is found for `example.org` and `mx.example.org`,
 * not for `myexample.org`.
 *
 * A lookup asks a Map once a label, whatever the number of entries, and never for more bytes than
 * the longest entry has: a name of thousands of labels costs no more than one of that length.
 */
import type { Rule } from "./lines.ts";

/** RFC 1035 section 2.3.4, less the dot at the end. */
const LONGEST_NAME = 253;

/** ASCII names. Underscores and final hyphens occur, and Postfix hands them on. */
const NAME = /^[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;
/** The same with any byte from 80 up: what SMTPUTF8 sends are U-labels. */
const NAME_OR_UTF8 =
  /^[a-z0-9_\x80-\xff][a-z0-9_\x80-\xff-]{0,252}(?:\.[a-z0-9_\x80-\xff][a-z0-9_\x80-\xff-]{0,252})*$/;
const ENDS_IN_NUMBER = /(?:^|\.)[0-9]+$/;

/**
 * Whether `name`, in lower case and without a final dot, can be the name of a host or domain.
 * No name ends in a number: that would be an address, or part of one.
 */
export function isDomain(name: string, allow: "ascii" | "utf8"): boolean {
  return name.length <= LONGEST_NAME && !ENDS_IN_NUMBER.test(name) &&
    (allow === "ascii" ? NAME : NAME_OR_UTF8).test(name);
}

/** `name` without the dot that closes a fully qualified name. */
export function withoutFinalDot(name: string): string {
  return name.length > 1 && name.endsWith(".") ? name.slice(0, -1) : name;
}

export class Domains {
  readonly #rules = new Map<string, Rule>();
  #longest = 0;

  /** Adds a domain in lower case, without a final dot. Of duplicates the first stays. */
  add(domain: string, rule: Rule): void {
    if (this.#rules.has(domain)) return;
    this.#rules.set(domain, rule);
    this.#longest = Math.max(this.#longest, domain.length);
  }

  /** The rule for `name` (lower case, no final dot) or the nearest domain above it. */
  find(name: string): Rule | undefined {
    let start = Math.max(0, name.length - this.#longest);
    if (start > 0 && name[start - 1] !== ".") start = afterDot(name, start);
    while (start < name.length) {
      const rule = this.#rules.get(name.slice(start));
      if (rule !== undefined) return rule;
      start = afterDot(name, start);
    }
    return undefined;
  }
}

/** Where the next label begins, or the end. */
function afterDot(name: string, start: number): number {
  const dot = name.indexOf(".", start);
  return dot < 0 ? name.length : dot + 1;
}
