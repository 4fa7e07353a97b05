/**
 * What is written to standard output and error beside replies and the log. Under spawn(8), both are the
 * connection to Postfix, and nothing must be.
 */
import * as fs from "node:fs";

/** Prints a text that was asked for. */
export function print(text: string): void {
  try {
    fs.writeSync(1, `${text}\n`);
  } catch (error) {
    // Whoever reads it has seen enough: greylist --help | head
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}

/** Tells whoever started us something, a line each, if that is still there. Not to be called when it is Postfix. */
export function tell(lines: readonly string[]): void {
  try {
    for (const line of lines) fs.writeSync(2, `greylist: ${line}\n`);
  } catch {
    // Closed, or a pipe that nobody reads any more: there is nobody to be told, and nothing worse.
  }
}

/** Whether we are a child of spawn(8) or inetd, where all three descriptors are one socket. */
export function standardErrorIsPostfix(): boolean {
  try {
    const input = fs.fstatSync(0), error = fs.fstatSync(2);
    return error.isSocket() && input.ino === error.ino && input.dev === error.dev;
  } catch {
    // A descriptor is closed: there is nobody to be told anything.
    return true;
  }
}
