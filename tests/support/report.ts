/**
 * What the long runs write into doc/reliability.md. They do so only when RELIABILITY names the file, as
 * `deno task reliability` does; a run by the way changes no document.
 */
import process from "node:process";
import { markdown, replaceSection, type Table } from "./section.ts";

/** Replaces a section. `text` says what was done. */
export function report(section: string, text: string, table: Table): void {
  const file = process.env["RELIABILITY"];
  if (file === undefined || file === "") return;
  replaceSection(file, section, `${text}\n\n${markdown(table)}`);
}
