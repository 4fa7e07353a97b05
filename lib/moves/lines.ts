/**
 * The lines of a file, or of standard input, which may be of any length: read a piece at a time, and what is longer
 * than any line that we can use is passed over.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { read } from "../descriptor.ts";
import { messageOf } from "../error.ts";
import { SourceError } from "./finding.ts";

/** An envelope address has 256 bytes at most (RFC 5321 4.5.3.1.3); two, and each byte as `\xx`, are far below. */
export const longestLine = 16 * 1024;

const pieceBytes = 64 * 1024;

/**
 * Lines without their ends, as byte strings, some at a time; undefined for one that is too long. Fails with a
 * SourceError.
 *
 * @param name a file's, or `-` for standard input
 */
export async function* linesOf(name: string): AsyncGenerator<readonly (string | undefined)[]> {
  const fd = name === "-" ? 0 : opened(name), piece = Buffer.alloc(pieceBytes);
  let rest = "", isTooLong = false;
  try {
    for (;;) {
      const bytes = await read(fd, piece);
      if (bytes === undefined) break;
      const texts = (rest + piece.toString("latin1", 0, bytes.length)).split("\n");
      rest = texts.pop() ?? "";
      const lines = texts.map((text) => text.length > longestLine ? undefined : text);
      if (isTooLong && lines.length > 0) {
        lines[0] = undefined;
        isTooLong = false;
      }
      if (isTooLong || rest.length > longestLine) {
        isTooLong = true;
        rest = "";
      }
      yield lines;
    }
  } catch (error) {
    throw new SourceError(`cannot read it: ${refusalOf(error)}`);
  } finally {
    if (fd !== 0) fs.closeSync(fd);
  }
  if (isTooLong) yield [undefined];
  else if (rest !== "") yield [rest];
}

function opened(name: string): number {
  try {
    if (fs.statSync(name).isDirectory()) throw new Error("it is a folder");
    return fs.openSync(name, "r");
  } catch (error) {
    throw new SourceError(`cannot read it: ${refusalOf(error)}`, true);
  }
}

function refusalOf(error: unknown): string {
  // Deno's word for what only --allow-all would open: /dev/stdin, and most of /proc.
  const isDenied = error instanceof Error && error.name === "NotCapable";
  if (!isDenied) return messageOf(error);
  return "this program has no right to that; want a file, or - for standard input";
}
