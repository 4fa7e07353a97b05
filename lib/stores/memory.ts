/**
 * State in this process: for a single daemon whose state may be lost at a restart, and for trying out.
 *
 * Bounded: a put that would exceed the limit first evicts the entry that expires first. So a flood of
 * triplets that only wait displaces its own, and nothing that has passed.
 * An expired entry is never given out; it is deleted when it is asked for or when it is the first to be
 * evicted from a full store, so there is no timer and no sweep. `bench/memory_store.ts` measures what an
 * entry costs.
 */
import { memoryEntries } from "./address.ts";
import { ExpiryQueue, type Queued } from "./expiry_queue.ts";
import {
  type Deadline,
  getOne,
  type Store,
  StoreError,
  type ToldOfKey,
  violation,
} from "./store.ts";

interface StoredEntry extends Queued {
  readonly key: string;
  readonly value: string;
}

export class MemoryStore implements Store {
  readonly name = "memory";
  readonly forgetsBySize = false;
  #entries = new Map<string, StoredEntry>();
  #expiring = new ExpiryQueue<StoredEntry>();
  #closed = false;

  constructor(
    /** Current time in seconds; fractions count. */
    private readonly clock: () => number,
    private readonly maxEntries: number = memoryEntries.usual,
  ) {
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1 || maxEntries > memoryEntries.most) {
      throw new RangeError(
        `Cannot keep ${maxEntries} entries, wanted a whole number from 1 to ${memoryEntries.most}`,
      );
    }
  }

  /** How many entries are held, expired ones included. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return getOne(this, key, deadline);
  }

  getMany(keys: readonly string[], deadline: Deadline, told: ToldOfKey): void {
    const isLate = this.#closed || performance.now() >= deadline;
    for (const [place, key] of keys.entries()) {
      const wrong = isLate ? this.#late() : violation(key);
      told(place, wrong === undefined ? this.#value(key) : new StoreError(`memory: ${wrong}`));
    }
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    return this.#settle(violation(key, value, ttlSeconds), deadline, () => {
      this.#letGo(this.#entries.get(key));
      if (this.#entries.size >= this.maxEntries) this.#letGo(this.#expiring.first);
      const entry = { key, value, expires: this.clock() + ttlSeconds, place: 0, turn: 0 };
      this.#entries.set(key, entry);
      this.#expiring.add(entry);
    });
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#settle(violation(key), deadline, () => this.#letGo(this.#entries.get(key)));
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#settle(undefined, deadline, () => {});
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#entries = new Map();
    this.#expiring = new ExpiryQueue();
    return Promise.resolve();
  }

  #value(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expires > this.clock()) return entry.value;
    this.#letGo(entry);
    return undefined;
  }

  #late(): string {
    return this.#closed ? "the store is closed" : "no time left";
  }

  #letGo(entry: StoredEntry | undefined): void {
    if (entry === undefined) return;
    this.#entries.delete(entry.key);
    this.#expiring.remove(entry);
  }

  #settle<T>(wrong: string | undefined, deadline: Deadline, operation: () => T): Promise<T> {
    const why = this.#closed || performance.now() >= deadline ? this.#late() : wrong;
    if (why !== undefined) return Promise.reject(new StoreError(`memory: ${why}`));
    return Promise.resolve(operation());
  }
}
