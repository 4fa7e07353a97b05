/** `deno task readme`: prints the README's table of settings, to be put in when a setting has changed. */
import { writeSync } from "node:fs";
import { settingsTable } from "../lib/help.ts";

writeSync(1, `${settingsTable()}\n`);
