/** Tables in Markdown, and the sections of doc/ that a run replaces: what is between two comments. */
import * as fs from "node:fs";

/** A row a line, the head first; all have the same number of cells. */
export type Table = readonly (readonly (string | number)[])[];

/** A table, its columns aligned as `deno fmt` does it. */
export function markdown(table: Table): string {
  const width = (column: number) => Math.max(3, ...table.map((row) => `${row[column]}`.length));
  const line = (row: Table[number]) =>
    `| ${row.map((cell, column) => `${cell}`.padEnd(width(column))).join(" | ")} |`;
  const [head = [], ...rows] = table;
  const rule = line(head.map((_, column) => "-".repeat(width(column))));
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Replaces what a document has between `<!-- NAME: written by its run -->` and `<!-- NAME end -->`. */
export function replaceSection(file: string | URL, name: string, text: string): void {
  const document = fs.readFileSync(file, "utf8");
  const begin = `<!-- ${name}: written by its run -->`, end = `<!-- ${name} end -->`;
  const from = document.indexOf(begin), to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`${file} has no ${begin} … ${end}`);
  const section = `${begin}\n\n${text}\n\n`;
  fs.writeFileSync(file, document.slice(0, from) + section + document.slice(to));
}
