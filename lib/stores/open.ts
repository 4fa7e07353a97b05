/**
 * From a store's address to the store. Each adapter is imported only when it is asked for, because in
 * spawn mode start-up counts and neither memjs nor node:sqlite comes for free.
 */
import type { StoreAddress } from "./address.ts";
import type { Store, StoreObserver } from "./store.ts";

export interface StoreOptions {
  /** The setting `store-timeout`: the most that opening may take, and any one wait inside a store. */
  readonly timeoutMilliseconds: number;
  readonly observer: StoreObserver;
  /** UNIX time in seconds; fractions count. */
  readonly clock: () => number;
  /** The setting `memory-entries`. */
  readonly memoryEntries?: number;
  /** Memcached's SASL user, for every server; without it nobody logs in, whatever the environment. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** The setting `key-prefix`. */
  readonly keyPrefix?: string;
  /** The setting `store-copies`. */
  readonly copies?: number;
  /** Whether millions of entries are to be written (sqlite.ts). */
  readonly bulk?: boolean;
}

/** Opens the store; rejects with a StoreError when it can be said now that it will not work. */
export async function openStore(address: StoreAddress, options: StoreOptions): Promise<Store> {
  switch (address.kind) {
    case "memory": {
      const { MemoryStore } = await import("./memory.ts");
      return new MemoryStore(options.clock, options.memoryEntries);
    }
    case "memcached": {
      const { MemcachedStore } = await import("./memcached.ts");
      return new MemcachedStore(address.servers, options);
    }
    case "sqlite": {
      const { SqliteStore } = await import("./sqlite.ts");
      return await SqliteStore.open(address.path, options);
    }
  }
}
