/**
 * State in this process: for a single daemon whose state may be lost at a restart, and for trying out.
 *
 * Bounded: a put that would exceed the limit first lets go of the entry that was written longest ago.
 * An entry whose time is over is never given out; it is let go when it is asked for or when it is the
 * oldest of a full store, so there is no timer and no sweep. An entry costs about 250 bytes (measured by
 * `bench/memory_store.ts`: 228 to 250 under Deno, 226 to 245 under Bun).
 */
import type { Deadline, Store } from "./store.ts";
import { StoreError, violation } from "./store.ts";

/** About 50 MB when full. With 100,000 new triplets a day that is the retry window of two days. */
export const defaultMemoryEntries = 200_000;

/** Half of the largest table that V8 gives a Map; beyond, a full store could fail instead of letting go. */
export const mostMemoryEntries = 8_000_000;

/** So rarely that a new iterator's walk costs nothing, so often that no table is kept for long. */
const writesPerIterator = 16_384;

interface Entry {
  readonly value: string;
  /** In the clock's seconds. */
  readonly expires: number;
}

export class MemoryStore implements Store {
  readonly name = "memory";
  #entries = new Map<string, Entry>();
  // Everything before this iterator's position has been let go of, and what is written again moves
  // behind it. So next() is always the oldest, without a walk over the holes that deletions leave at
  // the front of a Map, which is what a fresh keys().next() costs. But an iterator that stands still
  // keeps every table the Map has outgrown alive (V8), so it is dropped once in a while.
  #oldest: Iterator<string> | undefined;
  #writes = 0;
  #closed = false;

  constructor(
    /** Current time in seconds; fractions count. */
    private readonly clock: () => number,
    private readonly maxEntries: number = defaultMemoryEntries,
  ) {
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1 || maxEntries > mostMemoryEntries) {
      throw new RangeError(
        `Cannot keep ${maxEntries} entries, wanted a whole number from 1 to ${mostMemoryEntries}`,
      );
    }
  }

  /** How many entries are held, those included whose time is over. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#settle(violation(key), deadline, () => {
      const entry = this.#entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.expires > this.clock()) return entry.value;
      this.#entries.delete(key);
      return undefined;
    });
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    return this.#settle(violation(key, value, ttlSeconds), deadline, () => {
      // Deleted first, so that it moves to the young end.
      if (!this.#entries.delete(key) && this.#entries.size >= this.maxEntries) this.#letGo();
      this.#entries.set(key, { value, expires: this.clock() + ttlSeconds });
      if (++this.#writes % writesPerIterator === 0) this.#oldest = undefined;
    });
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#settle(violation(key), deadline, () => void this.#entries.delete(key));
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#settle(undefined, deadline, () => {});
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#entries = new Map();
    this.#oldest = undefined;
    return Promise.resolve();
  }

  #letGo(): void {
    this.#oldest ??= this.#entries.keys();
    let next = this.#oldest.next();
    if (next.done) {
      // An iterator that has reached the end stays there, whatever is added later.
      this.#oldest = this.#entries.keys();
      next = this.#oldest.next();
    }
    if (!next.done) this.#entries.delete(next.value);
  }

  #settle<T>(wrong: string | undefined, deadline: Deadline, operation: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError("memory: the store is closed"));
    if (wrong !== undefined) return Promise.reject(new StoreError(`memory: ${wrong}`));
    if (performance.now() >= deadline) {
      return Promise.reject(new StoreError("memory: no time left"));
    }
    return Promise.resolve(operation());
  }
}
