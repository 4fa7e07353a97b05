/**
 * Where log lines can go: standard error, a file, the local syslog, or nowhere.
 *
 * Nothing here writes synchronously: a pipe that nobody reads would otherwise stop the answers to Postfix.
 */
import * as fs from "node:fs";
import { stat } from "node:fs/promises";
import process from "node:process";
import { writeAll } from "../descriptor.ts";
import { checkLogFile, openLogFile } from "./file.ts";
import type { Destination } from "./log.ts";
import type { LogTarget } from "./target.ts";

const encoder = new TextEncoder();

/**
 * Opens a destination; a file or socket only at the first line, so that this never fails.
 *
 * @param options.stamped whether lines in a file begin with the time and our name, as in mail.log
 */
export async function openDestination(
  target: LogTarget,
  options: { readonly stamped: boolean },
): Promise<Destination> {
  switch (target.kind) {
    case "none":
      return { write: () => Promise.resolve(), close() {} };
    case "stderr":
      return { write: (line) => writeAll(2, encoder.encode(`${line}\n`)), close() {} };
    case "file":
      return fileDestination(target.path, options.stamped, () => performance.now());
    case "syslog":
      return (await import("./syslog.ts")).syslogDestination(target.path, "greylist", process.pid);
  }
}

/**
 * Whether this user can log to a target: undefined, or what is wrong. Says nothing there, waits for nobody, and
 * leaves nothing behind: a log file that is not there is not made. A syslog that is stuck counts as usable. Never rejects.
 */
export async function checkLogTarget(target: LogTarget): Promise<string | undefined> {
  switch (target.kind) {
    case "none":
      return undefined;
    case "stderr":
      try {
        fs.fstatSync(2);
        return undefined;
      } catch {
        return "standard error is closed";
      }
    case "file":
      return await checkLogFile(target.path);
    case "syslog":
      return await (await import("./syslog.ts")).checkSyslog(target.path);
  }
}

/** How long, in milliseconds, a renamed or removed file may go unnoticed. */
const rotationCheckMilliseconds = 1000;

/**
 * Appends to a file. When another file (or none) is found at the path, as after a rotation, it is
 * opened anew: no signal is needed, and spawn(8) children have nobody to send them one.
 */
export function fileDestination(path: string, stamped: boolean, now: () => number): Destination {
  let file: { fd: number; close: () => Promise<void>; id: string } | undefined;
  let checked = -Infinity;
  const reopenIfRotated = async () => {
    if (file !== undefined && now() - checked < rotationCheckMilliseconds) return;
    checked = now();
    if (file !== undefined) {
      const current = await stat(path).then(identity, () => "missing");
      if (current === file.id) return;
      await file.close();
      file = undefined;
    }
    const handle = await openLogFile(path);
    file = { fd: handle.fd, close: () => handle.close(), id: identity(await handle.stat()) };
  };
  return {
    async write(line) {
      await reopenIfRotated();
      if (file === undefined) throw new Error(`${path} is not open`);
      const stamp = stamped ? `${timestamp(new Date())} greylist[${process.pid}]: ` : "";
      await writeAll(file.fd, encoder.encode(`${stamp}${line}\n`));
    },
    close: () => void file?.close(),
  };
}

function identity(stats: fs.Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** `2026-01-31T12:00:00+01:00`: local time, as rsyslog writes it. */
export function timestamp(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  const minutes = -date.getTimezoneOffset();
  const two = (n: number) => String(Math.floor(Math.abs(n))).padStart(2, "0");
  const zone = `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  return local.toISOString().slice(0, 19) + zone;
}
