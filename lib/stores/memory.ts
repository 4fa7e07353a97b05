/**
 * State in this process: for a single daemon whose state may be lost at a restart, and for trying out.
 *
 * Bounded: a put that would exceed the limit first lets go of the entry that expires first. So a flood of
 * triplets that only wait displaces its own, and nothing that has passed.
 * An entry whose time is over is never given out; it is let go when it is asked for or when it is the
 * first to go of a full store, so there is no timer and no sweep. `bench/memory_store.ts` measures what an
 * entry costs.
 */
import { ExpiryQueue, type Queued } from "./expiry_queue.ts";
import {
  type Deadline,
  getOne,
  type Store,
  StoreError,
  type ToldOfKey,
  violation,
} from "./store.ts";

/**
 * About 65 MB when full. With 100,000 new mails a day that is the retry window of two days, where clients have
 * no name: one that is known by its name has two entries.
 */
export const defaultMemoryEntries = 200_000;

/** Half of the largest table that V8 gives a Map; beyond, a full store could fail instead of letting go. */
export const mostMemoryEntries = 8_000_000;

interface Entry extends Queued {
  readonly key: string;
  readonly value: string;
}

export class MemoryStore implements Store {
  readonly name = "memory";
  readonly forgetsBySize = false;
  #entries = new Map<string, Entry>();
  #expiring = new ExpiryQueue<Entry>();
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

  #letGo(entry: Entry | undefined): void {
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
