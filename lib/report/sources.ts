/**
 * The logs of a report, read side by side in the order of time: a mail may be deferred by one host and come back to
 * another, and files are named in any order. Each is opened only when its time has come.
 *
 * Within a log, time may go back a little, as when several hosts write to it or a clock is set; its lines stay in their
 * order.
 */
import { messageOf } from "../error.ts";
import { type LineEvent, readLine } from "../log/line.ts";
import { timeOf } from "../log/stamp.ts";
import { type TextLines, textLines } from "./text_lines.ts";
import { troubleWords } from "./troubles.ts";

/** A log. */
export interface LogSource {
  readonly name: string;
  /** It has no line that is later than that, in UNIX seconds: the year of stamps without one comes from it. */
  readonly latest: number;
  /** Whether it can be read twice. What can be read once only, as a pipe, is read first. */
  readonly reopen: boolean;
  open(): AsyncIterable<Uint8Array>;
}

/** What has been read so far. */
export interface ReadSoFar {
  bytes: number;
  lines: number;
  tooLong: number;
  /** Lines of decisions or trouble that nothing tells the time of. */
  withoutTime: number;
  /** What could not be read, or not to its end, and why. */
  readonly problems: string[];
}

export function nothingRead(): ReadSoFar {
  return { bytes: 0, lines: 0, tooLong: 0, withoutTime: 0, problems: [] };
}

/** Takes a line that is about greylisting, and when it was said, if that is known. */
export type Take = (event: LineEvent, at: number | undefined) => unknown;

/** What a line has that a report is about, in any of its forms; most lines of a mail log have none of it. */
const decisionWords = /action(?:=|\\*":)/;

/** Reads all; never rejects. `onBatch` is called every now and then. */
export async function readSources(
  sources: readonly LogSource[],
  take: Take,
  read: ReadSoFar,
  onBatch: () => void,
): Promise<void> {
  const waiting: { readonly source: LogSource; readonly begins: number }[] = [];
  for (const source of sources) {
    waiting.push({ source, begins: source.reopen ? await beginningOf(source) : -Infinity });
  }
  waiting.sort((a, b) => a.begins - b.begins);
  const open: Reader[] = [];
  for (;;) {
    for (;;) {
      const next = waiting[0];
      if (next === undefined || open.some(({ now }) => now < next.begins)) break;
      open.push(new Reader(next.source, next.begins, read));
      waiting.shift();
    }
    open.sort((a, b) => a.now - b.now);
    const [reader, other] = open;
    if (reader === undefined) return;
    const until = Math.min(other?.now ?? Infinity, waiting[0]?.begins ?? Infinity);
    if (!await reader.read(take, until)) open.shift();
    onBatch();
  }
}

/** When the first line was said that tells; -Infinity if none of the first does, or it cannot be read. */
async function beginningOf(source: LogSource): Promise<number> {
  try {
    for await (const lines of textLines(source.open()).batches()) {
      for (const line of lines) {
        const at = timeIn(readLine(line), source);
        if (at !== undefined) return at;
      }
      break;
    }
  } catch {
    // It will be told when it is read.
  }
  return -Infinity;
}

/** A clock that is a year ahead is wrong: its lines would put all others of a log behind them. In seconds. */
const longestAhead = 366 * 86_400;

/** When a line was said, in UNIX seconds, if that is known. */
function timeIn(event: LineEvent | undefined, { latest }: LogSource): number | undefined {
  const at = event?.stamp === undefined ? undefined : timeOf(event.stamp, latest);
  return at === undefined || at < 0 || at > latest + longestAhead ? undefined : at;
}

/** What a line says that may be about greylisting. */
function eventIn(line: string): LineEvent | undefined {
  return decisionWords.test(line) || troubleWords.test(line) ? readLine(line) : undefined;
}

/** A log that is being read. */
class Reader {
  /** When the next line was said, or a later one before it. */
  now: number;
  readonly #source: LogSource;
  readonly #read: ReadSoFar;
  readonly #text: TextLines;
  readonly #batches: AsyncGenerator<string[]>;
  #bytes = 0;
  #lines: readonly string[] = [];
  #place = 0;

  constructor(source: LogSource, begins: number, read: ReadSoFar) {
    this.now = begins;
    this.#source = source;
    this.#read = read;
    this.#text = textLines(source.open());
    this.#batches = this.#text.batches();
  }

  /** Takes lines until the next is later than `until`, or has to be waited for. False: that was all. */
  async read(take: Take, until: number): Promise<boolean> {
    if (this.#place >= this.#lines.length && !await this.#more()) return false;
    while (this.#place < this.#lines.length) {
      const event = eventIn(this.#lines[this.#place] ?? "");
      const at = timeIn(event, this.#source);
      if (at !== undefined) this.now = Math.max(this.now, at);
      if (this.now > until) break;
      this.#place++;
      if (event === undefined) continue;
      if (at === undefined) this.#read.withoutTime++;
      take(event, at);
    }
    return true;
  }

  async #more(): Promise<boolean> {
    const read = this.#read, tooLong = this.#text.tooLong;
    try {
      const { value, done } = await this.#batches.next();
      this.#lines = value ?? [];
      this.#place = 0;
      read.lines += this.#lines.length;
      return !done;
    } catch (error) {
      read.problems.push(`${this.#source.name}: ${messageOf(error)}`);
      return false;
    } finally {
      read.bytes += this.#text.bytes - this.#bytes;
      this.#bytes = this.#text.bytes;
      read.tooLong += this.#text.tooLong - tooLong;
    }
  }
}
