/**
 * The line format that all lists share, as postgrey has it: one entry a line, `#` starts a comment
 * wherever it stands, white space around an entry and empty lines mean nothing.
 *
 * - Texts are byte strings: files are decoded as latin1, as requests are. So white space is ASCII
 *   white space only: byte A0 is the second half of a UTF-8 `à`, not a space.
 * - An entry that cannot be read is a problem with what was wanted; no line is passed over.
 * - Nothing here knows files or settings: whoever reads the file names it.
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

/** An entry that cannot be read, and what could have stood there. */
export interface Problem extends Rule {
  readonly wanted: string;
}

const BYTE_ORDER_MARK = "\xef\xbb\xbf";

/** The entries of a file, in order. */
export function* rulesOf(source: Source): Generator<Rule> {
  const { file, text } = source;
  let line = 0;
  let start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const next = newline < 0 ? text.length : newline;
    line++;
    const entry = entryIn(text, start, next);
    if (entry !== "") yield { file, line, text: entry };
    start = next + 1;
  }
}

/** Gives every entry of every file to `add`, which says what was wanted in place of one it cannot take. */
export function addRules(
  sources: readonly Source[],
  add: (rule: Rule) => string | undefined,
): Problem[] {
  const problems: Problem[] = [];
  for (const source of sources) {
    for (const rule of rulesOf(source)) {
      const wanted = add(rule);
      if (wanted !== undefined) problems.push({ ...rule, wanted });
    }
  }
  return problems;
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

/** One line for a log or a terminal: `Cannot read FILE:LINE: "ENTRY", wanted …`. */
export function describeProblem(problem: Problem): string {
  const { file, line, text, wanted } = problem;
  const shown = text.length > 120 ? text.slice(0, 120) + "..." : text;
  const quoted = shown.replace(
    /[^\x20-\x7e]|["\\]/g,
    (c) => /["\\]/.test(c) ? "\\" + c : "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"),
  );
  return `Cannot read ${file}:${line}: "${quoted}", wanted ${wanted}`;
}
