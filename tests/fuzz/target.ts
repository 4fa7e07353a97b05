/**
 * What a fuzz target is, and the inputs that most of them have: real ones, changed in a few places. That finds
 * more than bytes drawn at random, which fail at the first check.
 *
 * Texts are byte strings, as everywhere in this program.
 */
import * as fs from "node:fs";
import fc from "fast-check";

/** Something that takes what strangers, administrators or servers send. */
export interface Target {
  readonly name: string;
  /** Inputs that the normal test run tries; fewer for one that uses the network. */
  readonly fewInputs: number;
  /** Tries `inputs` of them, with what is drawn from `seed`. Rejects with the shortest input that it can find. */
  run(inputs: number, seed: number): Promise<void>;
}

/**
 * A target: `holds` throws for an input that is not treated as it should be.
 *
 * @param lanes how many inputs are tried at the same time, for those that wait
 */
export function target<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  holds: (input: Input) => void | Promise<void>,
  { fewInputs = 1000, lanes = 1 } = {},
): Target {
  const property = fc.asyncProperty(input, async (value) => await holds(value));
  const lane = (inputs: number, seed: number) =>
    fc.assert(property, {
      numRuns: Math.ceil(inputs / lanes),
      seed,
      // A failure's shortest input is worth some time, and not all of it.
      interruptAfterTimeLimit: 3_600_000,
    });
  return {
    name,
    fewInputs,
    async run(inputs, seed) {
      await Promise.all(Array.from({ length: lanes }, (_, i) => lane(inputs, seed + i)));
    },
  };
}

/** A text of bytes, any of them. */
export function bytes(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)), maxLength });
}

/** One change of a text: some bytes of it give way to others. Places are shares of its length. */
interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

/** What breaks parsers: ends of lines, of texts and of numbers, quotes, halves of characters, length. */
const troublesome = [
  ..."\n\r\0\t =,#/\\\"'@:;[]{}()+-._%$*?|^~\x7f\x80\xa0\xff",
  ...["\n\n", "\r\n", "\n\n\n", "\n ", "\n#", "==", "\\n", "\\x0a", "--"],
  ...["\xef\xbb\xbf", "\xe2\x80\xa8", "\xc2\x85", "\xe3\x85\xa4", "\xe2\xa0\x80", "\xe2\x80\xae"],
  ...["\xc3\xa9", "\xc3", "\xed\xa0\x80", "\xf0\x9f\x93\xa7"],
  ...["0", "1", "-1", "255", "256", "65535", "65536", "2147483648", "4294967296", "9".repeat(20)],
  ...["1e3", "0x10", "NaN", "Infinity", "__proto__", "constructor", "toString", "undefined"],
  ..."aAzZ",
  ...[...["a", "1", ".", "=", "+", "\xff"].map((one) => one.repeat(300)), "ab.".repeat(400)],
];

/** One of `corpus`, whole or with a few changes; `words` are worth inserting there. */
export function mutated(
  corpus: readonly string[],
  words: readonly string[] = [],
): fc.Arbitrary<string> {
  const spliced = fc.tuple(fc.constantFrom(...corpus), fc.nat(99), fc.nat(99))
    .map(([text, from, length]) => slice(text, from / 100, (from + length) / 100));
  const inserted = fc.oneof(
    fc.constant(""),
    fc.constantFrom(...troublesome, ...words),
    bytes(4),
    spliced,
  );
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat(999).map((share) => share / 1000),
    // Mostly a few bytes, now and then the rest.
    removed: fc.oneof(fc.nat(3), fc.nat(3), fc.nat(40), fc.constant(Infinity)),
    inserted,
  });
  return fc.tuple(fc.constantFrom(...corpus), fc.array(edit, { maxLength: 4 }))
    .map(([text, edits]) => edits.reduce(apply, text));
}

function apply(text: string, { at, removed, inserted }: Edit): string {
  const start = Math.floor(at * (text.length + 1));
  return text.slice(0, start) + inserted + text.slice(start + removed);
}

function slice(text: string, from: number, to: number): string {
  return text.slice(Math.floor(from * text.length), Math.ceil(to * text.length));
}

/** `text` cut at some places, which are shares of its length in thousandths. */
export function cut(text: string, places: readonly number[]): string[] {
  const ends = places.map((place) => Math.floor(place * text.length / 1000));
  const cuts = [0, ...ends.sort((a, b) => a - b), text.length];
  return cuts.slice(1).map((end, i) => text.slice(cuts[i], end));
}

/** Where `cut` cuts. */
export const places = fc.array(fc.nat(1000), { maxLength: 6 });

/** A file of this checkout. */
export function file(name: string): string {
  return fs.readFileSync(new URL(`../../${name}`, import.meta.url), "latin1");
}

/** The files of a folder of this checkout. */
export function files(folder: string): string[] {
  return fs.readdirSync(new URL(`../../${folder}`, import.meta.url)).sort()
    .map((name) => file(`${folder}/${name}`));
}
