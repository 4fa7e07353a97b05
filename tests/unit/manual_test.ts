/** The manual pages and completion, made from the program's own tables. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { Command } from "../../lib/commands/command.ts";
import { commands, optionsInWords } from "../../lib/commands/commands.ts";
import { statusesInWords } from "../../lib/commands/statuses.ts";
import { type Setting, settingNames, settings } from "../../lib/config/settings.ts";
import { completion } from "../../tools/manual/completion.ts";
import { programPage } from "../../tools/manual/program_page.ts";
import { Page } from "../../tools/manual/roff.ts";
import { settingsPage } from "../../tools/manual/settings_page.ts";

const program = programPage("2026-11-26", "greylist 1", "greylist unix - n n - 0 spawn");
const configuration = settingsPage("2026-11-26", "greylist 1");
const rows = Object.entries<Command>(commands);
const options = new Set(
  rows.flatMap(([, { switches, options = {} }]) => [...switches, ...Object.keys(options)]),
);

/** The terms of a page: what is explained in it. */
function termsOf(page: string): string[] {
  const lines = page.split("\n");
  return lines.flatMap((line, i) => line === ".TP" ? [plain(lines[i + 1] ?? "")] : []);
}

function plain(roff: string): string {
  return roff.replace(/\\f[BR]|\\&/g, "").replace(/\\\[u([0-9A-F]+)\]/g, (_, hex: string) => {
    return String.fromCodePoint(parseInt(hex, 16));
  }).replaceAll("\\-", "-").replaceAll("\\(ti", "~").replaceAll("\\(ha", "^")
    .replaceAll("\\(ga", "`").replaceAll("\\e", "\\");
}

test("greylist(8) explains every command, each of its options, and every exit status", () => {
  const terms = termsOf(program);
  for (const [, { usage }] of rows) assert.ok(terms.includes(usage), usage);
  for (const name of options) {
    assert.ok(terms.some((term) => term.split(" ")[0] === `--${name}`), name);
    assert.ok((optionsInWords[name] ?? "").length > 3, name);
  }
  for (const [status] of statusesInWords) assert.ok(terms.includes(`${status}`), `${status}`);
  assert.deepEqual(Object.keys(optionsInWords).filter((name) => !options.has(name)), []);
});

test("greylist.conf(5) explains every setting and no other, with its example", () => {
  const ofSettings = termsOf(configuration).filter((term) => term.includes(" = "));
  assert.deepEqual(ofSettings.map((term) => term.split(" ")[0]), settingNames);
  const text = plain(configuration).replace(/\n/g, " ");
  for (const name of settingNames) {
    const { example, help }: Setting = settings[name];
    assert.ok(text.includes(example) && text.includes(help), name);
  }
});

test("doc/commands.md has the exit statuses that the program has", () => {
  const document = fs.readFileSync(new URL("../../doc/commands.md", import.meta.url), "utf8");
  const rows = [...document.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)]
    .map(([, status, means = ""]) => [Number(status), means.replaceAll("`", "")]);
  assert.deepEqual(rows, statusesInWords);
});

test("whatever a text has in it, a page says just that", () => {
  const words = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => {
    return text.replace(/[\s\p{C}]+/gu, "");
  }).filter((text) => text !== "");
  fc.assert(fc.property(fc.array(words, { minLength: 1, maxLength: 30 }), (all) => {
    const page = new Page("name", 8, "2026-11-26", "greylist 1");
    page.paragraph(all.join(" "));
    const lines = page.toString().split("\n").slice(2); // behind .TH and .PP
    for (const line of lines) assert.match(line, /^(?![.'])[ -~]*$/);
    assert.equal(plain(lines.join(" ")).trim(), all.join(" "));
  }));
});

test("completion knows every command and option, and words for every setting with a choice", () => {
  const script = completion();
  for (const name of [...settingNames, ...options]) assert.ok(script.includes(`--${name}`), name);
  for (const name of settingNames) {
    const { choices }: Setting["parse"] = settings[name].parse;
    if (choices !== undefined) assert.ok(script.includes(`-W "${choices.join(" ")}"`), name);
  }
});
