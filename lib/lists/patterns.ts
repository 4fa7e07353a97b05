/**
 * Entries of the form `/regex/`: what a list asks of a regular-expression engine, without naming one.
 *
 * A pattern is written by the administrator, the text it is tried on by whoever sends mail. So the
 * engine must take time linear in the text for every pattern it accepts, and refuse the others:
 * JavaScript's own RegExp does neither. `regex.ts` has one; it is passed in, because it is large and
 * most lists need none.
 */
import { type Rule, rulesOf, type Source } from "./lines.ts";

/** Gathers patterns, then tries all of them at once. */
export interface PatternSet {
  /** Takes a pattern; case does not matter. Gives back why it is refused, or undefined. */
  add(pattern: string): string | undefined;
  /** To be called once, after the last `add` and before the first `find`. */
  compile(): void;
  /** The lowest number, in the order they were taken, of a pattern found anywhere in `text`. */
  find(text: string): number | undefined;
}

/** Makes an empty set. */
export type NewPatternSet = () => PatternSet;

/**
 * Longer texts match no pattern. No host name has more than 253 bytes, no address more than 320
 * (RFC 5321 section 4.5.3.1), but Postfix takes command lines of 2048, and the time that is linear
 * in the text has the patterns' size as its factor.
 */
const LONGEST_TEXT = 512;

const FORM = /^\/([^ \t\r\f\v]+)\/$/;

const WANTED_FORM =
  "/regex/ with both slashes and nothing behind them, without white space (write" +
  " \\s) or # (write \\x23); upper and lower case never differ";

/** The patterns of one list, each with the rule it stands in. */
export class Patterns {
  readonly #rules: Rule[] = [];
  readonly #newSet: NewPatternSet;
  #set: PatternSet | undefined;

  constructor(newSet: NewPatternSet) {
    this.#newSet = newSet;
  }

  /** Takes an entry that begins with a slash. Gives back what was wanted instead, or undefined. */
  add(rule: Rule): string | undefined {
    const pattern = FORM.exec(rule.text)?.[1];
    if (pattern === undefined) return WANTED_FORM;
    this.#set ??= this.#newSet();
    const refused = this.#set.add(pattern);
    if (refused !== undefined) return `a pattern in RE2 syntax, matched in linear time: ${refused}`;
    this.#rules.push(rule);
    return undefined;
  }

  /** To be called once, after the last `add`. */
  compile(): void {
    this.#set?.compile();
  }

  /** The first rule whose pattern is found in `text`. */
  find(text: string): Rule | undefined {
    if (this.#set === undefined || text.length > LONGEST_TEXT) return undefined;
    const index = this.#set.find(text);
    return index === undefined ? undefined : this.#rules[index];
  }
}

/** Whether a list's file has an entry that begins with a slash, so that it needs an engine. */
export function hasPattern(source: Source): boolean {
  if (!source.text.includes("/")) return false;
  for (const rule of rulesOf(source)) if (rule.text.startsWith("/")) return true;
  return false;
}
