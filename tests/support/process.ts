/** What tests that start programs share: temporary folders, free ports, processes that always end. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";

/** The part of node:test's context that the helpers need. */
export interface Cleanup {
  after(fn: () => void | Promise<void>): void;
}

const endings = new WeakMap<Cleanup, (() => void | Promise<void>)[]>();

/**
 * Has `fn` called when the test ends, last first: what was made last may use what was made before it.
 * (node:test's own `after` goes the other way, and takes a folder from under a process that still writes.)
 */
export function atEnd(t: Cleanup, fn: () => void | Promise<void>): void {
  const known = endings.get(t);
  if (known !== undefined) return void known.push(fn);
  const stack = [fn];
  endings.set(t, stack);
  t.after(async () => {
    for (const end of stack.reverse()) await end();
  });
}

/** Runs `body`, and then what it has left to be cleaned up: for a part of a test, or for a program. */
export async function withCleanup<T>(body: (t: Cleanup) => T | Promise<T>): Promise<T> {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    return await body({ after: (end) => void ends.push(end) });
  } finally {
    for (const end of ends) await end();
  }
}

/** A folder that is gone when the test ends. Mode 0755, so that other users can reach into it. */
export function tempDir(t: Cleanup, parent: string = os.tmpdir()): string {
  const dir = fs.mkdtempSync(path.join(parent, "greylist-test-"));
  fs.chmodSync(dir, 0o755);
  atEnd(t, () => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Where temporary files are in memory, if there is such a place. */
export function memoryFolder(): string {
  return fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
}

/** Who runs the tests, as id(1) says; os.userInfo() of Bun only knows what the environment says. */
export function user(): { readonly name: string; readonly group: string } {
  const id = (option: string) => execFileSync("id", [option], { encoding: "utf8" }).trim();
  return { name: id("-un"), group: id("-gn") };
}

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. Below those that the kernel gives to connections (ip(7):
 * ip_local_port_range), one of which would otherwise have it before the server that it is for.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = net.createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Settles when `condition` holds; rejects, naming `what`, when it does not within `milliseconds`. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    if (await condition()) return;
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A program that a test started. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** All it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** Its exit status, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Sends `signal` (SIGTERM by default), after `killAfter` ms SIGKILL, and waits for the end. */
  stop(signal?: NodeJS.Signals, killAfter?: number): Promise<number | string>;
}

/** Starts a program that is stopped, by its pid, when the test ends. */
export function start(
  t: Cleanup,
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; uid?: number; gid?: number } = {},
): Running {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  let stdout = "", stderr = "", over = false;
  child.stdout.setEncoding("latin1").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("latin1").on("data", (text: string) => stderr += text);
  child.stdin.on("error", () => {/* it may end before it has read everything */});
  const exited = new Promise<number | string>((resolve) => {
    child.once("error", (error) => (over = true, resolve(`not started: ${error.message}`)));
    // A grandchild may keep the pipes open past the program's own end: do not wait for it.
    child.once("exit", (code, signal) => {
      over = true;
      const status = code ?? signal ?? "unknown";
      child.once("close", () => resolve(status));
      setTimeout(() => (child.stdout.destroy(), child.stderr.destroy(), resolve(status)), 300);
    });
  });
  const stop = async (signal: NodeJS.Signals = "SIGTERM", killAfter = 5000) => {
    // Not child.kill: after it Deno reports the signal as the end, even of a process that exited with 0.
    if (!over) process.kill(child.pid ?? -1, signal);
    const timer = setTimeout(() => over || process.kill(child.pid ?? -1, "SIGKILL"), killAfter);
    const status = await exited;
    clearTimeout(timer);
    return status;
  };
  atEnd(t, async () => void await stop());
  return { child, pid: child.pid ?? -1, stdout: () => stdout, stderr: () => stderr, exited, stop };
}

/** Whether a process with this pid exists. */
export function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * Has a program's standard error go through a pipe into a file, as under systemd, without anybody here reading it. Gives
 * words in front of the program's, and what reads the pipe until the program has ended.
 */
export function pipedInto(
  t: Cleanup,
  file: string,
): { readonly wrapper: readonly string[]; readonly reader: Running } {
  const pipe = path.join(tempDir(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = start(t, "sh", ["-c", 'exec cat "$0" >"$1"', pipe, file]);
  return { wrapper: ["sh", "-c", 'exec "$@" 2>"$0"', pipe], reader };
}
