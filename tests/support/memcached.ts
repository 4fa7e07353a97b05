/**
 * Real memcached servers for tests: on loopback or a unix socket, small, one thread, always ended.
 * Needs the Debian package memcached; with `sasl` also sasl2-bin (saslpasswd2), with `clock` libfaketime.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import type { Clock } from "./clock.ts";
import { atEnd, type Cleanup, type Running, start, tempDir } from "./process.ts";

/** A memcached that a test started. */
export interface Memcached {
  /** The TCP port of 127.0.0.1, or of ::1 with `host: "::1"`; 0 for a unix socket. */
  readonly port: number;
  /** The unix socket; empty for TCP. */
  readonly path: string;
  /** As a store setting names it: `127.0.0.1:11211`, `[::1]:11211`, `unix:/run/m.sock`. */
  readonly server: string;
  /** The process that runs now. */
  readonly pid: number;
  /** SIGSTOP, in effect on return: the kernel still accepts connections, nothing is ever answered. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it at once, frozen or not; connections to it are reset or closed. */
  stop(): Promise<void>;
  /** Ends it if it runs, and starts an empty one at the same address. */
  restart(): Promise<void>;
}

export interface MemcachedOptions {
  /** `127.0.0.1` (the default) or `::1`. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** Listen on this unix socket instead. */
  readonly path?: string;
  /** Ask for this user and password (binary protocol only). */
  readonly sasl?: { readonly username: string; readonly password: string };
  /** The wall clock that it goes by. */
  readonly clock?: Clock;
  /** More of memcached's own arguments. */
  readonly args?: readonly string[];
}

/** Starts a memcached that answers by the time the promise settles. */
export async function startMemcached(
  t: Cleanup,
  options: MemcachedOptions = {},
): Promise<Memcached> {
  const host = options.host ?? "127.0.0.1";
  const unix = options.path ?? "";
  // -1: one that memcached finds itself. A port that was free a moment ago may be another program's by now.
  let port = unix === "" ? options.port ?? -1 : 0;
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
  // 16 MiB hold the 10,000 entries of the contract suite several times over.
  const args = ["-m", "16", "-t", "1", "-c", "1024"];
  const portFile = path.join(tempDir(t), "port");
  if (unix === "") {
    args.push("-l", host);
    env["MEMCACHED_PORT_FILENAME"] = portFile;
  } else args.push("-s", unix, "-a", "777");
  // Memcached refuses to run as root without being told so; as root it can write to any test's folder.
  if (process.getuid?.() === 0) args.push("-u", "root");
  if (options.sasl !== undefined) {
    args.push("-S");
    env["SASL_CONF_PATH"] = saslFolder(t, options.sasl);
  }
  args.push(...options.args ?? []);

  let running: Running | undefined;
  const kill = async () => {
    // SIGKILL: it has nothing to save, and a stopped process does not notice SIGTERM.
    if (running !== undefined) await running.stop("SIGKILL");
    running = undefined;
    if (unix !== "") fs.rmSync(unix, { force: true });
  };
  const launch = async () => {
    fs.rmSync(portFile, { force: true });
    const words = ["memcached", ...args, ...unix === "" ? ["-p", String(port)] : []];
    const command = [...options.clock?.env ?? [], ...words];
    const launched = start({ after: () => {} }, "env", command, { env });
    options.clock?.drives(launched.pid);
    running = launched;
    let gone: number | string | undefined;
    void launched.exited.then((status) => gone = status);
    const end = performance.now() + 10_000;
    const listens = async () => {
      if (unix !== "") return await accepts({ path: unix });
      if (!fs.existsSync(portFile)) return false;
      port = Number(/^TCP INET6?: (\d+)/.exec(fs.readFileSync(portFile, "latin1"))?.[1]);
      return await accepts({ host, port });
    };
    while (!await listens()) {
      if (gone !== undefined) throw new Error(`memcached ended (${gone}): ${launched.stderr()}`);
      if (performance.now() > end) throw new Error(`memcached does not listen: ${words.join(" ")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const signal = (name: NodeJS.Signals) => {
    if (running !== undefined) process.kill(running.pid, name);
  };
  atEnd(t, kill);
  await launch();
  return {
    port,
    path: unix,
    server: unix !== ""
      ? `unix:${unix}`
      : host.includes(":")
      ? `[${host}]:${port}`
      : `${host}:${port}`,
    get pid() {
      return running?.pid ?? -1;
    },
    freeze: () => {
      signal("SIGSTOP");
      waitUntilStopped(running?.pid ?? -1);
    },
    thaw: () => signal("SIGCONT"),
    stop: kill,
    restart: async () => {
      await kill();
      await launch();
    },
  };
}

/**
 * Settles when a memcached that goes by a standing clock knows that it is `now` (UNIX seconds): it looks at the
 * clock once a second, or when somebody connects, and what is written before that is over too early. A clock
 * that is set back it notices only when the time that was has come again.
 */
export async function untilNoticed({ port }: Memcached, now: number): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    const socket = net.connect({ host: "127.0.0.1", port });
    const stats = await new Promise<string>((resolve, reject) => {
      let text = "";
      socket.setEncoding("latin1").on("data", (data: string) => {
        text += data;
        if (text.endsWith("END\r\n")) resolve(text);
      });
      socket.on("error", reject);
      socket.write("stats\r\n");
    });
    socket.destroy();
    const time = Number(/STAT time (\d+)/.exec(stats)?.[1]);
    if (time > now - 2) return;
    if (performance.now() > end) throw new Error(`memcached's time is ${time}, wanted ${now}`);
  }
}

/** A stop signal takes effect a moment after it was sent, in each thread for itself. */
function waitUntilStopped(pid: number): void {
  const end = performance.now() + 1000;
  const threads = `/proc/${pid}/task`;
  const state = (thread: string) => {
    const stat = fs.readFileSync(`${threads}/${thread}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
  };
  while (fs.readdirSync(threads).some((thread) => state(thread) !== "T")) {
    if (performance.now() > end) throw new Error(`process ${pid} does not stop`);
  }
}

function accepts(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(where);
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => (socket.destroy(), resolve(false)));
    socket.setTimeout(1000, () => (socket.destroy(), resolve(false)));
  });
}

/** A folder with a password database and the configuration that makes memcached use it. */
function saslFolder(t: Cleanup, user: { username: string; password: string }): string {
  const dir = tempDir(t);
  const database = path.join(dir, "sasldb2");
  execFileSync("saslpasswd2", ["-p", "-c", "-a", "memcached", "-f", database, user.username], {
    input: user.password,
  });
  fs.writeFileSync(
    path.join(dir, "memcached.conf"),
    `mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\n`,
  );
  return dir;
}
