/**
 * `greylist report [FILE…]`: what a mail log says of greylisting, as text, JSON or a page.
 *
 * Status 0 says that all was read; 1 that something could not be, or not to its end, and what there was is told; 78
 * that the command line is wrong.
 */
import * as fs from "node:fs";
import process from "node:process";
import { messageOf } from "../error.ts";
import { parseDuration } from "../config/units.ts";
import { settings } from "../config/settings.ts";
import type { LineEvent } from "../log/line.ts";
import { figuresOf } from "../report/figures.ts";
import { type LogSource, nothingRead, readSources } from "../report/sources.ts";
import { Tally } from "../report/tally.ts";
import { reportText } from "../report/text.ts";
import { WaitingMails } from "../report/waiting.ts";
import { number, parseMoment } from "../report/words.ts";
import type { Given } from "./command.ts";
import { Progress } from "./progress.ts";
import { refuse } from "./refuse.ts";
import { print, tell } from "./terminal.ts";

/** Larger pieces make nothing faster, and keep more of the log in memory. */
const chunkBytes = 64 * 1024;

export async function report({ line }: Given): Promise<number> {
  const { words, switches } = line;
  const asked = readOptions(line);
  if (asked.problems.length > 0) return await refuse(asked.problems);
  const { since, until, windowSeconds, page } = asked;
  const isBounded = since !== undefined || until !== undefined;
  const isWanted = (at: number | undefined) =>
    !isBounded || (at !== undefined && at >= (since ?? -Infinity) && at < (until ?? Infinity));

  const tally = new Tally(new WaitingMails(windowSeconds)), read = nothingRead();
  const progress = new Progress();
  const sources = (words.length === 0 ? ["-"] : words).map((name) => sourceOf(name, asked.now));
  const take = (event: LineEvent, at: number | undefined) => isWanted(at) && tally.take(event, at);
  await readSources(
    sources,
    take,
    read,
    () => progress.show(() => `${number(read.bytes / 1e6)} MB, ${number(read.lines)} lines`),
  );
  progress.clear();

  const figures = figuresOf(tally, read, windowSeconds, isBounded ? read.withoutTime : 0);
  if (page !== undefined) {
    const { reportPage } = await import("../report/page.ts");
    fs.writeFileSync(page, reportPage(figures));
    fs.closeSync(page);
  }
  if (switches.has("json")) print(JSON.stringify(figures, null, 2));
  else if (page === undefined) print(reportText(figures));
  tell(read.problems.map((problem) => `Cannot read all of ${problem}`));
  return read.problems.length > 0 ? 1 : 0;
}

/** What the command line asks for, or what is wrong with it. Times are UNIX seconds. */
function readOptions({ options, settings: given, problems: others }: Given["line"]) {
  const now = Date.now() / 1000, problems = [...others];
  const read = <T>(name: string, text: string | undefined, reader: (text: string) => T) => {
    try {
      return text === undefined ? undefined : reader(text);
    } catch (error) {
      problems.push(`--${name}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const option = <T>(name: string, reader: (text: string) => T) =>
    read(name, options.get(name), reader);
  const time = (text: string) => parseMoment(text, now, parseDuration);
  const window = given.get("retry-window")?.texts[0] ?? settings["retry-window"].fallback;
  return {
    now,
    since: option("since", time),
    until: option("until", time),
    windowSeconds: read("retry-window", window, parseDuration) ?? 0,
    // Before hours are spent on what nobody can have.
    page: problems.length > 0 ? undefined : option("html", (file) => fs.openSync(file, "w")),
    problems,
  };
}

/** Undefined where there is nothing to be had: reading it will say why. */
function statOf(name: string): fs.Stats | undefined {
  try {
    return fs.statSync(name);
  } catch {
    return undefined;
  }
}

/** A file, or `-` for standard input. */
function sourceOf(name: string, now: number): LogSource {
  // A line may be stamped a moment after it is there, by another clock; and be said while others are read.
  const hour = 3600, latest = now + hour;
  if (name === "-") {
    if (process.stdin.isTTY) tell(["reading standard input, because no FILE was named"]);
    return { name: "standard input", latest, reopen: false, open: () => process.stdin };
  }
  const stat = statOf(name), file = stat?.isFile() ? stat : undefined;
  return {
    name,
    latest: Math.min(latest, file === undefined ? Infinity : file.mtimeMs / 1000 + hour),
    reopen: file !== undefined,
    open: () => fs.createReadStream(name, { highWaterMark: chunkBytes }),
  };
}
