/**
 * Entries of the form `/regex/`: what a list asks of a regular-expression engine, without naming one.
 *
 * A pattern is written by the administrator, the text it is tried on by whoever sends mail. So the
 * engine must take time linear in the text for every pattern it accepts, and refuse the others:
 * JavaScript's own RegExp does neither. `regex.ts` has one; it is asked for when a list has a pattern,
 * because it is large and most lists have none.
 */

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

/** The patterns of one list, and the places where they are listed. */
export class Patterns {
  readonly #places: number[] = [];
  #set: PatternSet | undefined;

  /** Whether `useEngine` is to be called before `add`. */
  get needEngine(): boolean {
    return this.#set === undefined;
  }

  useEngine(newSet: NewPatternSet | undefined): void {
    this.#set = newSet?.();
  }

  /** Takes an entry that begins with a slash. Gives back what was wanted instead, or undefined. */
  add(entry: string, place: number): { readonly wanted: string } | undefined {
    const pattern = FORM.exec(entry)?.[1];
    if (pattern === undefined) return { wanted: WANTED_FORM };
    if (this.#set === undefined) throw new Error("a pattern without an engine");
    const refused = this.#set.add(pattern);
    if (refused !== undefined) {
      return { wanted: `a pattern in RE2 syntax, matched in linear time: ${refused}` };
    }
    this.#places.push(place);
    return undefined;
  }

  /** To be called once, after the last `add`. */
  compile(): void {
    this.#set?.compile();
  }

  /** The place of the first pattern that is found in `text`. */
  find(text: string): number | undefined {
    if (this.#set === undefined || text.length > LONGEST_TEXT) return undefined;
    const index = this.#set.find(text);
    return index === undefined ? undefined : this.#places[index];
  }
}
