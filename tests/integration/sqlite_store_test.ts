/** The SQLite adapter on real files, with other connections and other processes on them. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { soon, storeContract } from "../support/store_contract.ts";
import { start, tempDir, waitFor } from "../support/process.ts";
import { another, failure, openSqlite as open, sleep } from "../support/stores.ts";

const slackMilliseconds = 150;

storeContract("sqlite", open);

test("what was stored is there after closing and opening again", async (t) => {
  const { file, store } = await open(t);
  await store.put("k", "v\0\xff", 60, soon());
  await store.close();
  const again = await open(t, file);
  assert.equal(await again.store.get("k", soon()), "v\0\xff");
});

test("the file and its companions have mode 0640, whatever the umask", async (t) => {
  for (const umask of [0o077, 0o000]) {
    const before = process.umask(umask);
    try {
      const { file, store } = await open(t);
      await store.put("k", "v", 60, soon());
      for (const name of [file, `${file}-wal`, `${file}-shm`]) {
        assert.equal((fs.statSync(name).mode & 0o777).toString(8), "640", name);
      }
    } finally {
      process.umask(before);
    }
  }
});

test("the mode of a file that is there already is left as it is", async (t) => {
  const { file, store } = await open(t);
  await store.close();
  fs.chmodSync(file, 0o660);
  await open(t, file);
  assert.equal(fs.statSync(file).mode & 0o777, 0o660);
});

/** Makes a database as something other than this program would. */
function foreign(file: string, ...statements: string[]): void {
  const database = new DatabaseSync(file);
  for (const statement of statements) database.exec(statement);
  database.close();
}

const unusable: [string, (dir: string) => string, RegExp][] = [
  [
    "a directory that does not exist",
    (dir) => path.join(dir, "none/state.db"),
    /^sqlite:.*none\/state\.db: directory ".*none" does not exist$/,
  ],
  ["a directory", (dir) => dir, /: not a file$/],
  ["no database", (dir) => {
    fs.writeFileSync(
      path.join(dir, "x"),
      "This is no database, whatever its name says.\n".repeat(99),
    );
    return path.join(dir, "x");
  }, /^sqlite:.*\/x: file is not a database$/],
  ["the schema of a newer version", (dir) => {
    foreign(path.join(dir, "x"), "PRAGMA user_version = 7");
    return path.join(dir, "x");
  }, /: schema version 7, wanted 1; a newer greylist has written it$/],
  ["another program's tables", (dir) => {
    foreign(path.join(dir, "x"), "CREATE TABLE mail (id)");
    return path.join(dir, "x");
  }, /: holds the tables of something else$/],
];

for (const [what, make, wanted] of unusable) {
  test(`${what} is one clear error when it is opened`, async (t) => {
    const error = await failure(open(t, make(tempDir(t))));
    assert.match(error.message, wanted);
  });
}

test("a file that may not be written is one clear error when it is opened", {
  skip: process.getuid?.() === 0 && process.seteuid === undefined,
}, async (t) => {
  const { file, store } = await open(t);
  await store.close();
  fs.chmodSync(file, 0o444);
  // access(2) asks for the real user and open(2) for the effective one: either may say it.
  const denied = /EACCES|[Pp]ermission denied|readonly database|unable to open/;
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    assert.match((await failure(open(t, file))).message, denied);
    const elsewhere = path.join(path.dirname(file), "new.db");
    if (root) {
      assert.match((await failure(open(t, elsewhere))).message, denied);
    }
  } finally {
    if (root) process.seteuid?.(0);
  }
});

test("a write waits for another process's lock, but not past its deadline", async (t) => {
  const { file, store } = await open(t);
  const other = another(t, file);
  await store.put("k", "old", 60, soon());
  other.exec("BEGIN IMMEDIATE");
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const began = performance.now();
  const error = await failure(store.put("k", "new", 60, began + 200));
  const took = performance.now() - began;
  clearInterval(ticking);
  assert.match(error.message, /^sqlite:.*: locked by another process for \d+ ms$/);
  assert.ok(took >= 195 && took < 200 + slackMilliseconds, `${took} ms`);
  assert.ok(ticks > 10, `${ticks} ticks: this process went on meanwhile`);
  assert.equal(await store.get("k", soon()), "old", "reads do not wait");
  const pending = store.put("k", "new", 60, soon());
  await sleep(50);
  other.exec("COMMIT");
  await pending;
  assert.equal(await store.get("k", soon()), "new");
});

test("a lock that stays makes writes fail at once, is said once, and its end is noticed", async (t) => {
  const { file, store, downs, ups } = await open(t);
  const other = another(t, file);
  other.exec("BEGIN IMMEDIATE");
  for (let i = 0; i < 3; i++) await failure(store.put("k", "v", 60, soon(50)));
  const began = performance.now();
  for (let i = 0; i < 50; i++) await failure(store.put("k", "v", 60, soon(500)));
  assert.ok(performance.now() - began < 200);
  assert.equal(await store.get("k", soon()), undefined, "reads go on");
  assert.equal(downs.length, 1);
  assert.match(downs[0] ?? "", /^sqlite:.*state\.db \(writing\): locked by another process for/);
  other.exec("ROLLBACK");
  await waitFor("recovery", async () => {
    await store.put("k", "v", 60, soon()).catch(() => {});
    return ups.length === 1;
  });
});

test("a file that is locked for good can be opened, and used when it is free", async (t) => {
  const { file, store } = await open(t);
  await store.close();
  const other = new DatabaseSync(file);
  other.exec("PRAGMA locking_mode = EXCLUSIVE");
  other.exec("BEGIN EXCLUSIVE");
  const began = performance.now();
  const again = await open(t, file);
  assert.ok(performance.now() - began < 200 + slackMilliseconds);
  await failure(again.store.get("k", soon(50)));
  other.close();
  await again.store.put("k", "v", 60, soon());
  assert.equal(await again.store.get("k", soon()), "v");
});

test("closing settles a write that waits for a lock, at once", async (t) => {
  const { file, store } = await open(t);
  another(t, file).exec("BEGIN IMMEDIATE");
  const pending = failure(store.put("k", "v", 60, soon(60_000)));
  await sleep(30);
  const began = performance.now();
  await store.close();
  assert.match((await pending).message, /the store is closed/);
  assert.ok(performance.now() - began < 100);
});

test("a file that is damaged later fails each operation, is said once, and is used again when whole", async (t) => {
  const { file, store, downs, ups } = await open(t);
  await store.put("k", "v", 60, soon());
  await store.close();
  const whole = fs.readFileSync(file);
  const again = await open(t, file);
  const garbage = Buffer.alloc(whole.length, "garbage ");
  fs.writeFileSync(file, garbage);
  fs.rmSync(`${file}-wal`, { force: true });
  for (let i = 0; i < 5; i++) {
    await failure(again.store.get("k", soon()));
    await failure(again.store.put("k", "w", 60, soon()));
  }
  assert.equal(again.downs.length, 2, again.downs.join("\n"));
  assert.match(again.downs.join("\n"), /\(reading\): (file is not a database|database disk image)/);
  assert.match(again.downs.join("\n"), /\(writing\): (file is not a database|database disk image)/);
  assert.deepEqual(fs.readFileSync(file).subarray(0, 64), garbage.subarray(0, 64), "not touched");
  fs.writeFileSync(file, whole);
  const value = () => again.store.get("k", soon()).catch(() => undefined);
  await waitFor("recovery", async () => await value() === "v" && again.ups.length === 1);
  await waitFor("writes", async () => {
    await again.store.put("k", "w", 60, soon()).catch(() => {});
    return again.ups.length === 2;
  });
  assert.deepEqual([...downs, ...ups], []);
});

test("entries whose time is over are deleted in small steps, without a request", async (t) => {
  const file = path.join(tempDir(t), "state.db");
  const { store, pass } = await open(t, file, { pruning: { everyMilliseconds: 100, rows: 20 } });
  for (let i = 0; i < 100; i++) await store.put(`k${i}`, "v", i < 90 ? 10 : 1000, soon());
  const count = another(t, file).prepare("SELECT count(*) AS n FROM entry");
  const rows = () => Number(count.get()?.["n"]);
  await sleep(150);
  assert.equal(rows(), 100, "nothing is over yet");
  pass(12);
  const seen = new Set<number>();
  await waitFor("pruning", async () => {
    seen.add(rows());
    await sleep(0);
    return rows() === 10;
  });
  for (const n of seen) assert.ok(n % 20 === 0 || n === 10, `${[...seen]}`);
  assert.equal(await store.get("k95", soon()), "v");
});

test("on a full disk writes fail, reads go on, and room is noticed", async (t) => {
  const dir = path.join(tempDir(t), "small");
  fs.mkdirSync(dir);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=600k", "tmpfs", dir], { stdio: "ignore" });
  } catch {
    return t.skip("needs to mount a small file system");
  }
  try {
    const { store, downs, ups } = await open(t, path.join(dir, "state.db"));
    await store.put("k", "v", 60, soon());
    const ballast = path.join(dir, "ballast");
    fs.writeFileSync(ballast, Buffer.alloc(400 * 1024));
    const written: string[] = [];
    await waitFor("a full disk", async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `${written.length}-${i}`);
      await Promise.allSettled(keys.map(async (key) => {
        await store.put(key, "v".repeat(500), 60, soon());
        written.push(key);
      }));
      return downs.length > 0;
    });
    assert.ok(written.length > 0);
    for (const key of written) assert.notEqual(await store.get(key, soon()), undefined, key);
    for (const down of downs) assert.match(down, /\(writing\): database or disk is full$/);
    assert.equal(await store.get("k", soon()), "v");
    fs.rmSync(ballast);
    // Opening anew after a failure makes a little room by itself, so there may be several of each.
    await waitFor("recovery", async () => {
      await store.put("k", "w", 60, soon()).catch(() => {});
      return ups.length === downs.length;
    });
    await store.close();
  } finally {
    execFileSync("umount", ["-l", dir]);
  }
});

const child = fileURLToPath(new URL("../support/store_child.ts", import.meta.url));
const runtime = "Deno" in globalThis ? ["run", "-A", "--quiet", "--no-check"] : [];

test("many processes at once make the file and share it", async (t) => {
  const file = path.join(tempDir(t), "state.db");
  const programs = Array.from({ length: 8 }, (_, i) => {
    const end = i % 2 === 0 ? "close" : "leave";
    // Longer than usual: making the file takes several fsyncs, and eight start on few processors.
    const args = [child, `sqlite:${file}`, "200", end, "5000"];
    return start(t, process.execPath, [...runtime, ...args]);
  });
  for (const program of programs) {
    assert.equal(await program.exited, 0, program.stderr());
    assert.equal(program.stdout() + program.stderr(), "");
  }
  const { store } = await open(t, file);
  const database = another(t, file);
  assert.equal(database.prepare("SELECT count(*) AS n FROM entry").get()?.["n"], 200);
  assert.equal(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
  assert.equal(database.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
  await store.ping(soon());
});
