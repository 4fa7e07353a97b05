/** What the tests of the adapters share: an open store, with what its observer was told. */
import assert from "node:assert/strict";
import * as path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { type MemcachedOptions, MemcachedStore } from "../../lib/stores/memcached.ts";
import { type SqliteOptions, SqliteStore } from "../../lib/stores/sqlite.ts";
import { StoreError } from "../../lib/stores/store.ts";
import { soon } from "./store_contract.ts";
import { atEnd, type Cleanup, tempDir } from "./process.ts";

/** An observer that keeps what it is told. */
function observed() {
  const downs: string[] = [], ups: string[] = [];
  const observer = {
    down: (server: string, why: string) => void downs.push(`${server}: ${why}`),
    up: (server: string, seconds: number) => void ups.push(`${server}: ${seconds >= 0}`),
  };
  return { downs, ups, observer };
}

export function openMemcached(
  t: Cleanup,
  servers: string | number,
  options: Partial<Omit<MemcachedOptions, "observer">> = {},
) {
  const spelled = typeof servers === "number" ? `127.0.0.1:${servers}` : servers;
  const address = parseStoreAddress(`memcached:${spelled}`);
  assert.ok(address.kind === "memcached");
  const { downs, ups, observer } = observed();
  const store = new MemcachedStore(address.servers, {
    timeoutMilliseconds: 300,
    observer,
    keyPrefix: "gl1:",
    ...options,
  });
  atEnd(t, () => store.close());
  return { store, downs, ups };
}

/** With its own clock, which `pass` moves. */
export async function openSqlite(
  t: Cleanup,
  file = path.join(tempDir(t), "state.db"),
  options: Partial<SqliteOptions> = {},
) {
  let now = 1_700_000_000.25;
  const { downs, ups, observer } = observed();
  const clock = () => now;
  const store = await SqliteStore.open(file, {
    timeoutMilliseconds: 200,
    observer,
    clock,
    ...options,
  });
  atEnd(t, () => store.close());
  return { file, store, downs, ups, pass: (seconds: number) => void (now += seconds) };
}

/** Another program that has a SQLite file open. */
export function another(t: Cleanup, file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  atEnd(t, () => database.close());
  return database;
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The StoreError an operation fails with. */
export async function failure(operation: Promise<unknown>): Promise<StoreError> {
  const outcome = await operation.then((value) => ({ value }), (error: unknown) => ({ error }));
  if (!("error" in outcome)) assert.fail(`no failure but ${String(outcome.value)}`);
  assert.ok(outcome.error instanceof StoreError, String(outcome.error));
  return outcome.error;
}

export const works = async (store: MemcachedStore, key = "k") =>
  await store.get(key, soon(300)).then(() => true, () => false);
