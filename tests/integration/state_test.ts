/** The state as commands open it, as root and beside a server that is somebody else. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openState, whyNoState } from "../../lib/commands/state.ts";
import type { Config } from "../../lib/config/settings.ts";
import { NOBODY } from "../support/program.ts";
import { tempDir } from "../support/process.ts";

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root can act beside another user" };

function setupWith(store: Config["store"]) {
  const config = { store, storeTimeout: 5, keyPrefix: "p:", storeCopies: 1 } as Config;
  return { config, secrets: {} };
}

const soon = () => performance.now() + 5000;

/** Who owns the files of a folder. */
function owners(folder: string): Record<string, number> {
  return Object.fromEntries(
    fs.readdirSync(folder).sort().map((name) => [name, fs.statSync(path.join(folder, name)).uid]),
  );
}

const ofNobody = { "state.db": NOBODY, "state.db-shm": NOBODY, "state.db-wal": NOBODY };

test(
  "a SQLite file that root makes belongs to its folder's owner, with all beside it",
  asRoot,
  async (t) => {
    const folder = tempDir(t);
    fs.chownSync(folder, NOBODY, NOBODY);
    const store = await openState(
      setupWith({ kind: "sqlite", path: path.join(folder, "state.db") }),
    );
    try {
      await store.put("p:key", "value", 60, soon());
      assert.deepEqual(owners(folder), ofNobody);
    } finally {
      await store.close();
    }
  },
);

test(
  "what root makes beside a SQLite file that is there belongs to its owner",
  asRoot,
  async (t) => {
    const folder = tempDir(t), file = path.join(folder, "state.db");
    fs.writeFileSync(file, "");
    fs.chownSync(file, NOBODY, NOBODY);
    const store = await openState(setupWith({ kind: "sqlite", path: file }));
    try {
      await store.put("p:key", "value", 60, soon());
      assert.deepEqual(owners(folder), ofNobody);
    } finally {
      await store.close();
    }
  },
);

test("a file that cannot be used is told, and stays whose it was", asRoot, async (t) => {
  const folder = tempDir(t), file = path.join(folder, "state.db");
  fs.writeFileSync(file, "no database, and long enough to be seen to be none");
  fs.chownSync(folder, NOBODY, NOBODY);
  const setup = setupWith({ kind: "sqlite", path: file });
  await assert.rejects(openState(setup), { name: "StoreError" });
  assert.equal(fs.statSync(file).uid, 0);
});

test("the state of a daemon's memory is told to be out of reach, and no other", () => {
  assert.match(whyNoState({ store: { kind: "memory" } }) ?? "", /only the daemon itself/);
  assert.equal(whyNoState({ store: { kind: "sqlite", path: "/state" } }), undefined);
});
