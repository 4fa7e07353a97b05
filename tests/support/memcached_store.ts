/** What the tests of the Memcached adapter share: a store with what its observer was told. */
import assert from "node:assert/strict";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { MemcachedStore } from "../../lib/stores/memcached.ts";
import { StoreError } from "../../lib/stores/store.ts";
import { soon } from "../store_contract.ts";
import { atEnd, type Cleanup } from "./process.ts";

/** A store, and what its observer was told. */
export function openMemcached(
  t: Cleanup,
  servers: string | number,
  options: { timeoutMs?: number; auth?: { username: string; password: string } } = {},
) {
  const spelled = typeof servers === "number" ? `127.0.0.1:${servers}` : servers;
  const address = parseStoreAddress(`memcached:${spelled}`);
  assert.ok(address.kind === "memcached");
  const downs: string[] = [], ups: string[] = [];
  const store = new MemcachedStore(address.servers, {
    timeoutMs: 300,
    observer: {
      down: (server, why) => void downs.push(`${server}: ${why}`),
      up: (server, seconds) => void ups.push(`${server}: ${seconds >= 0}`),
    },
    ...options,
  });
  atEnd(t, () => store.close());
  return { store, downs, ups };
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
