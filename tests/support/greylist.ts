/**
 * The program under test as a process, and Postfix's side of a connection to it.
 *
 * It is the executable that PROGRAM_UNDER_TEST names, or else the source under the runtime that runs the
 * tests, with the permissions that the compiled program has. Its environment is ours without what
 * would configure it.
 */
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { permissions } from "../../tools/compile.ts";
import { atEnd, type Cleanup, type Running, start, tempDir, waitFor } from "./process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The compiled program to test, if there is one. */
export const executable = process.env["PROGRAM_UNDER_TEST"] || undefined;

const testsRunUnderBun = process.versions["bun"] !== undefined;

/** Whether the program runs under Bun, which has no unix datagram sockets. */
export const underBun = executable === undefined && testsRunUnderBun;

/** Words that start the program; arguments go behind them. */
export const program: readonly string[] = executable !== undefined
  ? [path.resolve(executable)]
  : script("main.ts");

/** Words that start a script, of this checkout unless its path is absolute, as the program's source is started. */
export function script(file: string): readonly string[] {
  const run = testsRunUnderBun
    ? [process.execPath]
    : [process.execPath, "run", "--quiet", "--no-check", ...permissions];
  return [...run, path.resolve(root, file)];
}

/** The environment of a program under test. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined) continue;
    if (!name.startsWith("GREYLIST_") && name !== "PROGRAM_UNDER_TEST") env[name] = value;
  }
  return env;
}

/**
 * Starts the program, or another one; `wrapper` is a command in front of it that becomes it, or what env(1)
 * is to set for it.
 */
export function startProgram(
  t: Cleanup,
  args: readonly string[],
  wrapper: readonly string[] = [],
  words: readonly string[] = program,
): Running {
  // Through env(1): node:child_process in Deno rewrites the arguments of what it knows to be Deno.
  return start(t, "env", [...wrapper, ...words, ...args], { env: environment() });
}

/** A daemon that listens. */
export interface DaemonUnderTest extends Running {
  /** As it logged them: `inet:127.0.0.1:41234`, `unix:/path`. */
  readonly endpoints: readonly string[];
}

/** Starts a daemon on a port of 127.0.0.1 (unless `args` say otherwise), with its state in memory. */
export async function startDaemon(
  t: Cleanup,
  args: readonly string[],
  wrapper: readonly string[] = [],
  words: readonly string[] = program,
): Promise<DaemonUnderTest> {
  const defaults = [["--listen", "inet:127.0.0.1:0"], ["--store", "memory"]];
  const missing = defaults.filter(([flag]) => flag !== undefined && !args.includes(flag)).flat();
  const running = startProgram(t, ["--mode", "daemon", ...missing, ...args], wrapper, words);
  const listening = /listening on (.+), with the state in /;
  let status: number | string | undefined;
  void running.exited.then((value) => status = value);
  await waitFor(
    "the daemon to listen",
    () => listening.test(running.stderr()) || status !== undefined,
  );
  if (status !== undefined) throw new Error(`the daemon ended (${status}): ${running.stderr()}`);
  const endpoints = listening.exec(running.stderr())?.[1]?.split(", ") ?? [];
  return { ...running, endpoints };
}

/** A policy request; attributes in place of, or beside, those of an ordinary one. */
export function request(attributes: Readonly<Record<string, string>> = {}): string {
  const all = {
    request: "smtpd_access_policy",
    protocol_state: "RCPT",
    protocol_name: "ESMTP",
    client_address: "192.0.2.1",
    client_name: "mx.example.org",
    sender: "alice@example.org",
    recipient: "bob@example.com",
    instance: "1.2.3",
    ...attributes,
  };
  return Object.entries(all).map(([name, value]) => `${name}=${value}\n`).join("") + "\n";
}

/** What a program says when it has nothing to say. */
export const dunno = "action=DUNNO\n\n";

/** Postfix's side of a connection. */
export interface Client {
  readonly socket: net.Socket;
  /** Every byte that has come. */
  received(): string;
  /** Sends bytes (a byte string). */
  send(bytes: string): void;
  /** Sends one request, and gives what came back up to the end of a reply. */
  ask(bytes: string, milliseconds?: number): Promise<string>;
  /** Settles when `count` replies have come since the connection began, with all of them. */
  replies(count: number, milliseconds?: number): Promise<string[]>;
  /** Settles when the other side has ended the connection, however it did that. */
  readonly closed: Promise<void>;
}

/** Connects to an endpoint as the log spells it. */
export async function connect(t: Cleanup, endpoint: string | undefined): Promise<Client> {
  const [, file, host, port] = /^unix:(.+)|inet:\[?([^\]]+?)\]?:(\d+)$/.exec(endpoint ?? "") ?? [];
  const socket = file === undefined
    ? net.connect({ host: host ?? "", port: Number(port) })
    : net.connect({ path: file });
  atEnd(t, () => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return clientOn(socket);
}

/** Postfix's side of a connection that exists. */
export function clientOn(socket: net.Socket): Client {
  let received = "";
  const closed = new Promise<void>((resolve) => {
    socket.once("end", resolve);
    socket.once("close", () => resolve());
    // A reset is one way of closing; what matters is what was received before it.
    socket.on("error", () => resolve());
  });
  socket.setEncoding("latin1");
  // Counted as they come: looking through all of them again each time takes seconds of a flood.
  const all: string[] = [];
  let rest = "";
  socket.on("data", (text: string) => {
    received += text;
    const parts = (rest + text).split(/(?<=\n\n)/);
    rest = parts.at(-1)?.endsWith("\n\n") ? "" : parts.pop() ?? "";
    for (const part of parts) all.push(part);
  });
  const replies = (count: number, milliseconds = 10_000) =>
    new Promise<string[]>((resolve, reject) => {
      const check = () => {
        if (all.length >= count) settle(() => resolve([...all]));
      };
      const timer = setTimeout(() => {
        const end = JSON.stringify(received.slice(-500));
        const problem = `${count} replies did not come in ${milliseconds} ms; received ${end}`;
        settle(() => reject(new Error(problem)));
      }, milliseconds);
      const settle = (how: () => void) => (clearTimeout(timer), socket.off("data", check), how());
      socket.on("data", check);
      check();
    });
  return {
    socket,
    received: () => received,
    send: (bytes) => void socket.write(bytes, "latin1"),
    async ask(bytes, milliseconds) {
      const before = all.length;
      socket.write(bytes, "latin1");
      return (await replies(before + 1, milliseconds))[before] ?? "";
    },
    replies,
    closed,
  };
}

/** How many bytes have been sent to connections of this local TCP port, and were not read. */
function unreadBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let bytes = 0;
  for (const line of fs.readFileSync("/proc/net/tcp", "latin1").split("\n")) {
    const [, address, , state, queues] = line.trim().split(/\s+/);
    if (state !== "01" || !address?.endsWith(local)) continue;
    bytes += parseInt(queues?.split(":")[1] ?? "0", 16);
  }
  return bytes;
}

/** Sends a request, and settles when it waits at a frozen memcached, whose port that is. */
export async function sendInFlight(
  client: Client,
  bytes: string,
  port: number,
): Promise<void> {
  const before = unreadBytes(port);
  client.send(bytes);
  await waitFor("the request to be in flight", () => unreadBytes(port) > before);
}

/**
 * Sends requests until they are not taken any more, and gives how many that were. What limits it is the
 * socket's buffers; a program that reads on whatever its peer does would let this fail.
 */
export async function flood(socket: net.Socket, nth: (n: number) => string): Promise<number> {
  let sent = 0;
  while (sent < 200_000) {
    let batch = "";
    for (const end = sent + 100; sent < end; sent++) batch += nth(sent);
    if (socket.write(batch, "latin1")) continue;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const drained = await Promise.race([
      once(socket, "drain").then(() => true),
      new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), 400)),
    ]);
    clearTimeout(timer);
    if (!drained) return sent;
  }
  throw new Error(`after ${sent} requests it still reads`);
}

/** The memory of a process. */
export function residentKilobytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

/** The program as a child of spawn(8), and Postfix's end of its socket. */
export interface SpawnedUnderTest {
  readonly running: Running;
  readonly client: Client;
}

/** How a child of spawn(8) is started; the defaults are spawn's own. */
export interface SpawnOptions {
  /** What is started in place of the program. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** The whole environment. By default ours, because runtimes find their caches through it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Shell commands that run first, in the same process. */
  readonly prepare?: string;
  readonly nonBlocking?: boolean;
}

/**
 * Starts the program as spawn(8) does: one unix socket is its standard input, output and error, SIGPIPE is
 * ignored, the umask is 077. socat accepts the connection and turns into the program.
 */
export async function startSpawned(
  t: Cleanup,
  options: SpawnOptions = {},
): Promise<SpawnedUnderTest> {
  const dir = tempDir(t);
  const socket = path.join(dir, "socket"), child = path.join(dir, "child");
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const words = [
    ...["env", "-i"],
    ...Object.entries(options.env ?? environment()).map(([name, value]) => `${name}=${value}`),
    ...options.command ?? program,
    ...options.args ?? [],
  ];
  const user = options.uid === undefined
    ? ""
    : `setpriv --reuid ${options.uid} --regid ${options.uid} --clear-groups `;
  fs.writeFileSync(
    child,
    [
      "#!/bin/sh",
      // socat leaves these open.
      "exec 3>&- 4>&- 5>&-",
      "trap '' PIPE",
      "umask 077",
      options.prepare ?? "",
      `exec ${user}${words.map(quote).join(" ")}`,
      "",
    ].join("\n"),
  );
  fs.chmodSync(child, 0o755);
  const flags = options.nonBlocking === true ? ",o-nonblock" : "";
  const listen = `UNIX-LISTEN:${socket}${flags}`;
  const running = start(t, "socat", [listen, `EXEC:${child},nofork,stderr`]);
  let client: Client | undefined;
  // The file is there a moment before socat listens on it.
  await waitFor("socat to listen", async () => {
    client = await connect(t, `unix:${socket}`).catch(() => undefined);
    return client !== undefined;
  });
  if (client === undefined) throw new Error("no connection");
  return { running, client };
}
