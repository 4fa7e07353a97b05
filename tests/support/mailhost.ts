/**
 * A whole mail host for the end-to-end tests: Postfix, greylist in one of its modes, and a store.
 *
 * greylist runs as nobody and logs into a file of this host. What the tests vary is in its
 * configuration file; where it listens and logs is on its command line.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import test from "node:test";
import { type DnsRecord, startDnsServer } from "./dns_server.ts";
import { type Memcached, startMemcached } from "./memcached.ts";
import { type Postfix, startPostfix } from "./postfix.ts";
import { type Cleanup, freePort, type Running, start, tempDir, waitFor } from "./process.ts";
import { NOBODY, programUnderTest } from "./program.ts";
import { submission } from "./submission.ts";

/** What the tests wait for. Long enough that an early retry is early on a busy machine too. */
export const DELAY_SECONDS = 5;

export interface MailHostOptions {
  /** How Postfix reaches greylist: spawn(8), or a daemon's TCP or unix socket. */
  readonly mode: "spawn" | "inet" | "unix";
  /** One that works, or any other as greylist is told it. */
  readonly store: "memcached" | "sqlite" | "memory" | `sqlite:${string}`;
  /**
   * Further lines of greylist's configuration file, `name = value`. Without one of it, store-timeout is so long that
   * a machine that stands still for a moment does not look like a store that fails.
   */
  readonly greylist?: readonly string[];
  /** Lists: the setting, a file or a file in a folder that becomes its value, and what is in it. */
  readonly lists?: readonly (readonly [setting: string, file: string, text: string])[];
  /** Further main.cf settings, `name=value`. */
  readonly postfix?: readonly string[];
  /** What the name server that greylist asks knows; without it greylist is not told of one. */
  readonly dns?: readonly DnsRecord[];
  /** Whether users can send, at `submissionPort`. */
  readonly submission?: true;
}

/** What a command did. */
export interface Ended {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MailHost {
  readonly postfix: Postfix;
  /** The file with greylist's settings; the lists are in the folder `lists` beside it. */
  readonly config: string;
  /** Where Postfix asks, and a daemon listens. */
  readonly endpoint: string;
  /** 0: nobody can. */
  readonly submissionPort: number;
  /** Runs a command of greylist, as root, with the server's configuration. Gives its exit status and output. */
  command(...words: readonly string[]): Promise<Ended>;
  /** The same for a line as one types it into a shell, which finds greylist there, and this host's Postfix. */
  shell(line: string): Promise<Ended>;
  /** The lines of greylist's own log. */
  greylistLog(): string[];
  /** The server of the store memcached. Throws when the store is another. */
  memcached(): Memcached;
  /** Starts the daemon, again after `stop` at the same address; in mode spawn there is none. */
  startDaemon(): Promise<Running>;
  /** The daemon that `startDaemon` or this host's start started last. */
  daemon(): Running;
}

/** A test on a mail host of its own. When it fails, the error says what both logs hold. */
export function mailHostTest(
  name: string,
  options: MailHostOptions,
  body: (host: MailHost, t: Cleanup) => Promise<void>,
): void {
  test(name, async (t) => {
    const host = await startMailHost(t, options);
    try {
      await body(host, t);
    } catch (error) {
      const logs = [...host.postfix.log(), ...host.greylistLog()].join("\n");
      throw new Error(`${error instanceof Error ? error.message : error}\n${logs}`, {
        cause: error,
      });
    }
  });
}

async function startMailHost(t: Cleanup, options: MailHostOptions): Promise<MailHost> {
  const program = programUnderTest();
  const dir = tempDir(t);
  const state = path.join(dir, "state");
  fs.mkdirSync(state);
  fs.chownSync(state, NOBODY, NOBODY);
  const logFile = path.join(state, "greylist.log");
  const greylistLog = () => {
    if (!fs.existsSync(logFile)) return [];
    return fs.readFileSync(logFile, "latin1").split("\n").filter((line) => line !== "");
  };

  const memcached = options.store === "memcached" ? await startMemcached(t) : undefined;
  const store = options.store === "memcached"
    ? `memcached:${memcached?.server}`
    : options.store === "sqlite"
    ? `sqlite:${state}/greylist.db`
    : options.store;
  const config = path.join(dir, "greylist.conf");
  const settings = [`store = ${store}`, `delay = ${DELAY_SECONDS}s`, ...options.greylist ?? []];
  if (!settings.some((line) => line.startsWith("store-timeout"))) {
    settings.push("store-timeout = 5s");
  }
  if (options.dns !== undefined) {
    const { server } = await startDnsServer(t, options.dns);
    settings.push(`dns-servers = ${server}`);
  }
  for (const [setting, file, text] of options.lists ?? []) {
    const target = path.join(dir, "lists", file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    settings.push(`${setting} = ${path.join(dir, "lists", file.split("/")[0] ?? "")}`);
  }
  fs.writeFileSync(config, settings.map((line) => `${line}\n`).join(""));
  const args = ["--config", config, "--log", `file:${logFile}`];

  const socketDir = path.join(dir, "queue/greylist");
  const listen = options.mode === "unix"
    ? `unix:${socketDir}/socket`
    : `inet:127.0.0.1:${await freePort()}`;
  const listening = () => greylistLog().filter((line) => line.includes(`listening on ${listen}`));
  let daemon: Running | undefined;
  const startDaemon = async () => {
    const before = listening().length;
    const daemonArgs = [...args, "--mode", "daemon", "--listen", listen];
    const as = { uid: NOBODY, gid: NOBODY, cwd: "/", env: {} };
    const started = daemon = start(t, program, daemonArgs, as);
    const ended = started.exited.then((status) => `${status}: ${started.stderr()}`);
    const ready = waitFor("the daemon to listen", () => listening().length > before);
    assert.equal(await Promise.race([ready, ended]), undefined, "the daemon ended");
    return started;
  };
  if (options.mode !== "spawn") {
    fs.mkdirSync(socketDir, { recursive: true });
    fs.chownSync(socketDir, NOBODY, NOBODY);
    await startDaemon();
  }

  const endpoint = {
    spawn: [], // postfix/main.cf says so itself
    inet: [`greylist_endpoint=${listen}`],
    unix: ["greylist_endpoint=unix:greylist/socket"],
  }[options.mode];
  const submissionPort = options.submission ? await freePort() : 0;
  const asked = options.mode === "spawn" ? undefined : listen;
  const users = options.submission ? submission(dir, submissionPort, asked) : undefined;
  const postfix = await startPostfix(t, {
    dir,
    spawn: [program, ...args],
    settings: lastOfEach([...endpoint, ...users?.settings ?? [], ...options.postfix ?? []]),
    service: users?.service ?? "",
  });
  const run = async (program: string, words: readonly string[], env: Record<string, string>) => {
    const running = start(t, program, words, { cwd: "/", env });
    running.child.stdin?.end();
    return { status: await running.exited, stdout: running.stdout(), stderr: running.stderr() };
  };
  return {
    postfix,
    config,
    endpoint: options.mode === "spawn" ? "unix:private/greylist" : listen,
    submissionPort,
    command: (...words) => run(program, [...words, "--config", config], {}),
    shell(line) {
      const functions = [
        `greylist() { '${program}' "$@" --config '${config}'; }`,
        ...["postconf", "postfix"].map((name) =>
          `${name}() { command ${name} -c '${dir}/config' "$@"; }`
        ),
      ];
      const daemon = options.mode === "spawn" ? {} : {
        GREYLIST_MODE: "daemon",
        GREYLIST_LISTEN: listen,
      };
      const env = { ...daemon, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
      return run("sh", ["-c", [...functions, line].join("\n")], env);
    },
    greylistLog,
    memcached: () => memcached ?? assert.fail(`the store is ${store}`),
    startDaemon,
    daemon: () => daemon ?? assert.fail("no daemon in mode spawn"),
  };
}

/** Of settings `name=value` with the same name the last: postconf warns of the others. */
function lastOfEach(settings: readonly string[]): string[] {
  return [...new Map(settings.map((line) => [line.split("=")[0], line])).values()];
}
