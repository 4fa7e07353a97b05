/**
 * Reads tables of a SQLite file that may be anybody's, and that others may be using: for commands beside the server.
 * It is opened for reading only, never made, and read a piece at a time, so that nobody has to wait for long, and a
 * write-ahead log can be written back meanwhile.
 */
import { Buffer } from "node:buffer";

/** One value of a row as SQLite has it; blobs and, where they are cast to one, texts are bytes. */
export type Value = null | number | bigint | string | Uint8Array;
export type Row = Readonly<Record<string, Value>>;

export interface SqliteRows {
  /** The rows of a query. Throws what SQLite throws. */
  all(sql: string, ...parameters: readonly (string | number)[]): readonly Row[];
  close(): void;
}

/** How long it may take another process to let go of the file. */
const busyMilliseconds = 5000;

/** Opens a file that is there. Throws where it is none of SQLite. */
export async function openRows(file: string): Promise<SqliteRows> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.prepare(`PRAGMA busy_timeout = ${busyMilliseconds}`).get();
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
  } catch (error) {
    database.close();
    throw error;
  }
  const prepared = new Map<string, ReturnType<typeof database.prepare>>();
  return {
    all(sql, ...parameters) {
      const statement = prepared.get(sql) ?? database.prepare(sql);
      prepared.set(sql, statement);
      return statement.all(...parameters) as Row[];
    },
    close: () => database.close(),
  };
}

/** A blob as a byte string; undefined for any other value. */
export function bytesOf(value: Value | undefined): string | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
}
