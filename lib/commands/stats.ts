/**
 * `greylist stats`: how many entries of which kind and age a SQLite file holds, and how large it is. A server may go on
 * meanwhile.
 *
 * Exit status: 0; 66, there is no such file; 69, it cannot be read; 78, also for other stores, which list nothing.
 */
import * as fs from "node:fs";
import { load } from "../config/load.ts";
import { files } from "../files.ts";
import { ageNames, Census, kindNames } from "../greylist/census.ts";
import { timeInWords } from "../greylist/record_words.ts";
import { bytesOf, openRows } from "../stores/sqlite_rows.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { whyNoState } from "./state.ts";
import { exitNoInput, exitUnavailable } from "./statuses.ts";
import { print, tell } from "./terminal.ts";

/** So many rows are read at once. */
const pieceRows = 5000;

export async function stats({ line, env }: Given): Promise<number> {
  if (line.problems.length > 0) return await refuse(line.problems);
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.log);
  const { config } = loaded.setup, why = whyNoState(config);
  if (why !== undefined) return await refuse([why]);
  if (config.store.kind !== "sqlite") {
    return await refuse([
      "store: Memcached does not list its entries; its own statistics count them",
    ]);
  }
  const { path } = config.store;
  if (!fs.existsSync(path)) {
    tell([`sqlite:${path}: there is no such file`]);
    return exitNoInput;
  }
  const now = Math.floor(Date.now() / 1000);
  try {
    const census = await counted(path, config.keyPrefix, now);
    const bytes = sizeOf(path) + sizeOf(`${path}-wal`);
    if (line.switches.has("json")) print(JSON.stringify({ ...census.inJson(), bytes }));
    else for (const text of inWords(census, bytes)) print(text);
    return 0;
  } catch (error) {
    tell([`sqlite:${path}: ${(error as Error).message}`]);
    return exitUnavailable;
  }
}

async function counted(path: string, prefix: string, now: number): Promise<Census> {
  const census = new Census(prefix, now), rows = await openRows(path);
  try {
    for (let after = "";;) {
      const piece = rows.all(
        `SELECT key, value, expires FROM entry WHERE key > ? ORDER BY key LIMIT ${pieceRows}`,
        after,
      );
      for (const { key, value, expires } of piece) {
        census.add(String(key), bytesOf(value) ?? "", Number(expires));
      }
      if (piece.length < pieceRows) return census;
      after = String(piece.at(-1)?.["key"]);
    }
  } finally {
    rows.close();
  }
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
