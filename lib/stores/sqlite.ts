/**
 * State in one SQLite file: for a single machine, where it survives restarts and is shared by as many
 * processes as there are, as in spawn mode.
 *
 * - node:sqlite is synchronous, so nothing here may wait inside SQLite. When another process holds the
 *   lock, the operation is tried again from a timer until its deadline, while this process goes on
 *   answering others. A read that meets no lock is answered at once; writes: see sqlite_writes.ts.
 * - Expired entries are never given out. They are deleted by a timer, a few at a time,
 *   never by a request. Any number of processes may do so.
 * - After an error the file is opened anew for the next operation, so what was repaired is noticed.
 *   Reads and writes each have a circuit breaker: on a full disk reads go on.
 * - Once a second it is looked whether the file is still the one of that name, because SQLite would go on
 *   with one that is deleted or replaced, and lose what it writes when the process ends. The log says so,
 *   and the one of that name is used, or made. (Copying over a file that is open damages it all the same.)
 * - Another program that reads for hours keeps the write-ahead log from being written back, and every
 *   write makes it longer. From 256 MiB on writes fail, until it can be emptied: a full disk is worse.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { messageOf } from "../error.ts";
import { operationRules } from "./breaker.ts";
import { Health } from "./health.ts";
import { isBusy, loadSqlite, removeRemains, type SqliteFile } from "./sqlite_file.ts";
import { longestPauseMilliseconds, SqliteWrites } from "./sqlite_writes.ts";
import {
  type Deadline,
  getOne,
  type Store,
  StoreError,
  type StoreObserver,
  type ToldOfKey,
  violation,
} from "./store.ts";

type Values = Map<string, string>;

export interface SqliteOptions {
  /** The most that opening may wait for another process. */
  readonly timeoutMilliseconds: number;
  readonly observer: StoreObserver;
  /** UNIX time in seconds. */
  readonly clock: () => number;
  /** How often to look for expired entries, and how many to delete at once. */
  readonly pruning?: { readonly everyMilliseconds: number; readonly rows: number };
  /** From which length of the write-ahead log on nothing is written. */
  readonly longestLogBytes?: number;
  /** Whether millions are to be written: more at a time, for which others may have to wait. */
  readonly bulk?: boolean;
}

/** Some 25,000 writes (measured), hours on most machines, and no full disk. */
const defaultLongestLogBytes = 256 * 2 ** 20;

/** How often to look whether the file is still there, and how long its log is. */
const lookEveryMilliseconds = 1000;

/** 500 rows take about 5 ms. A step that finds as many is followed by the next after a tenth of the time. */
const defaultPruning = { everyMilliseconds: 30_000, rows: 500 };

export class SqliteStore implements Store {
  readonly name = "sqlite";
  readonly forgetsBySize = false;
  readonly #reading: Health;
  readonly #writing: Health;
  readonly #writes: SqliteWrites;
  #open: SqliteFile | undefined;
  #lookAt = 0;
  #logIsTooLong = false;
  /** Since when the file has been gone. */
  #goneAt: number | undefined;
  #closed = false;
  #pruneTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    private readonly openFile: (file: string) => SqliteFile,
    private readonly file: string,
    private readonly options: SqliteOptions,
  ) {
    const side = (what: string) =>
      new Health(`sqlite:${file} (${what})`, operationRules, options.observer);
    this.#reading = side("reading");
    this.#writing = side("writing");
    this.#writes = new SqliteWrites({
      writable: () => this.#writable(),
      letGo: () => this.#letGo(),
      error: (error) => this.#error(error),
      bulk: options.bulk ?? false,
    }, this.#writing);
  }

  /**
   * Opens the file, and makes it if it is not there; its directory has to be. Rejects with a StoreError
   * when the file cannot serve. One that is only locked is opened later, by the first operation.
   */
  static async open(file: string, options: SqliteOptions): Promise<SqliteStore> {
    const store = new SqliteStore(await loadSqlite(options.bulk), file, options);
    try {
      const deadline = performance.now() + options.timeoutMilliseconds;
      await store.#untilFree(deadline, () => store.#opened());
    } catch (error) {
      if (!isBusy(error)) {
        await store.close();
        throw store.#error(error);
      }
    }
    const { everyMilliseconds } = options.pruning ?? defaultPruning;
    // Not all processes of a machine at the same time, and the first time soon: some live for minutes only.
    store.#pruneIn(everyMilliseconds * (0.1 + 0.2 * Math.random()));
    return store;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return getOne(this, key, deadline);
  }

  getMany(keys: readonly string[], deadline: Deadline, told: ToldOfKey): void {
    const wrong = keys.map((key) => violation(key));
    const tell = (answer: (key: string) => string | undefined | Error) => {
      for (const [place, key] of keys.entries()) {
        const why = wrong[place];
        told(place, why === undefined ? answer(key) : this.#error(why));
      }
    };
    const values = this.#read(keys.filter((_, place) => wrong[place] === undefined), deadline);
    if (values instanceof Map) tell((key) => values.get(key));
    else if (values instanceof Error) tell(() => values);
    else values.then((late) => tell((key) => late.get(key)), (error) => tell(() => error));
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const expires = Math.ceil(this.options.clock()) + ttlSeconds;
    return this.#write(violation(key, value, ttlSeconds), deadline, (open) => {
      open.put(key, value, Math.min(expires, Number.MAX_SAFE_INTEGER));
    });
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#write(violation(key), deadline, (open) => open.delete(key));
  }

  /** Settles when the file can be read and when nobody keeps it from being written. */
  async ping(deadline: Deadline): Promise<void> {
    await this.get("ping", deadline);
    await this.#write(undefined, deadline, (open) => open.delete(""));
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    clearTimeout(this.#pruneTimer);
    this.#writes.close();
    this.#letGo();
    return Promise.resolve();
  }

  /** Why an operation is not to be tried at all, or undefined. */
  #refusal(side: Health, began: number, deadline: Deadline): StoreError | undefined {
    if (this.#closed) return this.#error("the store is closed");
    if (began >= deadline) return this.#error("no time left");
    return side.allows(began) ? undefined : this.#error(`down, not tried: ${side.why}`);
  }

  /** What there is under these keys: at once, where nobody holds a lock. Does not throw. */
  #read(keys: readonly string[], deadline: Deadline): Values | StoreError | Promise<Values> {
    const began = performance.now();
    const refusal = this.#refusal(this.#reading, began, deadline);
    if (refusal !== undefined) return refusal;
    this.#reading.begin();
    const read = () => {
      const values = this.#opened().get(keys, Math.floor(this.options.clock()));
      this.#reading.success(began);
      return values;
    };
    try {
      return read();
    } catch (error) {
      if (!isBusy(error)) return this.#unread(began, error);
    }
    return this.#untilFree(deadline, read).catch((error) => {
      throw this.#unread(began, error);
    });
  }

  #unread(began: number, error: unknown): StoreError {
    if (this.#closed) return this.#error("the store is closed");
    const why = isBusy(error)
      ? `locked by another process for ${Math.round(performance.now() - began)} ms`
      : messageOf(error);
    if (!isBusy(error)) this.#letGo();
    this.#reading.failure(began, why);
    return this.#error(why);
  }

  #write(
    wrong: string | undefined,
    deadline: Deadline,
    statement: (open: SqliteFile) => void,
  ): Promise<void> {
    if (wrong !== undefined) return Promise.reject(this.#error(wrong));
    const began = performance.now();
    const refusal = this.#refusal(this.#writing, began, deadline);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#writes.add(statement, began, deadline);
  }

  /** Runs `action` until nobody holds the lock any more; at the deadline, with the error of the last try. */
  async #untilFree<T>(deadline: Deadline, action: () => T): Promise<T> {
    for (let pause = 1;; pause = Math.min(2 * pause, longestPauseMilliseconds / 2)) {
      try {
        return action();
      } catch (error) {
        const left = deadline - performance.now();
        if (!isBusy(error) || left <= 0) throw error;
        // A random share keeps processes that wait for each other from meeting again.
        const milliseconds = Math.min(pause * (1 + Math.random()), left);
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        if (this.#closed) throw error;
      }
    }
  }

  #opened(): SqliteFile {
    this.#look();
    if (this.#open !== undefined) return this.#open;
    this.#open = this.openFile(this.file);
    if (this.#goneAt !== undefined) {
      this.options.observer.up(`sqlite:${this.file}`, (performance.now() - this.#goneAt) / 1000);
      this.#goneAt = undefined;
    }
    return this.#open;
  }

  /** What may have happened to the file from outside. */
  #look(): void {
    const now = performance.now();
    if (this.#open === undefined || now < this.#lookAt) return;
    this.#lookAt = now + lookEveryMilliseconds;
    const fate = this.#open.fate();
    if (fate === "same") {
      const longest = this.options.longestLogBytes ?? defaultLongestLogBytes;
      this.#logIsTooLong = this.#open.logBytes() > longest;
      return;
    }
    this.#letGo();
    if (fate === "deleted") removeRemains(this.file);
    this.#goneAt ??= now;
    this.options.observer.down(
      `sqlite:${this.file}`,
      `the file was ${fate}, with all entries in it`,
    );
  }

  /** The open file, when its log is short enough to be written to. */
  #writable(): SqliteFile {
    const open = this.#opened();
    if (this.#logIsTooLong && !open.emptyLog()) {
      const length = `${Math.round(open.logBytes() / 2 ** 20)} MiB`;
      throw new Error(`write-ahead log of ${length}, kept by another program that reads the file`);
    }
    this.#logIsTooLong = false;
    return open;
  }

  #letGo(): void {
    const open = this.#open;
    this.#open = undefined;
    try {
      open?.close();
    } catch {
      // Closing writes the log back; what that meets, the next opening meets too, and it can say so.
    }
  }

  #pruneIn(milliseconds: number): void {
    if (this.#closed) return;
    this.#pruneTimer = setTimeout(() => this.#prune(), milliseconds);
    this.#pruneTimer.unref();
  }

  #prune(): void {
    const { everyMilliseconds, rows } = this.options.pruning ?? defaultPruning;
    let next = everyMilliseconds;
    try {
      const now = Math.floor(this.options.clock());
      if (this.#writable().prune(now, rows) >= rows) next = everyMilliseconds / 10;
    } catch (error) {
      // A lock is somebody else at work: later, then. The rest is worth a word to who watches.
      if (!isBusy(error)) {
        this.#letGo();
        this.#writing.failure(performance.now(), messageOf(error));
      }
    }
    this.#pruneIn(next);
  }

  #error(error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    return new StoreError(`sqlite:${this.file}: ${messageOf(error)}`);
  }
}
