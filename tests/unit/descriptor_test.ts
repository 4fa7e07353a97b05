import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import test from "node:test";
import { read, writeAll } from "../../lib/descriptor.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

/** Both ends of a pipe: reading when it is empty, and writing when it is full, fail with EAGAIN. */
function nonBlockingPipe(t: Cleanup): number {
  const file = path.join(tempDir(t), "pipe");
  execFileSync("mkfifo", [file]);
  const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  t.after(() => fs.closeSync(fd));
  return fd;
}

const chunk = () => new Uint8Array(65_536);
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("latin1");

test("reading gives what is there, then undefined at the end", async (t) => {
  const file = path.join(tempDir(t), "file");
  fs.writeFileSync(file, "\x00\xffsome bytes", "latin1");
  const fd = fs.openSync(file, "r");
  t.after(() => fs.closeSync(fd));
  assert.equal(text(await read(fd, chunk().subarray(0, 4))), "\x00\xffso");
  assert.equal(text(await read(fd, chunk())), "me bytes");
  assert.equal(await read(fd, chunk()), undefined);
});

test("reading from an empty non-blocking descriptor waits for something to come", async (t) => {
  const fd = nonBlockingPipe(t);
  assert.throws(() => fs.readSync(fd, chunk()), { code: "EAGAIN" });
  const reading = read(fd, chunk());
  await writeAll(fd, Buffer.from("late"));
  assert.equal(text(await reading), "late");
});

test("everything is written, in as many writes as that takes", async (t) => {
  const file = path.join(tempDir(t), "file");
  const fd = fs.openSync(file, "w");
  t.after(() => fs.closeSync(fd));
  const bytes = Buffer.alloc(1_000_000, "0123456789");
  await writeAll(fd, bytes);
  await writeAll(fd, Buffer.from("the end"));
  assert.equal(fs.readFileSync(file, "latin1"), `${bytes.toString("latin1")}the end`);
});

test("what cannot be read or written rejects with the system's error", async (t) => {
  const dir = tempDir(t);
  const folder = fs.openSync(dir, "r");
  t.after(() => fs.closeSync(folder));
  await assert.rejects(read(folder, chunk()), { code: "EISDIR" });
  const file = path.join(dir, "file");
  fs.writeFileSync(file, "");
  const readOnly = fs.openSync(file, "r");
  t.after(() => fs.closeSync(readOnly));
  await assert.rejects(writeAll(readOnly, Buffer.from("x")), { code: "EBADF" });
});

test("writing nothing is done at once", async () => {
  await writeAll(-1, new Uint8Array());
});
