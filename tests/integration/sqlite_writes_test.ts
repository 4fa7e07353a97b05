/** How the SQLite adapter writes together what one turn wants written, and what of it fails with what. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import process from "node:process";
import * as path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import type { SqliteStore } from "../../lib/stores/sqlite.ts";
import { soon } from "../support/store_contract.ts";
import { start, tempDir, waitFor } from "../support/process.ts";
import { another, failure, openSqlite as open, sleep } from "../support/stores.ts";

const putMany = (store: SqliteStore, count: number, deadline = soon()) =>
  Array.from({ length: count }, (_, i) => store.put(`k${i}`, `v${i}`, 60, deadline));

/** How many transactions there are in a write-ahead log: frames that say how long the file is after them. */
function commits(file: string): number {
  const log = fs.readFileSync(`${file}-wal`), pageSize = log.readUInt32BE(8);
  let count = 0;
  for (let at = 32; at + 24 + pageSize <= log.length; at += 24 + pageSize) {
    // Of an earlier round of the log when its salt differs.
    const isOfNow = log.subarray(at + 8, at + 16).equals(log.subarray(16, 24));
    if (isOfNow && log.readUInt32BE(at + 4) !== 0) count++;
  }
  return count;
}

test("what is put in one turn is one transaction, in the order in which it came", async (t) => {
  const { file, store } = await open(t);
  const before = commits(file);
  const puts = putMany(store, 100);
  puts.push(store.put("k1", "later", 60, soon()), store.delete("k2", soon()));
  await Promise.all(puts);
  assert.equal(commits(file) - before, 1);
  assert.equal(await store.get("k1", soon()), "later");
  assert.equal(await store.get("k2", soon()), undefined);
  assert.equal(await store.get("k99", soon()), "v99");
});

test("of very many writes others get their turn in between, and closing commits them all", async (t) => {
  const { file, store } = await open(t);
  const before = commits(file);
  await Promise.all(putMany(store, 600));
  const several = commits(file) - before;
  assert.ok(several > 1 && several < 10, `${several} transactions`);
  const puts = putMany(store, 600).concat(store.put("last", "v", 60, soon()));
  await store.close();
  await Promise.all(puts);
  assert.equal(await (await open(t, file)).store.get("last", soon()), "v");
});

test("what has settled is seen by others, and survives the end of this process", async (t) => {
  const { file, store } = await open(t);
  const seen = another(t, file).prepare("SELECT count(*) AS n FROM entry");
  const counts = await Promise.all(
    putMany(store, 20).map((put) => put.then(() => seen.get()?.["n"])),
  );
  assert.deepEqual(new Set(counts), new Set([20]));
  // What a process leaves that is killed now.
  const copy = path.join(tempDir(t), "copy.db");
  for (const end of ["", "-wal"]) fs.copyFileSync(file + end, copy + end);
  assert.equal(await (await open(t, copy)).store.get("k19", soon()), "v19");
});

test("one write that fails among many fails alone", async (t) => {
  const { file, store, downs } = await open(t);
  const other = another(t, file);
  other.exec(
    "CREATE TRIGGER bad BEFORE INSERT ON entry WHEN NEW.key = 'k7' " +
      "BEGIN SELECT RAISE(ABORT, 'not this one'); END",
  );
  const puts = putMany(store, 20);
  const [bad] = puts.splice(7, 1);
  assert.ok(bad !== undefined);
  const [error] = await Promise.all([failure(bad), ...puts]);
  assert.match(error.message, /^sqlite:.*: not this one$/);
  assert.equal(another(t, file).prepare("SELECT count(*) AS n FROM entry").get()?.["n"], 19);
  assert.deepEqual(downs, []);
});

test("a COMMIT that fails fails all that it was for, and counts as one failure", async (t) => {
  const { file, store, downs } = await open(t);
  await store.put("before", "v", 60, soon());
  const other = another(t, file);
  // A foreign key that is looked at in the end only.
  other.exec("CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
  other.exec("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
  other.exec(
    "CREATE TRIGGER orphan AFTER INSERT ON entry WHEN NEW.key = 'k7' " +
      "BEGIN INSERT INTO child VALUES (1); END",
  );
  const errors = await Promise.all(putMany(store, 20).map(failure));
  for (const error of errors) {
    assert.match(error.message, /^sqlite:.*: FOREIGN KEY constraint failed$/);
  }
  assert.equal(await store.get("k0", soon()), undefined);
  assert.equal(await store.get("before", soon()), "v");
  assert.deepEqual(downs, []);
  other.exec("DROP TRIGGER orphan");
  await Promise.all(putMany(store, 20));
  assert.equal(await store.get("k7", soon()), "v7");
});

test("behind a lock each write waits until its own deadline, one that comes later too", async (t) => {
  const { file, store } = await open(t);
  const other = another(t, file);
  other.exec("BEGIN IMMEDIATE");
  const began = performance.now();
  const failedAfter = async (ms: number) => {
    const asked = performance.now();
    const error = await failure(store.put("short", "v", 60, asked + ms));
    assert.match(error.message, /: locked by another process for \d+ ms$/);
    return performance.now() - asked;
  };
  const long = putMany(store, 20);
  const early = failedAfter(100);
  await sleep(150);
  const late = failedAfter(5);
  assert.ok(await early >= 99 && performance.now() - began >= 99);
  assert.ok(await late < 100, "it does not wait for the next try of the others");
  other.exec("COMMIT");
  await Promise.all(long);
  assert.equal(await store.get("k19", soon()), "v19");
  assert.equal(await store.get("short", soon()), undefined);
});

test("closing commits what has been put and not awaited", async (t) => {
  const { file, store } = await open(t);
  const puts = putMany(store, 20);
  await store.close();
  await Promise.all(puts);
  assert.equal(await (await open(t, file)).store.get("k19", soon()), "v19");
});

test("closing fails what waits for a lock, and nothing of it is written later", async (t) => {
  const { file, store, downs } = await open(t);
  const other = another(t, file);
  other.exec("BEGIN IMMEDIATE");
  const puts = putMany(store, 20, soon(60_000)).map(failure);
  await sleep(30);
  await store.close();
  for (const error of await Promise.all(puts)) assert.match(error.message, /the store is closed$/);
  other.exec("COMMIT");
  await sleep(100);
  assert.equal(other.prepare("SELECT count(*) AS n FROM entry").get()?.["n"], 0);
  assert.deepEqual(downs, []);
});

const child = fileURLToPath(new URL("../support/store_child.ts", import.meta.url));
const runtime = "Deno" in globalThis ? ["run", "-A", "--quiet", "--no-check"] : [];

test("two processes write to one file, and neither loses what it was told is written", async (t) => {
  const { file, store } = await open(t);
  const args = [child, `sqlite:${file}`, "2000", "leave", "10000"];
  const other = start(t, process.execPath, [...runtime, ...args]);
  let rounds = 0, isOver = false;
  const ended = other.exited.then((code) => (isOver = true, code));
  await waitFor("the other process", async () => {
    const puts = Array.from(
      { length: 10 },
      (_, i) => store.put(`own${rounds}-${i}`, "v", 60, soon()),
    );
    await Promise.all(puts);
    rounds++;
    return isOver;
  });
  assert.equal(await ended, 0, other.stderr());
  const count = another(t, file).prepare("SELECT count(*) AS n FROM entry").get()?.["n"];
  assert.equal(count, 2000 + 10 * rounds);
});
