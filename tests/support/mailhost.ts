/**
 * A whole mail host for the end-to-end tests: Postfix, greylist in one of its modes, and a store.
 *
 * greylist runs as nobody and logs into a file of this host. What the tests vary is in its
 * configuration file; where it listens and logs is on its command line.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { type Postfix, startPostfix } from "./postfix.ts";
import { type Cleanup, freePort, type Running, start, tempDir, waitFor } from "./process.ts";
import { NOBODY, programUnderTest } from "./program.ts";

/** What the tests wait for. Long enough that an early retry is early on a busy machine too. */
export const DELAY_SECONDS = 3;

/** How Postfix reaches greylist: spawn(8), or a daemon's TCP or unix socket. */
export type Mode = "spawn" | "inet" | "unix";

export interface MailHostOptions {
  readonly mode: Mode;
  readonly store: "memcached" | "sqlite" | "memory";
  /** Further lines of greylist's configuration file, `name = value`. */
  readonly greylist?: readonly string[];
  /** Further main.cf settings, `name=value`. */
  readonly postfix?: readonly string[];
}

export interface MailHost {
  readonly postfix: Postfix;
  /** The lines of greylist's own log. */
  greylistLog(): string[];
  /** The store's server, when it is memcached. Start it again after stopping it: always the same port. */
  readonly memcached: Service;
  /** The daemon, in mode inet and unix. */
  readonly daemon: Service;
}

/** A server that a test can stop and start again. */
export interface Service {
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

export async function startMailHost(test: Cleanup, options: MailHostOptions): Promise<MailHost> {
  const program = programUnderTest();
  const t = lastFirst(test);
  const dir = tempDir(t);
  const state = path.join(dir, "state");
  fs.mkdirSync(state);
  fs.chownSync(state, NOBODY, NOBODY);
  const logFile = path.join(state, "greylist.log");
  const greylistLog = () =>
    fs.existsSync(logFile)
      ? fs.readFileSync(logFile, "latin1").split("\n").filter((line) => line !== "")
      : [];

  const memcachedPort = await freePort();
  const memcached = service(() => {
    const args = ["-l", "127.0.0.1", "-p", `${memcachedPort}`, "-U", "0", "-u", "nobody"];
    return start(t, "memcached", args);
  }, () => canConnect(memcachedPort));
  if (options.store === "memcached") await memcached.start();

  const store = {
    memcached: `memcached:127.0.0.1:${memcachedPort}`,
    sqlite: `sqlite:${state}/greylist.db`,
    memory: "memory",
  }[options.store];
  const config = path.join(dir, "greylist.conf");
  const settings = [`store = ${store}`, `delay = ${DELAY_SECONDS}s`, ...options.greylist ?? []];
  fs.writeFileSync(config, settings.map((line) => `${line}\n`).join(""));
  const command = [program, "--config", config, "--log", `file:${logFile}`];

  const daemonPort = await freePort();
  const socketDir = path.join(dir, "queue/greylist");
  const listen = options.mode === "unix"
    ? `unix:${socketDir}/socket`
    : `inet:127.0.0.1:${daemonPort}`;
  let starts = 0;
  const daemon = service(
    () => {
      starts++;
      const args = [...command.slice(1), "--mode", "daemon", "--listen", listen];
      return start(t, program, args, { uid: NOBODY, gid: NOBODY, cwd: "/", env: {} });
    },
    () => greylistLog().filter((line) => line.includes(`listening on ${listen}`)).length >= starts,
  );
  if (options.mode !== "spawn") {
    fs.mkdirSync(socketDir, { recursive: true });
    fs.chownSync(socketDir, NOBODY, NOBODY);
    await daemon.start();
  }

  const endpoint = {
    spawn: [], // postfix/main.cf says so itself
    inet: [`greylist_endpoint=${listen}`],
    unix: ["greylist_endpoint=unix:greylist/socket"],
  }[options.mode];
  const main = [...endpoint, ...options.postfix ?? []];
  const postfix = await startPostfix(t, { dir, spawn: command, settings: main });
  return { postfix, greylistLog, memcached, daemon };
}

function service(launch: () => Running, ready: () => boolean | Promise<boolean>): Service {
  let running: Running | undefined;
  return {
    async start() {
      const now = running = launch();
      const ended = now.exited.then((status) => {
        throw new Error(`ended with ${status}: ${now.stdout()}${now.stderr()}`);
      });
      await Promise.race([waitFor(`${now.child.spawnfile} to be ready`, ready), ended]);
      ended.catch(() => {/* its later end is the test's own doing */});
    },
    stop: async (signal) => await running?.stop(signal) ?? "never started",
  };
}

async function canConnect(port: number): Promise<boolean> {
  const { createConnection } = await import("node:net");
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    const settle = (answer: boolean) => () => (socket.destroy(), resolve(answer));
    socket.once("connect", settle(true)).once("error", settle(false));
  });
}

/** node:test runs its `after` functions first come, first served; what started last has to stop first. */
function lastFirst(t: Cleanup): Cleanup {
  const cleanups: (() => void | Promise<void>)[] = [];
  t.after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });
  return { after: (cleanup) => void cleanups.push(cleanup) };
}
