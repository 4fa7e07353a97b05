/**
 * One open SQLite file with this program's table: the only module that names node:sqlite. It never waits
 * and never tries twice; sqlite.ts does.
 *
 * - SQLite's busy timeout is 0, because waiting inside it would stop the whole process.
 * - Write-ahead log, so readers and the writer do not wait for each other; `synchronous=NORMAL`, so fsync comes
 *   only when the log is written back, every 1000 pages. What is committed survives the end of this process, however
 *   it ends; after a power cut what the kernel had not written yet is missing, and the file is whole.
 * - The log is cut to its usual length after it has been written back; a reader that stays keeps it from
 *   being written back, and lets it grow.
 * - Values are blobs, because SQLite's text ends at a NUL. Times are whole UNIX seconds.
 * - Everything goes through prepared statements, because under Deno `exec` throws errors without a code.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as path from "node:path";
import type { DatabaseSync } from "node:sqlite";

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

/** As long as SQLite lets the log become by itself: 1000 pages of 4096 bytes. */
const usualLogBytes = 4_096_000;

/** Result code of SQLite for "another connection holds the lock"; the low byte of several codes. */
const busy = 5;

export interface SqliteFile {
  /** The values of the entries that live at `now`, by their keys. */
  get(keys: readonly string[], now: number): Map<string, string>;
  put(key: string, value: string, expires: number): void;
  delete(key: string): void;
  /** Commits what `write` has done; undoes it when that, or the COMMIT, throws. Waits for nobody. */
  inTransaction(write: () => void): void;
  /** Whether `inTransaction` is at work: SQLite ends a transaction by itself after some errors. */
  isInTransaction(): boolean;
  /** Deletes up to `rows` expired entries; returns how many there were. */
  prune(now: number, rows: number): number;
  /** What has become of the file of this name: whether it is still the one that is open. */
  fate(): "same" | "deleted" | "replaced";
  /** How long the write-ahead log is. */
  logBytes(): number;
  /** Writes the log back and empties it; false when somebody else is reading what is in it. */
  emptyLog(): boolean;
  close(): void;
}

/**
 * Loads SQLite, and returns what opens a file, making it if it is not there; its directory has to be.
 * Everything that the result does throws, for a lock as for anything else: see `isBusy`.
 *
 * @param bulk millions of entries are to be written
 */
export async function loadSqlite(bulk = false): Promise<(file: string) => SqliteFile> {
  // Imported here, so that only who uses SQLite pays for it, also when all modules are one bundle.
  const { DatabaseSync } = await import("node:sqlite");
  return (file) => {
    makeFile(file);
    const database = new DatabaseSync(file);
    try {
      makeTables(database);
      if (bulk) preferBulk(database);
      return prepared(database, file);
    } catch (error) {
      database.close();
      throw error;
    }
  };
}

/** Whether another connection's lock is all that is wrong. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" &&
    (error.errcode & 0xff) === busy;
}

/**
 * Removes what a deleted file has left beside it. To be called before the file is made anew: a process that
 * has not noticed yet still uses these, and what it does to them would damage the new file.
 */
export function removeRemains(file: string): void {
  for (const name of [logOf(file), `${file}-shm`]) fs.rmSync(name, { force: true });
}

function logOf(file: string): string {
  return `${file}-wal`;
}

/** Which file has this name: device and inode; undefined for none. */
function identity(file: string): string | undefined {
  try {
    const { dev, ino } = fs.statSync(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const gone = error instanceof Error && "code" in error &&
      (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (gone) return undefined;
    throw error;
  }
}

/** Makes the file with its mode, whatever the umask; or makes sure that the one there can serve. */
function makeFile(file: string): void {
  try {
    const descriptor = fs.openSync(file, "wx", fileMode);
    fs.fchmodSync(descriptor, fileMode);
    fs.closeSync(descriptor);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      const directory = path.dirname(file);
      if (!fs.existsSync(directory)) throw new Error(`directory "${directory}" does not exist`);
      throw error;
    }
    if (!fs.statSync(file).isFile()) throw new Error("not a file");
    // SQLite would say "unable to open", or open it for reading only.
    if (!isAccessible(file)) fs.closeSync(fs.openSync(file, "r+"));
  }
}

/**
 * Whether the file may be read and written. By access() and no descriptor, as closing one would take away
 * the locks of another connection of this process; but Deno's knows nothing of groups, so that its "no"
 * has to be looked into.
 */
function isAccessible(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the table in an empty file; throws, without a change, when the file is anybody else's. */
function makeTables(database: DatabaseSync): void {
  const run = (sql: string) => database.prepare(sql).get();
  run("PRAGMA busy_timeout = 0");
  const isOurs = () => {
    const version = Number(run("PRAGMA user_version")?.["user_version"]);
    if (version !== 0 && version !== schemaVersion) {
      throw new Error(
        `schema version ${version}, wanted ${schemaVersion}; a newer greylist has written it`,
      );
    }
    return version === schemaVersion;
  };
  /** Whether the file is empty; throws when what it holds is not this program's table. */
  const isEmpty = () => {
    if (isOurs()) return false;
    if (run("SELECT name FROM sqlite_schema") === undefined) return true;
    // Between these two looks another process may have made the table, which it does together with the version.
    if (isOurs()) return false;
    throw new Error("holds the tables of something else");
  };
  const empty = isEmpty();
  // Setting what is set already takes no lock, so the many processes of spawn mode do not meet here.
  const mode = run("PRAGMA journal_mode = WAL")?.["journal_mode"];
  if (mode !== "wal") throw new Error("no write-ahead log possible, as on a network file system");
  run("PRAGMA synchronous = NORMAL");
  run(`PRAGMA journal_size_limit = ${usualLogBytes}`);
  if (!empty) return;
  // What fails before COMMIT is undone when the caller closes the database.
  run("BEGIN IMMEDIATE");
  // Another process may have been faster.
  if (isEmpty()) { for (const statement of schema) run(statement); }
  run("COMMIT");
}

/**
 * Keys are hashes, so that many entries write all pages again and again: they are kept in memory, and written back to
 * the file seldom. The log becomes 64 MiB long for it.
 */
function preferBulk(database: DatabaseSync): void {
  database.prepare("PRAGMA cache_size = -65536").get();
  database.prepare("PRAGMA wal_autocheckpoint = 16384").get();
}

function prepared(database: DatabaseSync, file: string): SqliteFile {
  const opened = identity(file), log = logOf(file);
  // One statement, and so one read transaction, for any number of keys: half of what one for each costs.
  const get = database.prepare(
    "SELECT e.key AS key, e.value AS value FROM json_each(?) AS wanted " +
      "CROSS JOIN entry AS e ON e.key = wanted.value WHERE e.expires > ?",
  );
  const put = database.prepare(
    "INSERT INTO entry (key, value, expires) VALUES (?, ?, ?) " +
      "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires",
  );
  const remove = database.prepare("DELETE FROM entry WHERE key = ?");
  const prune = database.prepare(
    "DELETE FROM entry WHERE key IN (SELECT key FROM entry WHERE expires <= ? LIMIT ?)",
  );
  // At once for writing: a transaction that begins with a read may find that it cannot write any more.
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT"), rollback = database.prepare("ROLLBACK");
  const emptyLog = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  return {
    get(keys, now) {
      const values = new Map<string, string>();
      for (const { key, value } of get.all(JSON.stringify(keys), now)) {
        if (typeof key === "string" && value instanceof Uint8Array) values.set(key, latin1(value));
      }
      return values;
    },
    put: (key, value, expires) => void put.run(key, Buffer.from(value, "latin1"), expires),
    delete: (key) => void remove.run(key),
    inTransaction(write) {
      begin.run();
      try {
        write();
        commit.run();
      } catch (error) {
        if (database.isTransaction) rollback.run();
        throw error;
      }
    },
    isInTransaction: () => database.isTransaction,
    prune: (now, rows) => Number(prune.run(now, rows).changes),
    fate() {
      const now = identity(file);
      return now === opened ? "same" : now === undefined ? "deleted" : "replaced";
    },
    logBytes: () => fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0,
    emptyLog: () => emptyLog.get()?.["busy"] === 0,
    close: () => database.close(),
  };
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
