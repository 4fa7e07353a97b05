/**
 * Reading and writing file descriptors that were handed to us, whatever they are (a socket from spawn(8),
 * a pipe, a terminal) and however they are set: one that is non-blocking answers EAGAIN, and is asked
 * again a moment later. Nothing here blocks the process.
 *
 * Deno's fs.write (2.9) only looks asynchronous: until a slow reader has taken everything, the whole
 * process stands still. Its own way to write to standard output and error does not.
 */
import * as fs from "node:fs";

/** How long to wait, in milliseconds, before asking a non-blocking descriptor again. */
const retryMilliseconds = 20;

/** The bytes that have arrived, at least one; undefined at the end. Rejects when reading fails. */
export async function read(fd: number, into: Uint8Array): Promise<Uint8Array | undefined> {
  const bytes = await whenReady((done) => fs.read(fd, into, 0, into.length, null, done));
  return bytes === 0 ? undefined : into.subarray(0, bytes);
}

/** Writes all of `bytes`, in as many writes as that takes. Rejects when writing fails. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    rest = rest.subarray(await writeSome(fd, rest));
  }
}

/** Writes some of `bytes`, at least one, and gives how many that were. Rejects when writing fails. */
export async function writeSome(fd: number, bytes: Uint8Array): Promise<number> {
  return await whenReady((done) => write(fd, bytes, done));
}

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

function write(fd: number, bytes: Uint8Array, done: Done): void {
  const stream = standardStream(fd);
  if (stream === undefined) fs.write(fd, bytes, done);
  else stream.write(bytes).then((count) => done(null, count), (error) => done(error, 0));
}

function standardStream(fd: number): typeof Deno.stdout | undefined {
  if (typeof Deno === "undefined") return undefined;
  return fd === 1 ? Deno.stdout : fd === 2 ? Deno.stderr : undefined;
}

function whenReady(attempt: (done: Done) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const ask = () =>
      attempt((error, bytes) => {
        if (error === null) resolve(bytes);
        else if (error.code === "EAGAIN") setTimeout(ask, retryMilliseconds);
        else reject(error);
      });
    ask();
  });
}
