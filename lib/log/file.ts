/**
 * A log file: appended to, followed when it is rotated, looked at before it is opened.
 *
 * - Only a regular file can be a log. Opening a FIFO waits for its reader, and with it the whole process; opening
 *   some devices does something. So what is there is looked at first, and opened without waiting; and it is
 *   looked at again through the descriptor, because it may be another thing by then.
 * - Several processes may append to one file. Each writes whole lines, in one write. When a full disk takes a
 *   part of them only, what it has of the last line is taken back, or else anybody's next line would
 *   continue it.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { type FileHandle, lstat, open, readlink, stat } from "node:fs/promises";
import * as path from "node:path";
import { writeAll } from "../descriptor.ts";
import { messageOf } from "../error.ts";
import { whyNoFileIn } from "../files.ts";
import { lineWriter, newline } from "./lines.ts";
import type { Destination } from "./queue.ts";

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
const appending = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;

/** How long, in milliseconds, a renamed or removed file may go unnoticed. */
const rotationCheckMilliseconds = 1000;

/**
 * Appends to a file, which is opened at the first line. When another file (or none) is found at the path, as
 * after a rotation, it is opened anew: no signal is needed, and spawn(8) children have nobody to send them one.
 *
 * @param now milliseconds of a monotonic clock
 */
export function fileDestination(
  file: string,
  frame: Destination["frame"],
  now: () => number,
): Destination {
  let current: OpenFile | undefined, checked = -Infinity;
  return {
    frame,
    async write(frames) {
      if (current !== undefined && now() - checked >= rotationCheckMilliseconds) {
        checked = now();
        const there = await stat(file).then(identity, () => "missing");
        if (there !== current.id) {
          await current.handle.close();
          current = undefined;
        }
      }
      if (current === undefined) {
        current = await openToWrite(file);
        checked = now();
      }
      return await current.write(frames);
    },
    close: () => void current?.handle.close(),
  };
}

interface OpenFile {
  readonly handle: FileHandle;
  /** Which file it is. */
  readonly id: string;
  readonly write: Destination["write"];
}

async function openToWrite(file: string): Promise<OpenFile> {
  const handle = await openRegular(file, appending | O_CREAT);
  const write = lineWriter(async (bytes) => {
    const before = (await handle.stat()).size;
    try {
      await writeAll(handle.fd, bytes);
      return { kept: bytes.length };
    } catch (error) {
      const kept = await takeBackHalfLine(file, handle, before, bytes).catch(() => undefined);
      return { kept, error };
    }
  });
  return { handle, id: identity(await handle.stat()), write };
}

/**
 * After a write that failed: cuts the file behind the last line that is whole, and gives the number of bytes
 * that were written and stay. (Not every runtime says how many it has written.) Rejects when what is behind
 * `before` is not ours alone, or cannot be looked at or cut.
 */
async function takeBackHalfLine(
  file: string,
  handle: FileHandle,
  before: number,
  bytes: Buffer,
): Promise<number> {
  const written = (await handle.stat()).size - before;
  if (written === 0) return 0;
  const ours = bytes.subarray(0, Math.max(0, written)), found = Buffer.alloc(ours.length);
  const reader = await open(file, O_RDONLY | O_NONBLOCK);
  try {
    await reader.read(found, 0, found.length, before);
  } finally {
    await reader.close();
  }
  if (found.length !== written || !found.equals(ours)) throw new Error("others write, too");
  const kept = ours.lastIndexOf(newline) + 1;
  if (kept < written) await handle.truncate(before + kept);
  return kept;
}

function identity(stats: fs.Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

/**
 * Why this user cannot log into a file; undefined if nothing speaks against it. The file is not made: what is
 * tried in its place is a file of another name in its folder, for a moment.
 */
export async function checkLogFile(file: string): Promise<string | undefined> {
  try {
    await (await openRegular(file, appending)).close();
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return messageOf(error);
  }
  // There is none, or a link to none, which is made where the link points to.
  const link = await lstat(file).catch(() => undefined);
  if (link?.isSymbolicLink()) {
    return await checkLogFile(path.resolve(path.dirname(file), await readlink(file)));
  }
  return whyNoFileIn(path.dirname(file));
}

async function openRegular(file: string, flags: number): Promise<FileHandle> {
  refuseUnlessRegular(file, await stat(file).catch(() => undefined));
  const handle = await open(file, flags, 0o640).catch((error: Error) => {
    // Deno's advice would be to allow more.
    if (error.name !== "NotCapable") throw error;
    throw new Error(`${file} may not be opened; what is meant may be stderr`);
  });
  try {
    refuseUnlessRegular(file, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @param stats undefined: nothing is there, or it cannot be seen, of which opening will tell more */
function refuseUnlessRegular(file: string, stats: fs.Stats | undefined): void {
  if (stats === undefined || stats.isFile()) return;
  const kind = stats.isDirectory()
    ? "folder"
    : stats.isFIFO()
    ? "FIFO"
    : stats.isSocket()
    ? "socket"
    : "device";
  throw new Error(`${file} is a ${kind}, and a log has to be a regular file`);
}
