/**
 * The daemon beside postgrey, on this machine and in the same minutes: requests a second and how long an answer
 * takes, at 50 connections and fresh triplets. They take turns, so that the machine's moods meet both; what
 * counts is the ratio.
 *
 *     deno task bench:daemon        needs memcached and postgrey; PROGRAM_UNDER_TEST=dist/greylist for the binary
 */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { startMemcached } from "../tests/support/memcached.ts";
import { freePort, start, tempDir, waitFor } from "../tests/support/process.ts";
import type { LoadResult } from "./load.ts";
import { load, startGreylist } from "./run_load.ts";

const rounds = 3, connections = 50, seconds = 4;

const cleanups: (() => void | Promise<void>)[] = [];
const scope = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) };
try {
  const memcached = await startMemcached(scope);
  const contenders = new Map<string, string>();
  for (const store of [`memcached:${memcached.server}`, "memory"]) {
    contenders.set(
      `greylist, ${store.split(":")[0]}`,
      await startGreylist(scope, ["--store", store]),
    );
  }
  contenders.set("postgrey", await startPostgrey());

  const results = new Map<string, LoadResult[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const [name, endpoint] of contenders) {
      const result = await load(scope, endpoint, {
        connections,
        seconds,
        seed: round * 10 + results.size,
      });
      results.set(name, [...results.get(name) ?? [], result]);
    }
  }
  const median = (name: string, of: (result: LoadResult) => number) =>
    (results.get(name) ?? []).map(of).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN;
  print(`medians of ${rounds} rounds of ${seconds} s at ${connections} connections`);
  for (const name of contenders.keys()) {
    const rate = median(name, (result) => result.requestsPerSecond);
    const ratio = rate / median("postgrey", (result) => result.requestsPerSecond);
    const p50 = median(name, (result) => result.p50), p99 = median(name, (result) => result.p99);
    print(
      `${name.padEnd(22)} ${String(rate).padStart(6)}/s  p50 ${p50.toFixed(1)} ms  ` +
        `p99 ${p99.toFixed(1)} ms  ${ratio.toFixed(1)} times postgrey`,
    );
  }
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}

async function startPostgrey(): Promise<string> {
  const dir = tempDir(scope), port = await freePort();
  const user = execFileSync("id", ["-un"], { encoding: "latin1" }).trim();
  const running = start(scope, "/usr/sbin/postgrey", [
    `--inet=127.0.0.1:${port}`,
    `--dbdir=${dir}`,
    `--user=${user}`,
    `--group=${user}`,
  ]);
  await waitFor("postgrey to listen", () => running.stderr().includes("Binding"));
  return `inet:127.0.0.1:${port}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
