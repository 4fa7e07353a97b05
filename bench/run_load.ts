/** A daemon for a load, and the load (load.ts) as a process of its own. */
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { startProgram } from "../tests/support/greylist.ts";
import { type Cleanup, freePort, start, tempDir, waitFor } from "../tests/support/process.ts";
import type { LoadResult } from "./load.ts";

/** Starts a daemon that logs into a file, as in production; gives where it listens. */
export async function startGreylist(scope: Cleanup, args: readonly string[]): Promise<string> {
  const log = path.join(tempDir(scope), "log");
  const listen = `inet:127.0.0.1:${await freePort()}`;
  const logs = ["--log", `file:${log}`];
  startProgram(scope, ["--mode", "daemon", "--listen", listen, ...logs, ...args]);
  const listens = () => fs.existsSync(log) && fs.readFileSync(log, "utf8").includes(listen);
  await waitFor("greylist to listen", listens);
  return listen;
}

/** As load.ts has them. */
export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly seed: number;
  readonly domains?: number;
  readonly mails?: number;
}

/** Runs a load. Not synchronously: what the servers log may have to be read meanwhile. */
export async function load(
  scope: Cleanup,
  endpoint: string,
  { connections, seconds, seed, domains = 5000, mails = 0 }: LoadOptions,
): Promise<LoadResult> {
  const script = new URL("load.ts", import.meta.url).pathname;
  const words = [
    ...["run", "-A", "--no-check", "--quiet", script, endpoint],
    ...[connections, seconds, seed, domains, mails],
  ];
  // Through env(1): node:child_process in Deno rewrites the arguments of what it knows to be Deno.
  const running = start(scope, "env", [process.execPath, ...words.map(String)]);
  if (await running.exited !== 0) throw new Error(`the load failed: ${running.stderr()}`);
  return JSON.parse(running.stdout());
}
