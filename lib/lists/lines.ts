/**
 * The line format that all lists share, as postgrey has it: one entry a line, `#` starts a comment
 * wherever it stands, white space around an entry and empty lines mean nothing.
 *
 * - Texts are byte strings: files are decoded as latin1, as requests are. So white space is ASCII
 *   white space only: byte A0 is the second half of a UTF-8 `à`, not a space.
 * - Nothing is kept of a line but where it begins: a list of a million entries is its files' text and
 *   a few numbers an entry, not millions of objects that garbage collection has to visit.
 */

/** One file of a list: its name for messages, and its contents decoded as latin1. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** An entry as it was written, and where. What a match gives back. */
export interface Rule {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Where an entry is, for the log. */
export function placeOf({ file, line }: Rule): string {
  return `${file}:${line}`;
}

const BYTE_ORDER_MARK = "\xef\xbb\xbf";

/** The lines of a list's files, numbered through from 0: that number is a line's place. */
export class Lines {
  readonly #sources: readonly Source[];
  /** The place of each source's first line. */
  readonly #first: number[] = [];
  /** Where each line begins in its source. */
  #starts = new Uint32Array(64);
  #count = 0;

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  /** Every line's place and entry, which may be empty. To be gone through once, before anything else. */
  *entries(): Generator<readonly [place: number, entry: string]> {
    for (const { text } of this.#sources) {
      this.#first.push(this.#count);
      let start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
      while (start < text.length) {
        const end = endOfLine(text, start);
        const place = this.#count++;
        if (place === this.#starts.length) this.#starts = twiceAsLong(this.#starts);
        this.#starts[place] = start;
        yield [place, entryIn(text, start, end)];
        start = end + 1;
      }
    }
  }

  /** How many lines there are. */
  get count(): number {
    return this.#count;
  }

  /** The entry at a place. */
  entry(place: number): string {
    const { text } = this.#sourceOf(place);
    const start = this.#starts[place] ?? 0;
    return entryIn(text, start, endOfLine(text, start));
  }

  /** The entry at a place, and where that is. */
  rule(place: number): Rule {
    const { file, first } = this.#sourceOf(place);
    return { file, line: place - first + 1, text: this.entry(place) };
  }

  #sourceOf(place: number): Source & { readonly first: number } {
    const index = this.#first.findLastIndex((first) => first <= place);
    const source = this.#sources[index], first = this.#first[index];
    if (source === undefined || first === undefined) throw new RangeError(`no line ${place}`);
    return { ...source, first };
  }
}

function endOfLine(text: string, start: number): number {
  const newline = text.indexOf("\n", start);
  return newline < 0 ? text.length : newline;
}

function twiceAsLong(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(numbers.length * 2);
  longer.set(numbers);
  return longer;
}

/** What stands between `start` and `end` without comment and surrounding white space. */
function entryIn(text: string, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    if (text.charCodeAt(i) === 0x23) end = i;
  }
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
