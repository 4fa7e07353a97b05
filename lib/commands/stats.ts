/**
 * `greylist stats`: how many entries of which kind and age a SQLite file holds, and how large it is. A server may go on
 * meanwhile.
 *
 * Exit status: 0; 66, there is no such file; 69, it cannot be read; 78, also for other stores, which list nothing.
 */
import * as fs from "node:fs";
import { ageNames, Census, kindNames } from "../greylist/census.ts";
import { timeInWords } from "../greylist/record_words.ts";
import { entryPages } from "../stores/sqlite_entries.ts";
import type { Given } from "./command.ts";
import { withSqliteFile } from "./sqlite_state.ts";
import { print } from "./terminal.ts";

export function stats(given: Given): Promise<number> {
  return withSqliteFile(given, "its own statistics count them", async (file, { config }) => {
    const census = new Census(config.keyPrefix, Math.floor(Date.now() / 1000));
    for await (const page of entryPages(file)) {
      for (const { key, value, expires } of page) census.add(key, value, expires);
    }
    const bytes = sizeOf(file) + sizeOf(`${file}-wal`);
    if (given.line.switches.has("json")) print(JSON.stringify({ ...census.inJson(), bytes }));
    else for (const text of inWords(census, bytes)) print(text);
  });
}

function inWords(census: Census, bytes: number): string[] {
  const line = (cells: readonly (string | number)[]) =>
    cells.map((cell, i) => i === 0 ? String(cell).padEnd(22) : String(cell).padStart(9)).join("");
  const { oldest, expired, others } = census;
  return [
    line(["entries", "all", ...ageNames]),
    ...kindNames.flatMap((kind) => {
      const counts = census.countsOf(kind);
      const all = counts.reduce((sum, count) => sum + count, 0);
      return all === 0 ? [] : [line([kind, all, ...counts])];
    }),
    line(["over, to be deleted", expired]),
    ...others === 0 ? [] : [line(["of others", others])],
    `oldest: ${oldest === undefined ? "none" : timeInWords(oldest)}`,
    `bytes: ${bytes}`,
  ];
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
