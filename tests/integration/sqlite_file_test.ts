/** What others do to a SQLite file while it is open: delete it, replace it, read it for hours. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { soon } from "../support/store_contract.ts";
import { tempDir, waitFor } from "../support/process.ts";
import { another, failure, openSqlite as open } from "../support/stores.ts";

/** Whether the file is whole, seen from outside. */
function integrity(file: string): unknown {
  const database = new DatabaseSync(file);
  try {
    return database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  } finally {
    database.close();
  }
}

test("a file that is deleted is noticed, said, and made anew by who notices first", async (t) => {
  const one = await open(t), two = await open(t, one.file);
  for (const what of ["alone", "with the files beside it"]) {
    await one.store.put("old", "v", 60, soon());
    fs.rmSync(one.file);
    if (what !== "alone") { for (const end of ["-wal", "-shm"]) fs.rmSync(one.file + end); }
    const before = one.ups.length;
    for (const { store, ups } of [one, two]) {
      await waitFor(`${what}: a new file`, async () => {
        await store.put("k", "v", 60, soon());
        return ups.length > before;
      }, 5000);
    }
    assert.equal(fs.statSync(one.file).mode & 0o777, 0o640);
    assert.equal(await two.store.get("old", soon()), undefined);
    await one.store.put("new", what, 60, soon());
    assert.equal(await two.store.get("new", soon()), what);
    assert.equal(integrity(one.file), "ok");
  }
  for (const { downs, ups } of [one, two]) {
    assert.equal(downs.length, 2, downs.join("\n"));
    assert.equal(ups.length, 2);
    // Who comes second finds the new file of the first.
    const wanted = /^sqlite:.*state\.db: the file was (deleted|replaced), with all entries in it$/;
    for (const down of downs) assert.match(down, wanted);
  }
  assert.match(one.downs.join("\n"), /deleted/);
  await Promise.all([one.store.close(), two.store.close()]);
  assert.equal(
    await (await open(t, one.file)).store.get("new", soon()),
    "with the files beside it",
  );
});

test("a file that is replaced is noticed, and the new one is used and not damaged", async (t) => {
  const { file, store, downs, ups } = await open(t);
  await store.put("k", "of the old file", 60, soon());
  const other = await open(t, path.join(tempDir(t), "other.db"));
  await other.store.put("k", "of the new file", 60, soon());
  await other.store.close();
  fs.copyFileSync(other.file, `${file}.new`);
  fs.renameSync(`${file}.new`, file);
  for (const end of ["-wal", "-shm"]) fs.rmSync(file + end);
  const value = async () => await store.get("k", soon());
  await waitFor("the new file", async () => await value() === "of the new file", 5000);
  await store.put("l", "v", 60, soon());
  assert.equal(integrity(file), "ok");
  assert.deepEqual(downs, [`sqlite:${file}: the file was replaced, with all entries in it`]);
  assert.equal(ups.length, 1);
});

test("a directory that is moved away is a failure that says so, until it is back", async (t) => {
  const dir = path.join(tempDir(t), "state");
  fs.mkdirSync(dir);
  const { store, downs, ups } = await open(t, path.join(dir, "state.db"));
  await store.put("k", "v", 60, soon());
  fs.renameSync(dir, `${dir}.away`);
  await waitFor("the line", async () => {
    await store.get("k", soon()).catch(() => {});
    return downs.length === 2;
  }, 5000);
  assert.match(downs[0] ?? "", /: the file was deleted, with all entries in it$/);
  assert.match(downs[1] ?? "", /\(reading\): directory ".*state" does not exist$/);
  fs.renameSync(`${dir}.away`, dir);
  await waitFor("recovery", async () => {
    await store.get("k", soon()).catch(() => {});
    return ups.length === 2;
  }, 5000);
  assert.equal(await store.get("k", soon()), "v");
});

const mebibyte = 2 ** 20;

/** Writes until the write-ahead log is that long; a reader has to keep it from being written back. */
async function grow(
  { file, store }: Awaited<ReturnType<typeof open>>,
  bytes: number,
): Promise<void> {
  for (let i = 0; fs.statSync(`${file}-wal`).size < bytes; i++) {
    await store.put(`k${i % 5000}`, "v".repeat(4000), 60, soon());
  }
}

/** A reader that sees what is there now, and nothing later, until it is told to end. */
function pin(database: DatabaseSync): () => void {
  database.exec("BEGIN");
  database.prepare("SELECT count(*) FROM entry").get();
  return () => database.exec("COMMIT");
}

test("a write-ahead log that has grown behind a reader shrinks when the reader is gone", async (t) => {
  const on = await open(t);
  await on.store.put("k", "v", 60, soon());
  const leave = pin(another(t, on.file));
  await grow(on, 12 * mebibyte);
  leave();
  const length = async () => {
    await on.store.put("k", "v", 60, soon());
    return fs.statSync(`${on.file}-wal`).size;
  };
  await waitFor("a short log", async () => await length() <= 4 * mebibyte);
  assert.deepEqual(on.downs, []);
});

test("behind a reader that stays, the write-ahead log is not written beyond its limit", async (t) => {
  const longestLogBytes = 2 * mebibyte;
  const on = await open(t, undefined, { longestLogBytes });
  const { file, store, downs, ups } = on;
  await store.put("before", "v", 60, soon());
  const leave = pin(another(t, file));
  await grow(on, longestLogBytes + 1);
  const put = () => store.put("k", "v", 60, soon());
  await waitFor("the limit", async () => (await put().catch(() => {}), downs.length > 0), 5000);
  assert.match(
    downs[0] ?? "",
    /\(writing\): write-ahead log of \d+ MiB, kept by another program that reads the file$/,
  );
  const length = fs.statSync(`${file}-wal`).size;
  for (let i = 0; i < 50; i++) await failure(put());
  assert.equal(fs.statSync(`${file}-wal`).size, length);
  assert.equal(await store.get("before", soon()), "v", "reads go on");
  leave();
  await waitFor("writing", async () => (await put().catch(() => {}), ups.length > 0), 8000);
  assert.ok(fs.statSync(`${file}-wal`).size < longestLogBytes);
  assert.equal(downs.length, 1);
});
