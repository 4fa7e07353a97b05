/**
 * A log file: appended to, followed when it is rotated, looked at before it is opened.
 *
 * Only a regular file can be a log. Opening a FIFO waits for its reader, and with it the whole process; opening
 * some devices does something. So what is there is looked at first, and opened without waiting; and it is
 * looked at again through the descriptor, because it may be another thing by then.
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { type FileHandle, lstat, open, readlink, rm, stat } from "node:fs/promises";
import * as path from "node:path";

const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NONBLOCK, O_WRONLY } = fs.constants;
const appending = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;

/** Opens a log, and makes the file if there is none. Rejects when it cannot be had, or is no regular file. */
export async function openLogFile(file: string): Promise<FileHandle> {
  return await openRegular(file, appending | O_CREAT);
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
  const trial = path.join(path.dirname(file), `.greylist-${randomUUID()}`);
  try {
    await (await open(trial, appending | O_CREAT | O_EXCL, 0o600)).close();
    await rm(trial);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `no file can be made in ${path.dirname(file)}: ${code ?? messageOf(error)}`;
  }
}

async function openRegular(file: string, flags: number): Promise<FileHandle> {
  refuseUnlessRegular(file, await stat(file).catch(() => undefined));
  const handle = await open(file, flags, 0o640);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
