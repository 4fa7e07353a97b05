/** `deno task settings`: puts the tables of settings into doc/settings.md, in place of those that are there. */
import * as fs from "node:fs";
import { settingsTables } from "../lib/config/help.ts";

const path = new URL("../doc/settings.md", import.meta.url);
const text = fs.readFileSync(path, "utf8");
const begin = "<!-- settings: made by `deno task settings` -->", end = "<!-- settings end -->";
const from = text.indexOf(begin), to = text.indexOf(end);
if (from === -1 || to < from) throw new Error(`doc/settings.md has no ${begin} … ${end}`);
fs.writeFileSync(
  path,
  `${text.slice(0, from)}${begin}\n\n${settingsTables()}\n\n${text.slice(to)}`,
);
