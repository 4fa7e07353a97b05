/**
 * A long day in short: a daemon over Memcached under a steady load of new, retrying and known triplets. At the end it has to be
 * as at the start: memory, descriptors, latencies; every answer the right one, and every decision in the log.
 *
 *     deno task soak [--minutes 30] [--rate 2000]      needs memcached; PROGRAM_UNDER_TEST=dist/greylist for the binary
 *
 * Requests are sent when they are due, whether or not earlier ones have been answered; how long an answer takes counts from
 * then. Exit status 1 when something has drifted. With RELIABILITY=doc/reliability.md the table goes there, too.
 */
import * as path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Daemon } from "../tests/support/daemon.ts";
import { startMemcached } from "../tests/support/memcached.ts";
import { tempDir } from "../tests/support/process.ts";
import { report } from "../tests/support/report.ts";
import { RotatedLog } from "./rotated_log.ts";
import { connections, delaySeconds, SteadyLoad } from "./steady_load.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "2000" },
  },
});
const seconds = 60 * Number(values.minutes), rate = Number(values.rate);
if (!(seconds >= 10 && rate >= 1)) throw new Error("wanted --minutes of at least 0.2, --rate");
/** What the table has a line for. */
const sampleSeconds = Math.max(1, Math.min(60, seconds / 15));

/** How much the end may differ from the start: a busy machine's noise, and V8's leisure in collecting garbage. */
const margins = { mebibytes: 48, descriptors: 2, p50: 2, p50Milliseconds: 20 };

/** The share of new triplets that may pass because a busy machine stood still for longer than store-timeout. */
const mostStoreFailures = 0.1;

/** What one period has shown. */
interface Sample {
  readonly times: number[];
  readonly mebibytes: number;
  readonly descriptors: number;
}

const cleanups: (() => void | Promise<void>)[] = [];
const scope = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) };
try {
  process.exitCode = await soak();
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}

async function soak(): Promise<number> {
  const memcached = await startMemcached(scope, { args: ["-m", "64"] });
  const log = new RotatedLog(path.join(tempDir(scope), "log"));
  const daemon = await Daemon.start(scope, {
    args: [
      ...["--store", `memcached:${memcached.server}`, "--delay", `${delaySeconds}s`],
      ...["--log", `file:${log.file}`],
    ],
    log: () => "",
  });
  const load = new SteadyLoad(daemon.port);
  await load.getKnown();
  print(`${rate} requests a second for ${seconds} s`);
  const table = [["until", "requests", "p50", "p99", "slowest", "memory", "descriptors"]];
  const samples: Sample[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const times = await load.run(rate, sampleSeconds);
    await log.rotate();
    const { descriptors } = daemon, mebibytes = Math.round(daemon.memory.now / 1024);
    samples.push({ times, mebibytes, descriptors });
    const at = (share: number) => `${percentile(times, share).toFixed(1)} ms`;
    const until = `${Math.round(samples.length * sampleSeconds)} s`;
    table.push([
      ...[until, String(times.length), at(0.5), at(0.99), at(1)],
      ...[`${mebibytes} MiB`, String(descriptors)],
    ]);
    print(table.at(-1)?.join(" | ") ?? "");
  }
  const status = await daemon.stop();
  const logged = await log.close(), lost = load.answered - logged.decisions;
  const summary = `${load.answered} answers to requests that came at ${rate} a second from ` +
    `${connections} connections, a quarter of them new, a quarter retrying, half known; ` +
    `${load.storeFailures} of the new ones passed for a store that was late; ${lost} lines lost.`;
  print(summary);
  report("soak", summary, table);
  const problems = [
    ...load.problems,
    ...drift(samples),
    ...(load.storeFailures <= mostStoreFailures * load.fresh
      ? []
      : ["the store was late too often"]),
    ...(lost === 0 ? [] : [`${lost} decisions are not in the log`]),
    ...(logged.bugs === 0 ? [] : [`${logged.bugs} internal errors in the log`]),
    ...(status === 0 ? [] : [`the daemon's exit status is ${status}`]),
  ];
  for (const problem of problems) print(`FAILED: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

/**
 * What the last third of the samples has more than the first; the very first warms up. Their least is what counts: garbage
 * that waits to be collected, and whatever else the machine does, only adds to it.
 */
function drift(samples: readonly Sample[]): string[] {
  const third = Math.ceil(samples.length / 3);
  const first = samples.slice(1, 1 + third), last = samples.slice(-third);
  const problems: string[] = [];
  const compare = (
    what: string,
    of: (sample: Sample) => number,
    most: (start: number) => number,
  ) => {
    const start = Math.min(...first.map(of)), now = Math.min(...last.map(of));
    if (now > most(start)) problems.push(`${what}: ${now} at the end, ${start} at the start`);
  };
  compare("MiB of memory", ({ mebibytes }) => mebibytes, (start) => start + margins.mebibytes);
  compare("descriptors", ({ descriptors }) => descriptors, (start) => start + margins.descriptors);
  const p50 = ({ times }: Sample) => Math.round(percentile(times, 0.5));
  compare("p50 in ms", p50, (start) => margins.p50 * start + margins.p50Milliseconds);
  return problems;
}

/** The share-th of sorted numbers. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
