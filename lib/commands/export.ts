/**
 * `greylist export`: prints all that a SQLite file keeps for us, as lines that `greylist import` reads
 * (moves/own_lines.ts). A server may go on meanwhile; what it changes may be in it or not.
 *
 * Exit status: 0; 66 (sysexits.h: EX_NOINPUT) if there is no such file; 69 (EX_UNAVAILABLE) if it cannot be read; 78
 * for the command line and the configuration, and for other stores, whose entries nobody can list.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { load, subjectOptions } from "../config/load.ts";
import { writeAll } from "../descriptor.ts";
import { files } from "../files.ts";
import { endLine, entryLine, headLine } from "../moves/own_lines.ts";
import { bytesOf, openRows } from "../stores/sqlite_rows.ts";
import type { Given } from "./command.ts";
import { Progress } from "./progress.ts";
import { refuse } from "./refuse.ts";
import { whyNoState } from "./state.ts";
import { exitNoInput, exitUnavailable } from "./statuses.ts";
import { tell } from "./terminal.ts";

/** So many rows are read, and printed, at once. */
const pieceRows = 1000;

export async function exportState({ line, env }: Given): Promise<number> {
  if (line.problems.length > 0) return await refuse(line.problems);
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.log);
  const { config } = loaded.setup, why = whyNoState(config);
  if (why !== undefined) return await refuse([why]);
  if (config.store.kind !== "sqlite") {
    return await refuse(["store: Memcached does not list its entries; want sqlite"]);
  }
  const { path } = config.store, keying = subjectOptions(loaded.setup);
  if (!fs.existsSync(path)) {
    tell([`sqlite:${path}: there is no such file`]);
    return exitNoInput;
  }
  try {
    await printEntries(path, keying);
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Whoever reads it has seen enough.
    if (code === "EPIPE") return 0;
    tell([`sqlite:${path}: ${message}`]);
    return exitUnavailable;
  }
}

async function printEntries(path: string, keying: Parameters<typeof headLine>[0]): Promise<void> {
  const { keyPrefix } = keying, progress = new Progress(), now = Math.floor(Date.now() / 1000);
  const rows = await openRows(path);
  let entries = 0;
  const write = (lines: readonly string[]) =>
    writeAll(1, Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1"));
  try {
    await write([headLine(keying)]);
    for (let after = keyPrefix;;) {
      const piece = rows.all(
        `SELECT key, value, expires FROM entry WHERE key > ? ORDER BY key LIMIT ${pieceRows}`,
        after,
      );
      const ours = piece.filter(({ key }) => String(key).startsWith(keyPrefix));
      const lines = ours.filter(({ expires }) => Number(expires) > now)
        .map(({ key, value }) => entryLine(String(key), bytesOf(value) ?? ""));
      entries += lines.length;
      await write(lines);
      progress.show(() => `${entries} entries`);
      if (ours.length < pieceRows) break;
      after = String(ours.at(-1)?.["key"]);
    }
    await write([endLine(entries)]);
  } finally {
    progress.clear();
    rows.close();
  }
}
