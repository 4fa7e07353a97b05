/**
 * `greylist export`: prints all that a SQLite file keeps for us, as lines that `greylist import` reads
 * (moves/own_lines.ts). A server may go on meanwhile; what it changes may be in it or not.
 *
 * Exit status: 0; 66 (sysexits.h: EX_NOINPUT) if there is no such file; 69 (EX_UNAVAILABLE) if it cannot be read; 78
 * for the command line and the configuration, and for other stores, whose entries nobody can list.
 */
import { Buffer } from "node:buffer";
import { subjectOptions } from "../config/load.ts";
import { writeAll } from "../descriptor.ts";
import { endLine, entryLine, headLine } from "../moves/own_lines.ts";
import { entryPages } from "../stores/sqlite_entries.ts";
import type { Given } from "./command.ts";
import { Progress } from "./progress.ts";
import { withSqliteFile } from "./sqlite_state.ts";

export function exportState(given: Given): Promise<number> {
  return withSqliteFile(given, "want sqlite", (file, setup) => {
    return printEntries(file, subjectOptions(setup));
  });
}

async function printEntries(file: string, keying: Parameters<typeof headLine>[0]): Promise<void> {
  const { keyPrefix } = keying, progress = new Progress(), now = Math.floor(Date.now() / 1000);
  let entries = 0;
  const write = (lines: readonly string[]) =>
    writeAll(1, Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1"));
  try {
    await write([headLine(keying)]);
    for await (const page of entryPages(file, keyPrefix)) {
      const ours = page.filter(({ key }) => key.startsWith(keyPrefix));
      const lines = ours.filter(({ expires }) => expires > now)
        .map(({ key, value }) => entryLine(key, value));
      entries += lines.length;
      await write(lines);
      progress.show(() => `${entries} entries`);
      // Others' follow.
      if (ours.length < page.length) break;
    }
    await write([endLine(entries)]);
  } finally {
    progress.clear();
  }
}
