import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import { test } from "node:test";
import { files, whyNoFileIn } from "../../lib/files.ts";
import { atEnd, tempDir } from "../support/process.ts";

test("a file is read byte for byte, however large it is", async (t) => {
  const file = `${tempDir(t)}/file`;
  const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
  for (const times of [0, 1, 256, 257, 5000]) {
    fs.writeFileSync(file, new Uint8Array(256 * times).map((_, n) => n & 255));
    assert.equal(await files.readLarge(file), String.fromCharCode(...bytes).repeat(times));
  }
});

test("a file that changes while it is read is read again, and never half of each", async (t) => {
  const file = `${tempDir(t)}/file`, bytes = 8 * 1024 ** 2;
  fs.writeFileSync(file, "a".repeat(bytes));
  const reading = files.readLarge(file);
  await new Promise((resolve) => setTimeout(resolve, 5));
  fs.writeFileSync(file, "b".repeat(bytes));
  assert.match(await reading, /^(?:a+|b+)$/);
});

test("a file that cannot be read is an error that says why", async (t) => {
  const dir = tempDir(t);
  await assert.rejects(files.readLarge(`${dir}/none`), /ENOENT|[Nn]o such file/);
  await assert.rejects(files.readLarge(dir), /it is a folder/);
});

test("what can be read only once, or never ends, is an error that names it, at once", async (t) => {
  const dir = tempDir(t);
  execFileSync("mkfifo", [`${dir}/fifo`]);
  // Without a writer, opening it would wait for one.
  await assert.rejects(files.readLarge(`${dir}/fifo`), /it is a pipe, .* want a file or a folder/);
  await assert.rejects(files.readLarge("/dev/zero"), /it is a device/);
  const server = net.createServer().listen(`${dir}/socket`);
  atEnd(t, () => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  await assert.rejects(files.readLarge(`${dir}/socket`), /it is a socket/);
});

test("/dev/null is an empty file, and so is a link to it", async (t) => {
  const link = `${tempDir(t)}/masked`;
  fs.symlinkSync("/dev/null", link);
  for (const file of ["/dev/null", link]) assert.equal(await files.readLarge(file), "");
});

test("a folder's names are told from a file's lack of any", (t) => {
  const dir = tempDir(t);
  fs.writeFileSync(`${dir}/file`, "");
  assert.deepEqual(files.namesIn(dir), ["file"]);
  assert.deepEqual(files.namesIn(`${dir}/`), ["file"]);
  assert.equal(files.namesIn(`${dir}/file`), undefined);
  assert.throws(() => files.namesIn(`${dir}/none`), /ENOENT|[Nn]o such file/);
});

test("where a file can be made none is left, and where none can be that is said", (t) => {
  const dir = tempDir(t);
  assert.equal(files.exists(`${dir}/none`), false);
  assert.equal(whyNoFileIn(dir), undefined);
  assert.deepEqual(fs.readdirSync(dir), []);
  assert.equal(
    whyNoFileIn(`${dir}/none`),
    `no file can be made in ${dir}/none: there is no such folder`,
  );
});
