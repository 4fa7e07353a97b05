/**
 * The same traffic through greylist, its first release, postgrey and sqlgrey, each with its defaults and by the same
 * faked clock: real mail that waits, and bots that get in. Exit status 1 if greylist misses what it has to reach.
 *
 *     deno task bench:outcome [--write]    --write: also into doc/what-it-costs.md and tests/outcome/measured.json
 *
 * Needs the Debian packages postgrey, sqlgrey, libdbd-sqlite3-perl and libfaketime. PROGRAM_UNDER_TEST=dist/greylist
 * for the binary. The release comes out of the history of this checkout.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { release } from "../tests/old_and_new/release.ts";
import { cases } from "../tests/outcome/cases.ts";
import { missed } from "../tests/outcome/judge.ts";
import type { Outcome } from "../tests/outcome/play.ts";
import { asking, type Contender, greylist, playOn, postgrey } from "../tests/outcome/servers.ts";
import { released, sqlgrey } from "../tests/outcome/servers.ts";
import { type Measured, outcomeOf, tables, targetIn } from "../tests/outcome/table.ts";
import { type Cleanup, withCleanup } from "../tests/support/process.ts";
import { replaceSection } from "../tests/support/section.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const document = path.join(root, "doc/what-it-costs.md");
const measurements = path.join(root, "tests/outcome/measured.json");

const measured = await withCleanup(measure);
say(tables(measured));
const misses = cases.flatMap((each) => {
  const problems = missed(targetIn(measured, each), outcomeOf(measured, each, "greylist"));
  return problems.map((problem) => `${each.title}: ${problem}`);
});
say(misses.length === 0 ? "\nok" : `\nMISSED:\n${misses.join("\n")}`);
if (process.argv.includes("--write")) write(measured);
process.exit(misses.length === 0 ? 0 : 1);

async function measure(t: Cleanup): Promise<Measured> {
  const contenders = new Map<string, Contender>([["greylist", greylist], ...asking]);
  contenders.set("0.1.0", released(release(t)));
  contenders.set("postgrey", postgrey).set("sqlgrey", sqlgrey);

  const outcomes: Record<string, Record<string, Outcome>> = {};
  for (const each of cases) {
    const row: Record<string, Outcome> = outcomes[each.title] = {};
    for (const [name, contender] of contenders) {
      row[name] = await withCleanup((t) => playOn(t, contender, each));
    }
  }
  const made = [
    "greylist of this checkout",
    "its release 0.1.0",
    `postgrey ${versionOf("/usr/sbin/postgrey")}`,
    `sqlgrey ${versionOf("/usr/sbin/sqlgrey")} with greymethod smart and SQLite`,
    "each with its defaults, greylist also with learn-correspondents",
    "SPF, DNSWL and suspicious: greylist with each of spf, dnswl and greylist = suspicious",
    "the time by libfaketime",
  ].join(", ");
  return { made, programs: [...contenders.keys()], outcomes };
}

function versionOf(program: string): string {
  return /[\d.]+/.exec(execFileSync(program, ["--version"], { encoding: "latin1" }))?.[0] ?? "";
}

function write(measured: Measured): void {
  // An outcome a line.
  const json = JSON.stringify(measured, undefined, 2)
    .replace(/\{\s+"delayed"[^}]*\}/g, (outcome) => outcome.replace(/\s+/g, " "));
  fs.writeFileSync(measurements, `${json}\n`);
  replaceSection(document, "measured", tables(measured));
}

function say(text: string): void {
  fs.writeSync(1, `${text}\n`);
}
