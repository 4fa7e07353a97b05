/**
 * `deno run -A tools/manual.ts FOLDER`: writes greylist.8, greylist.conf.5 and greylist.bash into a folder. All that
 * they say of commands and settings is from the program's own tables; the date is that of the version in CHANGELOG.md.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { version } from "../lib/version.ts";
import { completion } from "./manual/completion.ts";
import { programPage } from "./manual/program_page.ts";
import { settingsPage } from "./manual/settings_page.ts";

const root = path.resolve(import.meta.dirname ?? ".", "..");
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("want FOLDER, to write the manual pages into");
fs.mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(manual())) {
  fs.writeFileSync(path.join(folder, name), text);
}

function manual(): Readonly<Record<string, string>> {
  const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");
  const date = new RegExp(`^## ${version.replaceAll(".", "\\.")}, (\\d{4}-\\d\\d-\\d\\d)$`, "m")
    .exec(read("CHANGELOG.md"))?.[1];
  if (date === undefined) throw new Error(`CHANGELOG.md has no "## ${version}, DATE"`);
  const masterCf = /^greylist +unix[^]*?(?=\n(?! ))/m.exec(read("postfix/master.cf"))?.[0];
  if (masterCf === undefined) throw new Error("postfix/master.cf has no service greylist");
  const source = `greylist ${version}`;
  return {
    // Where a package puts it, with which the page comes.
    "greylist.8": programPage(date, source, masterCf.replace("/usr/local/bin/", "/usr/bin/")),
    "greylist.conf.5": settingsPage(date, source),
    "greylist.bash": completion(),
  };
}
