/**
 * Reading a list, a step at a time: a list of a million entries must not keep an answer waiting. Whoever
 * takes the steps (slices.ts) can let others in between any two, and loads the engine for patterns when the
 * first one is met. An entry that cannot be read is a problem with what was wanted; no line is passed over.
 */
import type { Lines, Rule } from "./lines.ts";
import type { NewPatternSet, Patterns } from "./patterns.ts";

/** An entry that cannot be read, and what could have stood there. */
export interface Problem extends Rule {
  readonly wanted: string;
}

/** An entry that is read, but may not do what it is there for. */
export interface Warning extends Rule {
  readonly doubt: string;
}

/** What is to be said about one entry. */
export type Remark = { readonly wanted: string } | { readonly doubt: string };

/** What reading asks for between two steps: nothing, or the engine for patterns as the next one's value. */
export type Reading<Result> = Generator<"pause" | "engine", Result, NewPatternSet | undefined>;

/** What has been read. */
export interface Found {
  /** The number of entries that could be read. */
  readonly size: number;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
}

/** How many lines are a step. */
const linesPerStep = 128;

/** Gives every pattern to `patterns`, and every other entry to `add`. */
export function* readEntries(
  lines: Lines,
  patterns: Patterns,
  add: (entry: string, place: number) => Remark | undefined,
): Reading<Found> {
  const problems: Problem[] = [], warnings: Warning[] = [];
  let size = 0;
  for (const [place, entry] of lines.entries()) {
    if (place % linesPerStep === linesPerStep - 1) yield "pause";
    if (entry === "") continue;
    const isPattern = entry.startsWith("/");
    if (isPattern && patterns.needEngine) patterns.useEngine(yield "engine");
    const remark = isPattern ? patterns.add(entry, place) : add(entry, place);
    if (remark === undefined || "doubt" in remark) size++;
    if (remark === undefined) continue;
    if ("doubt" in remark) warnings.push({ ...lines.rule(place), ...remark });
    else problems.push({ ...lines.rule(place), ...remark });
  }
  patterns.compile();
  return { size, problems, warnings };
}

/** One line for a log or a terminal: `FILE:LINE: Cannot parse entry: want …, got "ENTRY"`. */
export function describeProblem({ file, line, text, wanted }: Problem): string {
  // The engine says what is wrong with a pattern in the pattern's own bytes.
  return `${file}:${line}: Cannot parse entry: want ${escaped(wanted)}, got ${quoted(text)}`;
}

/** The same: `FILE:LINE: "ENTRY" …`. */
export function describeWarning({ file, line, text, doubt }: Warning): string {
  return `${file}:${line}: ${quoted(text)} ${doubt}`;
}

/** A text of a list as messages show it: printable, and not too long. */
export function quoted(text: string): string {
  const shown = text.length > 120 ? text.slice(0, 120) + "..." : text;
  return `"${escaped(shown.replace(/["\\]/g, "\\$&"))}"`;
}

/** Bytes that are not printable ASCII as `\xHH`. */
function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\xa0-\xff]/gu,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
