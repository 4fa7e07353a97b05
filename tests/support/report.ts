/**
 * What the long runs write into doc/reliability.md: each has a section between two comments, and replaces it. They do so
 * only when RELIABILITY names the file, as `deno task reliability` does; a run by the way changes no document.
 */
import * as fs from "node:fs";
import process from "node:process";

/** A row a line; all have the same number of cells. */
export type Table = readonly (readonly (string | number)[])[];

/** Replaces a section. `text` says what was done; the first row of the table is its head. */
export function report(section: string, text: string, table: Table): void {
  const file = process.env["RELIABILITY"];
  if (file === undefined || file === "") return;
  const [head = "", ...rows] = table.map((row) => `| ${row.join(" | ")} |`);
  const rule = `|${" - |".repeat(table[0]?.length ?? 0)}`;
  const document = fs.readFileSync(file, "utf8");
  const begin = `<!-- ${section}: written by its run -->`, end = `<!-- ${section} end -->`;
  const from = document.indexOf(begin), to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`${file} has no ${begin} … ${end}`);
  const body = `${begin}\n\n${text}\n\n${[head, rule, ...rows].join("\n")}\n\n`;
  fs.writeFileSync(file, document.slice(0, from) + body + document.slice(to));
}
