/** `deno task readme`: puts the table of settings into README.md, in place of the one that is there. */
import * as fs from "node:fs";
import { settingsTable } from "../lib/config/help.ts";

const path = new URL("../README.md", import.meta.url);
const readme = fs.readFileSync(path, "utf8");
const begin = "<!-- settings: made by `deno task readme` -->", end = "<!-- settings end -->";
const from = readme.indexOf(begin), to = readme.indexOf(end);
if (from === -1 || to < from) throw new Error(`README.md has no ${begin} … ${end}`);
fs.writeFileSync(
  path,
  `${readme.slice(0, from)}${begin}\n\n${settingsTable()}\n\n${readme.slice(to)}`,
);
