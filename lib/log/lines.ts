/** Lines as files and standard error have them: how they look, and that each stays one. */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { Destination } from "./queue.ts";

export const newline = 0x0a;

/** `line` and a line break; with a name, that and the time in front, as in mail.log. */
export function framer(ident: string | undefined): Destination["frame"] {
  if (ident === undefined) return (line) => `${line}\n`;
  let second = NaN, stamp = "";
  return (line, _level, at) => {
    const now = Math.floor(at.getTime() / 1000);
    if (now !== second) stamp = `${timestamp(at)} ${ident}[${process.pid}]: `;
    second = now;
    return `${stamp}${line}\n`;
  };
}

/** `2026-01-31T12:00:00+01:00`: local time, as rsyslog writes it. */
export function timestamp(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  const minutes = -date.getTimezoneOffset();
  const two = (n: number) => String(Math.floor(Math.abs(n))).padStart(2, "0");
  const zone = `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  return local.toISOString().slice(0, 19) + zone;
}

/** What became of bytes that were to be appended. */
export interface Appended {
  /** How many of them, from the first, are there; undefined: nobody knows. */
  readonly kept: number | undefined;
  /** Why not all of them are. */
  readonly error?: unknown;
}

/**
 * The `write` of a destination on top of what appends bytes: all lines in one go. None ever continues half of
 * one that was written before.
 */
export function lineWriter(append: (bytes: Buffer) => Promise<Appended>): Destination["write"] {
  let torn = false;
  return async (frames) => {
    const bytes = Buffer.from(`${torn ? "\n" : ""}${frames.join("")}`);
    const { kept, error } = await append(bytes);
    const lines = countLines(bytes.subarray(0, kept ?? 0)) - (torn ? 1 : 0);
    if (kept !== 0) torn = kept === undefined || bytes[kept - 1] !== newline;
    if (error !== undefined && lines <= 0) throw error;
    return lines;
  };
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++;
  return lines;
}
