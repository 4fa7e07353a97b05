/**
 * Where log lines can go: standard error, a file, the local syslog, or nowhere.
 *
 * Nothing here writes synchronously: a pipe that nobody reads would otherwise stop the answers to Postfix.
 */
import * as fs from "node:fs";
import process from "node:process";
import { writeSome } from "../descriptor.ts";
import { checkLogFile, fileDestination } from "./file.ts";
import { type Appended, framer, lineWriter } from "./lines.ts";
import type { Destination } from "./queue.ts";
import type { LogTarget } from "./target.ts";

export interface DestinationOptions {
  /** Lines tell the time themselves: they are never stamped. */
  readonly json: boolean;
  /** The setting log-ident: our name in front of a line. */
  readonly ident: string;
  /** The variable JOURNAL_STREAM, with which systemd tells whom standard error leads to the journal. */
  readonly journalStream: string | undefined;
}

/**
 * Opens a destination; a file or socket only at the first line, so that this never fails. Undefined: lines go nowhere.
 */
export async function openDestination(
  target: LogTarget,
  options: DestinationOptions,
): Promise<Destination | undefined> {
  const ident = options.json ? undefined : options.ident;
  switch (target.kind) {
    case "none":
      return undefined;
    case "stderr":
      return {
        frame: framer(isStamped(2, options.journalStream) ? undefined : ident),
        write: lineWriter(appendToStderr),
        close() {},
      };
    case "file":
      return fileDestination(target.path, framer(ident), () => performance.now());
    case "syslog":
      return (await import("./syslog.ts")).syslogDestination(
        target.path,
        options.ident,
        process.pid,
      );
  }
}

/**
 * Whether whoever reads a descriptor adds time and name: the journal, or a program behind a pipe (Docker,
 * svlogd, a supervisor). A variable that was only inherited names another stream (systemd.exec(5)).
 */
function isStamped(fd: number, journalStream: string | undefined): boolean {
  try {
    const stats = fs.fstatSync(fd);
    return stats.isFIFO() || journalStream === `${stats.dev}:${stats.ino}`;
  } catch {
    return false;
  }
}

async function appendToStderr(bytes: Uint8Array): Promise<Appended> {
  let kept = 0;
  try {
    while (kept < bytes.length) kept += await writeSome(2, bytes.subarray(kept));
    return { kept };
  } catch (error) {
    return { kept, error };
  }
}

/**
 * Whether this user can log to a target: undefined, or what is wrong. Says nothing there, waits for nobody, and
 * leaves nothing behind: a log file that is not there is not made. A syslog that is stuck counts as usable.
 * Never rejects.
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
