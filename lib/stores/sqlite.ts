/**
 * State in one SQLite file: for a single machine, where it survives restarts and is shared by as many
 * processes as there are, as in spawn mode. The only module that names node:sqlite.
 *
 * - node:sqlite is synchronous, so nothing here may wait inside SQLite: its busy timeout is 0. When
 *   another process holds the lock, the operation is tried again from a timer until its deadline,
 *   while this process goes on answering others.
 * - Write-ahead log, so readers and the writer do not wait for each other; `synchronous=NORMAL`, so a put
 *   costs no fsync: after a power cut the last seconds may be missing, and the file is whole.
 * - Entries whose time is over are never given out. They are deleted by a timer, a few at a time,
 *   never by a request. Any number of processes may do so.
 * - After an error the file is opened anew for the next operation, so what was repaired is noticed.
 *   Reads and writes each have a circuit breaker: on a full disk reads go on.
 * - Times are whole UNIX seconds, rounded up. Values are blobs: SQLite's text ends at a NUL.
 * - Everything goes through prepared statements, because under Deno `exec` throws errors without a code.
 * - The file must not be replaced while a process has it open; SQLite would go on writing to the old one.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as path from "node:path";
import { clearTimeout, setTimeout } from "node:timers";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Breaker, type Change } from "../breaker.ts";
import { type Deadline, type Store, StoreError, type StoreObserver, violation } from "./store.ts";

/** The `user_version` of the tables below. A change of the tables counts it up and says how to convert. */
const schemaVersion = 1;
const schema = [
  `CREATE TABLE entry (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  "CREATE INDEX entry_expires ON entry (expires)",
  `PRAGMA user_version = ${schemaVersion}`,
];

/** The owner writes, the group may read, for backups. */
const fileMode = 0o640;

const breakerRules = { failuresToOpen: 3, probeAfterMs: 1000 };

/** Result code of SQLite for "another connection holds the lock"; the low byte of several codes. */
const busy = 5;

export interface SqliteOptions {
  /** The most that opening may wait for another process. */
  readonly timeoutMs: number;
  readonly observer: StoreObserver;
  /** UNIX time in seconds. */
  readonly clock: () => number;
  /** How often to look for entries whose time is over, and how many to delete at once. */
  readonly pruning?: { readonly everyMs: number; readonly rows: number };
}

/** 500 rows take about 5 ms. A step that finds as many is followed by the next after a tenth of the time. */
const defaultPruning = { everyMs: 30_000, rows: 500 };

interface Open {
  readonly database: DatabaseSync;
  readonly get: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
  readonly prune: StatementSync;
}

/** Reading or writing, each of which can be broken by itself. */
interface Side {
  readonly label: string;
  readonly breaker: Breaker;
  why: string;
}

export class SqliteStore implements Store {
  readonly name = "sqlite";
  readonly #reading: Side;
  readonly #writing: Side;
  /** One for each operation that waits for a lock; called when the wait is over or the store closes. */
  readonly #sleepers = new Set<() => void>();
  #open: Open | undefined;
  #closed = false;
  #pruneTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    private readonly sqlite: typeof import("node:sqlite"),
    private readonly file: string,
    private readonly options: SqliteOptions,
  ) {
    const side = (what: string) => ({
      label: `sqlite:${file} (${what})`,
      breaker: new Breaker(breakerRules),
      why: "",
    });
    this.#reading = side("reading");
    this.#writing = side("writing");
  }

  /**
   * Opens the file, and makes it if it is not there; its directory has to be. Rejects with a StoreError
   * when the file cannot serve. One that is only locked is opened later, by the first operation.
   */
  static async open(file: string, options: SqliteOptions): Promise<SqliteStore> {
    // Imported here, so that only who uses SQLite pays for it, also when all modules are one bundle.
    const store = new SqliteStore(await import("node:sqlite"), file, options);
    try {
      const deadline = performance.now() + options.timeoutMs;
      await store.#untilFree(deadline, () => store.#opened());
    } catch (error) {
      if (!isBusy(error)) {
        await store.close();
        throw store.#error(error);
      }
    }
    const { everyMs } = options.pruning ?? defaultPruning;
    // Not all processes of a machine at the same time, and the first time soon: some live for minutes only.
    store.#pruneIn(everyMs * (0.1 + 0.2 * Math.random()));
    return store;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#operate(this.#reading, violation(key), deadline, (open) => {
      const value = open.get.get(key, Math.floor(this.options.clock()))?.["value"];
      if (!(value instanceof Uint8Array)) return undefined;
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
    });
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const wrong = violation(key, value, ttlSeconds);
    return this.#operate(this.#writing, wrong, deadline, (open) => {
      const expires = Math.ceil(this.options.clock()) + ttlSeconds;
      open.put.run(key, Buffer.from(value, "latin1"), Math.min(expires, Number.MAX_SAFE_INTEGER));
    });
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#operate(this.#writing, violation(key), deadline, (open) => {
      open.delete.run(key);
    });
  }

  /** Settles when the file can be read and when nobody keeps it from being written. */
  async ping(deadline: Deadline): Promise<void> {
    await this.#operate(this.#reading, undefined, deadline, (open) => void open.get.get("", 0));
    await this.#operate(this.#writing, undefined, deadline, (open) => void open.delete.run(""));
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pruneTimer);
    for (const wake of this.#sleepers) wake();
    this.#letGo();
    return Promise.resolve();
  }

  async #operate<T>(
    side: Side,
    wrong: string | undefined,
    deadline: Deadline,
    action: (open: Open) => T,
  ): Promise<T> {
    if (this.#closed) throw this.#error("the store is closed");
    if (wrong !== undefined) throw this.#error(wrong);
    const began = performance.now();
    if (began >= deadline) throw this.#error("no time left");
    if (!side.breaker.allows(began)) throw this.#error(`down, not tried: ${side.why}`);
    try {
      const result = await this.#untilFree(deadline, () => action(this.#opened()));
      this.#report(side, side.breaker.success(performance.now()));
      return result;
    } catch (error) {
      if (this.#closed) throw this.#error("the store is closed");
      const now = performance.now();
      side.why = isBusy(error)
        ? `locked by another process for ${Math.round(now - began)} ms`
        : reason(error);
      if (!isBusy(error)) this.#letGo();
      this.#report(side, side.breaker.failure(now));
      throw this.#error(side.why);
    }
  }

  /** Runs `action` until nobody holds the lock any more; at the deadline, with the error of the last try. */
  async #untilFree<T>(deadline: Deadline, action: () => T): Promise<T> {
    for (let pauseMs = 1;; pauseMs = Math.min(2 * pauseMs, 20)) {
      try {
        return action();
      } catch (error) {
        const left = deadline - performance.now();
        if (!isBusy(error) || left <= 0) throw error;
        // A random share keeps processes that wait for each other from meeting again.
        await this.#sleep(Math.min(pauseMs * (1 + Math.random()), left));
        if (this.#closed) throw error;
      }
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#sleepers.add(wake);
    });
  }

  #opened(): Open {
    if (this.#open !== undefined) return this.#open;
    this.#create();
    const database = new this.sqlite.DatabaseSync(this.file);
    try {
      database.prepare("PRAGMA busy_timeout = 0").get();
      const version = prepareTables(database);
      if (version !== schemaVersion) {
        throw new StoreError(
          `sqlite:${this.file}: schema version ${version}, wanted ${schemaVersion}; ` +
            "a newer greylist has written it",
        );
      }
      this.#open = {
        database,
        get: database.prepare("SELECT value FROM entry WHERE key = ? AND expires > ?"),
        put: database.prepare(
          "INSERT INTO entry (key, value, expires) VALUES (?, ?, ?) " +
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires",
        ),
        delete: database.prepare("DELETE FROM entry WHERE key = ?"),
        prune: database.prepare(
          "DELETE FROM entry WHERE key IN (SELECT key FROM entry WHERE expires <= ? LIMIT ?)",
        ),
      };
      return this.#open;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Makes the file with its mode, whatever the umask; or makes sure that the one there can serve. */
  #create(): void {
    try {
      const descriptor = fs.openSync(this.file, "wx", fileMode);
      fs.fchmodSync(descriptor, fileMode);
      fs.closeSync(descriptor);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        const directory = path.dirname(this.file);
        if (!fs.existsSync(directory)) throw this.#error(`directory "${directory}" does not exist`);
        throw error;
      }
      // SQLite would say "unable to open", or open it for reading only. access() and no descriptor:
      // closing one would take away the locks of another connection of this process.
      if (!fs.statSync(this.file).isFile()) throw this.#error("not a file");
      fs.accessSync(this.file, fs.constants.R_OK | fs.constants.W_OK);
    }
  }

  #letGo(): void {
    const open = this.#open;
    this.#open = undefined;
    try {
      open?.database.close();
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
    const { everyMs, rows } = this.options.pruning ?? defaultPruning;
    let next = everyMs;
    try {
      const now = Math.floor(this.options.clock());
      const { changes } = this.#opened().prune.run(now, rows);
      if (Number(changes) >= rows) next = everyMs / 10;
    } catch (error) {
      // A lock is somebody else at work: later, then. The rest is worth a word to who watches.
      if (!isBusy(error)) {
        this.#letGo();
        this.#writing.why = reason(error);
        this.#report(this.#writing, this.#writing.breaker.failure(performance.now()));
      }
    }
    this.#pruneIn(next);
  }

  #report(side: Side, change: Change): void {
    if (change.kind === "opened") this.options.observer.down(side.label, side.why);
    if (change.kind === "closed") this.options.observer.up(side.label, change.openMs / 1000);
  }

  #error(error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    return new StoreError(`sqlite:${this.file}: ${reason(error)}`);
  }
}

/** Makes the tables in an empty file; returns the version of the schema that is there. */
function prepareTables(database: DatabaseSync): number {
  const run = (sql: string) => database.prepare(sql).get();
  const version = () => Number(run("PRAGMA user_version")?.["user_version"]);
  // Setting what is set already takes no lock, so the many processes of spawn mode do not meet here.
  const mode = run("PRAGMA journal_mode = WAL")?.["journal_mode"];
  if (mode !== "wal") throw new Error("no write-ahead log possible, as on a network file system");
  run("PRAGMA synchronous = NORMAL");
  if (version() !== 0) return version();
  // What fails before COMMIT is undone when the caller closes the database.
  run("BEGIN IMMEDIATE");
  // Another process may have been faster.
  if (version() === 0) {
    if (run("SELECT name FROM sqlite_schema") !== undefined) {
      throw new Error("holds the tables of something else");
    }
    for (const statement of schema) run(statement);
  }
  run("COMMIT");
  return version();
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" &&
    (error.errcode & 0xff) === busy;
}

/** Why, without the name of the backend in front. */
function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
