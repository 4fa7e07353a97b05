/**
 * The servers that are compared, each with a store of its own. All listen on TCP and defer for a second. greylist and postgrey
 * have the whitelists that Debian ships with postgrey, and their files where temporary files are.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { environment, request } from "../tests/support/greylist.ts";
import { Asker } from "../tests/support/asker.ts";
import { startMemcached } from "../tests/support/memcached.ts";
import {
  type Cleanup,
  freePort,
  pipedInto,
  type Running,
  start,
  tempDir,
  user,
  waitFor,
} from "../tests/support/process.ts";

/** How many keys greylist reads for a request: S and T for two identities, C, D, and two of 0.1.0. */
const readsOfGreylist = 8;

const delaySeconds = 1;

/** Until then what was asked once passes, also where times are whole seconds. */
export const primedAfterMilliseconds = 1000 * delaySeconds + 1200;

export const stores = ["memory", "memcached", "sqlite"] as const;
export type StoreName = typeof stores[number];
export const logs = ["none", "file", "stderr"] as const;
export type LogName = typeof logs[number];

/** A server that answers. */
export interface Server {
  /** `inet:127.0.0.1:41234`, `unix:/path` */
  readonly endpoint: string;
  readonly pid: number;
  /** Throws, with what the server said, if it has ended. */
  check(): void;
}

/** Starts greylist as a daemon, with one of the stores; `more` are further settings. */
export async function startGreylist(
  t: Cleanup,
  program: readonly string[],
  store: StoreName,
  log: LogName,
  more: readonly string[] = [],
): Promise<Server> {
  const words = [
    ...[...program, "--mode", "daemon", "--store", await storeAddress(t, store), "--log"],
    ...[log === "file" ? `file:${path.join(tempDir(t), "log")}` : log],
    ...["--delay", `${delaySeconds}s`, "--auto-whitelist", "1", "--max-connections", "2000"],
    // Which are there if postgrey is.
    ...["--whitelist-clients", "?/etc/postgrey/whitelist_clients"],
    ...["--whitelist-recipients", "?/etc/postgrey/whitelist_recipients"],
    ...more,
  ];
  const port = await freePort();
  words.push("--listen", `inet:127.0.0.1:${port}`);
  const piped = log === "stderr" ? pipedInto(t, path.join(tempDir(t), "log")).wrapper : [];
  // Through env(1): node:child_process in Deno rewrites the arguments of what it knows to be Deno.
  return await answering(port, start(t, "env", [...piped, ...words], { env: environment() }));
}

async function storeAddress(t: Cleanup, store: StoreName): Promise<string> {
  if (store === "memory") return "memory";
  if (store === "sqlite") return `sqlite:${path.join(tempDir(t), "state.db")}`;
  return `memcached:${(await startMemcached(t, { args: ["-m", "2048"] })).server}`;
}

/** The floor, which reads as many keys as greylist. */
export async function startFloor(t: Cleanup, program: string): Promise<Server> {
  const memcached = await startMemcached(t, { args: ["-m", "2048"] });
  const port = await freePort();
  const numbers = [port, memcached.port, delaySeconds, readsOfGreylist];
  return await answering(port, start(t, program, numbers.map(String)));
}

/** The bare server, and which runtime it was compiled with. */
export async function startBare(
  t: Cleanup,
  program: readonly string[],
): Promise<Server & { readonly runtime: string }> {
  const port = await freePort(), running = start(t, "env", [...program, String(port)]);
  return { ...await answering(port, running), runtime: running.stdout() };
}

/** postgrey; `clientPasses` puts a client into its auto-whitelist, which then has no known triplets any more. */
export async function startPostgrey(t: Cleanup, clientPasses: number): Promise<Server> {
  const { name, group } = user(), port = await freePort();
  const args = [
    ...[`--inet=127.0.0.1:${port}`, `--dbdir=${tempDir(t)}`, `--user=${name}`, `--group=${group}`],
    ...[`--delay=${delaySeconds}`, `--auto-whitelist-clients=${clientPasses}`],
  ];
  // It logs to standard error, and this program would be busy reading it.
  const words = ["-c", 'exec "$0" "$@" 2>/dev/null', "/usr/sbin/postgrey", ...args];
  return await answering(port, start(t, "sh", words));
}

async function answering(port: number, running: Running): Promise<Server> {
  const asker = new Asker({ host: "127.0.0.1", port });
  let status: number | string | undefined;
  void running.exited.then((ended) => status = ended);
  const check = () => {
    if (status === undefined) return;
    throw new Error(`the server has ended with ${status}: ${running.stderr()}`);
  };
  await waitFor("the server to answer", async () => {
    check();
    return (await asker.ask(request({ protocol_state: "DATA" }), 1000)).kind === "reply";
  });
  asker.close();
  return { endpoint: `inet:127.0.0.1:${port}`, pid: running.pid, check };
}

/** The processor time that a server has taken so far, in microseconds; Linux counts in hundredths of a second (proc(5)). */
export function processorTime({ pid }: Server): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12).map(Number);
  return (user + system) * 10_000;
}
