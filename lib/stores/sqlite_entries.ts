/** All entries of a SQLite store's file, for commands beside the server, which may go on meanwhile. */
import { bytesOf, openRows } from "./sqlite_rows.ts";

export interface StoredEntry {
  readonly key: string;
  /** A byte string. */
  readonly value: string;
  /** UNIX seconds. */
  readonly expires: number;
}

/** So many rows are read at once. */
const pageRows = 1000;

/**
 * The entries behind a key, in the order of their keys, some at a time. What is changed meanwhile may be among them or
 * not. Throws what SQLite throws.
 */
export async function* entryPages(
  file: string,
  after = "",
): AsyncGenerator<readonly StoredEntry[], void> {
  const rows = await openRows(file);
  try {
    for (;;) {
      const page = rows.all(
        `SELECT key, value, expires FROM entry WHERE key > ? ORDER BY key LIMIT ${pageRows}`,
        after,
      ).map(({ key, value, expires }) => {
        return { key: String(key), value: bytesOf(value) ?? "", expires: Number(expires) };
      });
      yield page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageRows) return;
      after = last.key;
    }
  } finally {
    rows.close();
  }
}
