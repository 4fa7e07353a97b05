/**
 * The writes of a SQLite file: those of one turn of the event loop in one transaction. Alone, a write costs half as
 * much again as it costs in a transaction of 25.
 *
 * - A write settles after the COMMIT, in the order in which it came; nothing is acknowledged before.
 * - A statement that fails fails its own write only, unless SQLite itself has ended the transaction, as it may on a
 *   full disk. What fails the transaction fails all in it, and counts as one failure: its cause is one.
 * - While another process holds the lock all wait together, each until its own deadline, and what comes meanwhile
 *   waits with them. A transaction of ours begins and ends within one call and is bounded, so others get their turn.
 * - Reads do not look at what waits here: the contract promises a value once its put has settled.
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { messageOf } from "../error.ts";
import type { Health } from "./health.ts";
import { isBusy, type SqliteFile } from "./sqlite_file.ts";
import type { Deadline, StoreError } from "./store.ts";

/** Between two tries for a lock. Closing does not wake a read that waits, so it is short. */
export const longestPauseMilliseconds = 40;

/** In one transaction: some 10 ms, in which no other process writes. */
const mostTogether = 250;

/** The same for what is brought in in bulk, where each page that is written has several entries: some 80 ms. */
const mostInBulk = 2000;

/** What the writes need of the store that they belong to. */
export interface Owner {
  /** The file, open and fit to be written to; throws when it is not. */
  writable(): SqliteFile;
  /** To be called after an error: the file is opened anew for what comes next. */
  letGo(): void;
  error(error: unknown): StoreError;
  /** Whether others may have to wait longer for the lock. */
  readonly bulk: boolean;
}

interface Write {
  readonly statement: (open: SqliteFile) => void;
  readonly began: number;
  readonly deadline: Deadline;
  resolve(): void;
  reject(error: StoreError): void;
}

export class SqliteWrites {
  #waiting: Write[] = [];
  /** When the next try for a lock is due; Infinity: nobody waits for one. */
  #tryAt = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMilliseconds = 1;

  constructor(private readonly owner: Owner, private readonly health: Health) {}

  /** Settles when what `statement` does is committed; rejects with a StoreError. The health allows it. */
  add(statement: (open: SqliteFile) => void, began: number, deadline: Deadline): Promise<void> {
    this.health.begin();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement, began, deadline, resolve, reject });
      if (this.#waiting.length === 1) this.#commitSoon();
      else if (deadline < this.#tryAt && this.#tryAt !== Infinity) this.#tryAgainAt(deadline);
    });
  }

  /** Commits what waits, if nobody holds the lock; what cannot be committed now fails. */
  close(): void {
    for (let before = 0; before !== this.#waiting.length;) {
      before = this.#waiting.length;
      this.#commit();
    }
    const writes = this.#waiting;
    this.#waiting = [];
    this.#noLock();
    for (const write of writes) {
      this.health.inconclusive(write.began);
      write.reject(this.owner.error("the store is closed"));
    }
  }

  #commitSoon(): void {
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    const writes = this.#waiting.slice(0, this.owner.bulk ? mostInBulk : mostTogether);
    if (writes.length === 0) return;
    const failures = new Map<Write, unknown>();
    try {
      const open = this.owner.writable();
      open.inTransaction(() => {
        for (const write of writes) {
          try {
            write.statement(open);
          } catch (error) {
            if (isBusy(error) || !open.isInTransaction()) throw error;
            failures.set(write, error);
          }
        }
      });
    } catch (error) {
      if (isBusy(error)) this.#waitForLock();
      else this.#failAll(writes, error);
      return;
    }
    this.#done(writes);
    if (failures.size > 0) this.owner.letGo();
    for (const write of writes) {
      if (failures.has(write)) this.#fail(write, failures.get(write));
      else {
        this.health.success(write.began);
        write.resolve();
      }
    }
  }

  #failAll(writes: readonly Write[], error: unknown): void {
    this.#done(writes);
    this.owner.letGo();
    const [first, ...others] = writes;
    if (first !== undefined) this.#fail(first, error);
    for (const write of others) {
      this.health.inconclusive(write.began);
      write.reject(this.owner.error(error));
    }
  }

  #fail(write: Write, error: unknown): void {
    const failure = this.owner.error(error);
    this.health.failure(write.began, messageOf(error));
    write.reject(failure);
  }

  /** These, the first that wait, do not any more; and nobody knows of a lock. */
  #done({ length }: readonly Write[]): void {
    this.#waiting = this.#waiting.slice(length);
    this.#noLock();
    if (this.#waiting.length > 0) this.#commitSoon();
  }

  #noLock(): void {
    this.#pauseMilliseconds = 1;
    this.#tryAt = Infinity;
    clearTimeout(this.#timer);
  }

  #waitForLock(): void {
    const now = performance.now();
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    if (this.#waiting.length === 0) this.#noLock();
    else {
      // A random share keeps processes that wait for each other from meeting again.
      const pause = this.#pauseMilliseconds * (1 + Math.random());
      this.#pauseMilliseconds = Math.min(2 * this.#pauseMilliseconds, longestPauseMilliseconds / 2);
      const first = (at: number, { deadline }: { deadline: number }) => Math.min(at, deadline);
      this.#tryAgainAt(this.#waiting.reduce(first, now + pause));
    }
    for (const write of late) {
      this.#fail(write, `locked by another process for ${Math.round(now - write.began)} ms`);
    }
  }

  #tryAgainAt(time: number): void {
    clearTimeout(this.#timer);
    this.#tryAt = time;
    this.#timer = setTimeout(() => this.#commit(), Math.max(0, time - performance.now()));
  }
}
