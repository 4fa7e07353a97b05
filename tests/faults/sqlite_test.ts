/** An SQLite file that is locked, full, gone, spoiled. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { atEnd, type Cleanup } from "../support/process.ts";
import { failureTable } from "./harness.ts";
import { fillUp, unlessMounting, withSmallDisk, withSqlite } from "./places.ts";

const row = failureTable("sqlite");

const entering = /store sqlite:\S+ .*is not usable: /g;
const leaving = /store sqlite:\S+ .*is usable again /g;

row({
  name: "SQLite's file is locked by another process",
  place: withSqlite,
  inject: ({ file }) => {
    const other = new DatabaseSync(file);
    other.exec("PRAGMA busy_timeout = 1000; BEGIN EXCLUSIVE");
    return () => other.close();
  },
  meanwhile: "on-store-failure",
  entering,
  leaving,
});

row({
  name: "SQLite's disk is full",
  skip: unlessMounting,
  place: withSmallDisk((folder) => ["--store", `sqlite:${folder}/greylist.db`]),
  inject: ({ disk }, { pid }) => fillUp(disk(pid)),
  meanwhile: "on-store-failure",
  entering,
  leaving,
});

row({
  name: "SQLite's file is deleted",
  place: withSqlite,
  inject: ({ files }) => {
    for (const file of files) fs.rmSync(file, { force: true });
    return () => {};
  },
  meanwhile: "ordinary",
  entering,
  forgets: true,
  check: ({ file }, daemon) => {
    assert.ok(fs.existsSync(file), "there is a new file");
    assert.match(daemon.log(), leaving);
  },
});

/**
 * Modes do not keep root from writing, nor anybody who has opened a file already; this does. Not for the -shm: a write to
 * its mapping would be a SIGBUS, which no file system that turns read-only makes of it.
 */
const immutable = (flag: "+i" | "-i", file: string) =>
  spawnSync("chattr", [flag, file], { stdio: "ignore" }).status === 0;

row({
  name: "SQLite's file is read-only",
  skip: !canMakeImmutable() && "chattr +i does not work here",
  place: async (t: Cleanup) => {
    const { args, file } = await withSqlite(t);
    const set = (flag: "+i" | "-i") => [file, `${file}-wal`].forEach((one) => immutable(flag, one));
    atEnd(t, () => set("-i"));
    return { args, set };
  },
  inject: ({ set }) => {
    set("+i");
    return () => set("-i");
  },
  meanwhile: "on-store-failure",
  entering,
  leaving,
});

row({
  name: "SQLite's file is corrupt, until it is taken away",
  place: withSqlite,
  inject: async ({ files }, daemon) => {
    // In the middle of a transaction SQLite does not notice: its end makes the -shm's header good again, and what it needs
    // of the rest is in its cache.
    for (let tries = 0; tries < 50 && !daemon.log().match(entering); tries++) {
      for (const file of files) scribble(file);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return () => files.forEach((file) => fs.rmSync(file, { force: true }));
  },
  meanwhile: "on-store-failure",
  entering,
  leaving,
  forgets: true,
});

/** Overwrites every byte, in place. */
function scribble(file: string): void {
  const descriptor = fs.openSync(file, "r+");
  fs.writeSync(
    descriptor,
    randomFillSync(Buffer.alloc(fs.fstatSync(descriptor).size)),
    null,
    null,
    0,
  );
  fs.closeSync(descriptor);
}

function canMakeImmutable(): boolean {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-test-"));
  const works = immutable("+i", folder) && immutable("-i", folder);
  fs.rmdirSync(folder);
  return works;
}
