/**
 * Runs a row of the failure table for real: a daemon under a load, a fault that is injected, held and healed.
 *
 *     before ─ inject ─▶ entering (its line in the log) ─▶ held ─ heal ─▶ leaving (its line) ─▶ after
 *
 * What has to hold, whatever the row:
 * - Every request gets one legal answer or, where the row says so, a closed connection.
 * - A user's letter is let through at once.
 * - Answers come within the store's timeout: the share that does within 50 ms more is told, a second more is too late,
 *   because machines are noisy. While the store is known to be down hardly anybody waits.
 * - The state is told on entering and on leaving, and not all the time.
 * - The daemon recovers without a restart, and leaves neither memory nor descriptors behind.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import process from "node:process";
import test from "node:test";
import { atEnd, type Cleanup, waitFor } from "../support/process.ts";
import { report } from "../support/report.ts";
import { Daemon, type Place } from "../support/daemon.ts";
import { add, answersSayWhose, type Expectation, Load, nothingSeen, type Seen } from "./load.ts";

export interface Row<P extends Place> {
  /** What is broken, and how. */
  readonly name: string;
  readonly place: (t: Cleanup) => Promise<P>;
  /** Breaks it, and gives what mends it. */
  readonly inject: (place: P, daemon: Daemon) => Healing | Promise<Healing>;
  /** What the answers are while it is broken. */
  readonly meanwhile: Expectation;
  /** What the log says then, and when it is over. */
  readonly entering?: RegExp;
  readonly leaving?: RegExp;
  /** The most that an answer waits beside the store, in milliseconds: for DNS. */
  readonly besideMilliseconds?: number;
  /** What was known before is forgotten. */
  readonly forgets?: boolean;
  /** Connections may be closed without an answer. */
  readonly closes?: boolean;
  /** What else has to hold at the end; `held` is what the load saw of the fault. */
  readonly check?: (place: P, daemon: Daemon, held: Seen) => void | Promise<void>;
  /** Why it cannot be run here. */
  readonly skip?: string | false;
}

type Healing = () => void | Promise<void>;

const connections = 30;
/** The program's default. */
const storeTimeoutMilliseconds = 500;
/** How long a fault is held: short for every day, longer by request. */
export const heldMilliseconds = 1000 * Number(process.env["FAULT_SECONDS"] || 1.5);
/** How long the answers before and after it are looked at. */
const ordinaryMilliseconds = 300;
/** What a daemon may have more than before: kilobytes at its peak, descriptors at the end. */
const marginKilobytes = 150_000, marginDescriptors = 5;

/** What a row has shown. Times are milliseconds. */
interface Outcome {
  /** What the load saw of the fault, and of everything. */
  readonly held: Seen;
  readonly all: Seen;
  readonly entering: number;
  readonly leaving: number;
  /** How much more the daemon had at its peak than before. */
  readonly grownKilobytes: number;
  readonly restarted: boolean;
}

/** The rows of one subject: gives what makes a row a test. */
export function failureTable(subject: string): <P extends Place>(row: Row<P>) => void {
  const lines = [heading];
  return (row) => {
    test(row.name, { skip: row.skip ?? false }, async (t) => {
      const place = await row.place(t);
      const daemon = await Daemon.start(t, { ...place, args: [...place.args, ...answersSayWhose] });
      const load = new Load(
        daemon.port,
        connections,
        storeTimeoutMilliseconds + (row.besideMilliseconds ?? 0) + 1000,
      );
      atEnd(t, () => load.stop());
      let line = [row.name, "FAILED", ...heading.slice(2).map(() => "–")];
      try {
        const outcome = await drive(row, place, daemon, load);
        judge(row, daemon.log(), outcome);
        await row.check?.(place, daemon, outcome.held);
        line = lineOf(row, outcome);
      } finally {
        lines.push(line);
        fs.writeSync(1, `${line.join(" | ")}\n`);
        const text = `${connections} connections; each fault held for ${
          heldMilliseconds / 1000
        } s.`;
        report(`faults: ${subject}`, text, lines);
      }
    });
  };
}

async function drive<P extends Place>(
  row: Row<P>,
  place: P,
  daemon: Daemon,
  load: Load,
): Promise<Outcome> {
  const all = nothingSeen();
  const phase = (expectation: Expectation) => {
    add(all, load.seen);
    load.expect(expectation);
  };
  const between = row.meanwhile === "ordinary" ? "ordinary" : "either";
  const logEnd = () => `the log ends with: ${daemon.log().slice(-1000)}`;
  const until = (what: string, condition: () => boolean) =>
    waitFor(what, () => {
      assert.deepEqual(load.wrong, []);
      assert.ok(row.closes || daemon.alive, `it has ended; ${logEnd()}`);
      return condition();
    }).catch((error) =>
      assert.fail(`${error}; answers: ${JSON.stringify(load.seen)}; ${logEnd()}`)
    );
  // So often that everybody's known triplet has passed.
  const well = () =>
    until("ordinary answers", () => load.complete && load.seen.deferred > 3 * connections);
  const next = (line: RegExp | undefined) => {
    const count = () => line === undefined ? 1 : [...daemon.log().matchAll(line)].length;
    const before = line === undefined ? 0 : count();
    return () => until(`the log to say ${line}`, () => count() > before);
  };

  await well();
  phase("ordinary");
  await sleep(ordinaryMilliseconds);
  const { pid, descriptors, memory } = daemon;

  load.remembers = row.forgets !== true;
  phase(between);
  const entered = next(row.entering);
  let began = performance.now();
  const heal = await row.inject(place, daemon);
  await entered();
  const entering = performance.now() - began;
  // Some have begun to wait before that.
  if (row.meanwhile === "on-store-failure") await sleep(storeTimeoutMilliseconds);
  phase(row.meanwhile);
  await sleep(heldMilliseconds);
  const held = load.seen;

  phase(between);
  const left = next(row.leaving);
  began = performance.now();
  await heal();
  await left();
  await well();
  const leaving = performance.now() - began;
  phase("ordinary");
  await sleep(ordinaryMilliseconds);
  await until("the descriptors back", () => daemon.descriptors <= descriptors + marginDescriptors);
  phase("either");
  const grownKilobytes = daemon.memory.peak - memory.now;
  return { held, all, entering, leaving, grownKilobytes, restarted: daemon.pid !== pid };
}

function judge<P extends Place>(row: Row<P>, log: string, outcome: Outcome): void {
  const { held, all, grownKilobytes } = outcome;
  if (row.closes !== true) {
    assert.ok(!outcome.restarted, "it was restarted");
    assert.equal(all.closed + all.refused, 0, "connections were closed");
    assert.ok(held.times.length > connections, "the answers did not go on");
    const letter = median(held.letterTimes);
    assert.ok(letter < storeTimeoutMilliseconds / 4, `letters wait: ${letter} ms is the median`);
  }
  if (row.meanwhile === "on-store-failure") {
    const usual = median(held.times);
    assert.ok(usual < storeTimeoutMilliseconds / 2, `everybody waits: ${usual} ms is the median`);
  }
  const [suspect] =
    /.*internal error.*|reason=(triplet found|client AWL).*sender=new@.*/.exec(log) ??
      [];
  assert.equal(suspect, undefined);
  for (const [, what] of log.matchAll(/(store .+ is not usable)/g)) {
    const times = log.split(what ?? "").length - 1;
    assert.ok(times <= 2, `${times} times: ${what}`);
  }
  assert.ok(grownKilobytes < marginKilobytes, `${grownKilobytes} kB more`);
}

const heading = [
  "what is broken",
  "answers meanwhile",
  "requests",
  `within ${storeTimeoutMilliseconds + 50} ms`,
  "slowest",
  "told after",
  "well again after",
  "memory at most",
];

function lineOf<P extends Place>(row: Row<P>, outcome: Outcome): string[] {
  const { held, all, entering, leaving, grownKilobytes } = outcome;
  const ordinary = `${Math.round(100 * held.deferred / (held.deferred + held.passed))} % ordinary`;
  const times = sorted(all.times);
  const inTime = times.filter((ms) => ms <= storeTimeoutMilliseconds + 50).length / times.length;
  const ms = (time: number) => `${time.toFixed(0)} ms`;
  return [
    row.name,
    row.meanwhile === "either" ? ordinary : row.meanwhile,
    String(times.length),
    `${(100 * inTime).toFixed(2)} %`,
    ms(times.at(-1) ?? NaN),
    row.entering === undefined ? "–" : ms(entering),
    ms(leaving),
    `+ ${(grownKilobytes / 1024).toFixed(0)} MiB`,
  ];
}

function median(times: readonly number[]): number {
  return sorted(times)[times.length >> 1] ?? NaN;
}

function sorted(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b);
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
