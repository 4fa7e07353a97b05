/** Whether a store could be used, found out without leaving a trace. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { checkStore } from "../../lib/stores/check.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, freePort, tempDir } from "../support/process.ts";

const check = (address: string, auth?: { username: string; password: string }) =>
  checkStore(parseStoreAddress(address), { timeoutMilliseconds: 500, ...(auth ? { auth } : {}) });

test("there is never anything wrong with memory", async () => {
  assert.equal(await check("memory"), undefined);
});

test("every Memcached server that does not answer is named, and no other", async (t) => {
  const good = await startMemcached(t), frozen = await startMemcached(t);
  frozen.freeze();
  const dead = await freePort();
  assert.equal(await check(`memcached:${good.server}`), undefined);
  const began = performance.now();
  const problem = await check(`memcached:${good.server},127.0.0.1:${dead},${frozen.server}`);
  assert.ok(performance.now() - began < 2000);
  assert.match(
    problem ?? "",
    new RegExp(
      `^memcached:127\\.0\\.0\\.1:${dead}: .*ECONNREFUSED.*; ` +
        `memcached:${frozen.server.replaceAll(".", "\\.")}: no answer within \\d+ ms$`,
    ),
  );
});

/** As another user, when this one may do everything. */
async function unprivileged(body: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    await body();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

const skip = process.getuid?.() === 0 && process.seteuid === undefined;

test("a SQLite file that is not there yet is not made, and its directory is as before", async (t) => {
  const dir = tempDir(t);
  assert.equal(await check(`sqlite:${dir}/state.db`), undefined);
  assert.deepEqual(fs.readdirSync(dir), []);
  assert.equal(
    await check(`sqlite:${dir}/none/state.db`),
    `sqlite:${dir}/none/state.db: no file can be made in ${dir}/none: there is no such folder`,
  );
});

test(
  "a directory in which no SQLite file can be made is a problem",
  { skip },
  async (t: Cleanup) => {
    const dir = tempDir(t);
    fs.chmodSync(dir, 0o555);
    await unprivileged(async () => {
      assert.match(
        await check(`sqlite:${dir}/state.db`) ?? "",
        /^sqlite:.*state\.db: .*[Pp]ermission/,
      );
    });
  },
);

test("a SQLite file is opened, and is as before afterwards", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "state.db");
  fs.writeFileSync(file, "This is no database, whatever its name says.\n".repeat(99));
  assert.match(await check(`sqlite:${file}`) ?? "", /^sqlite:.*: file is not a database$/);
  assert.match(await check(`sqlite:${dir}`) ?? "", /: not a file$/);
  const { DatabaseSync } = await import("node:sqlite");
  fs.rmSync(file);
  const foreign = new DatabaseSync(file);
  foreign.exec("CREATE TABLE mail (id)");
  foreign.close();
  const before = fs.readFileSync(file);
  assert.match(await check(`sqlite:${file}`) ?? "", /: holds the tables of something else$/);
  assert.deepEqual(fs.readFileSync(file), before);
  assert.deepEqual(fs.readdirSync(dir), ["state.db"]);
});

test("a SQLite file that this user may not write, or not in that directory, is a problem", {
  skip,
}, async (t: Cleanup) => {
  const dir = tempDir(t), file = path.join(dir, "state.db");
  const { openStore } = await import("../../lib/stores/open.ts");
  const observer = { down() {}, up() {} };
  const options = { timeoutMilliseconds: 500, observer, clock: () => 0 };
  await (await openStore({ kind: "sqlite", path: file }, options)).close();
  assert.equal(await check(`sqlite:${file}`), undefined);
  const denied = /EACCES|[Pp]ermission denied|readonly database|unable to open/;
  await unprivileged(async () => assert.match(await check(`sqlite:${file}`) ?? "", denied));
  fs.chmodSync(file, 0o666);
  fs.chmodSync(dir, 0o555);
  await unprivileged(async () => assert.match(await check(`sqlite:${file}`) ?? "", denied));
});
