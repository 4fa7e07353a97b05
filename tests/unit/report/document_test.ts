/** What doc/report.md shows is what the program makes of it, and it names every figure. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { test } from "node:test";
import { commands } from "../../../lib/commands/commands.ts";
import { environment, program } from "../../support/greylist.ts";

const document = fs.readFileSync(new URL("../../../doc/report.md", import.meta.url), "utf8");

function report(args: readonly string[], input: string): string {
  const env = { ...environment(), TZ: "UTC" };
  const words = [...program, "report", ...args];
  const { status, stdout, stderr } = spawnSync("env", words, { env, input, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

const [log = "", printed = ""] = document.split("\n## An example\n")[1]?.split("\n```\n")
  .filter((_, n) => n % 2 === 1) ?? [];

test("the example's report is the program's", () => {
  assert.equal(log.split("\n").length, 5);
  assert.equal(report([], log), `${printed}\n`);
});

test("the document names every member of the JSON, and none that is not there", () => {
  const figures = JSON.parse(report(["--json"], log));
  const rows = [...document.matchAll(/^\| `(\w+)` +\| (.*)\|$/gm)];
  assert.deepEqual(rows.map(([, name]) => name), Object.keys(figures));
  for (const [, name = "", text = ""] of rows) {
    const value = Array.isArray(figures[name]) ? figures[name][0] ?? {} : figures[name];
    for (const member of Object.keys(value)) {
      if (typeof value === "object") {
        assert.ok(text.includes(`\`${member}\``), `${name}: ${member}`);
      }
    }
  }
});

test("the document names every option of the command", () => {
  const { switches, options } = commands.report;
  for (const name of [...switches, ...Object.keys(options ?? {})]) {
    assert.ok(document.includes(`\`--${name}`), name);
  }
});
