import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../../../lib/commands/commands.ts";
import { helpText } from "../../../lib/commands/help.ts";
import { sampleConfig } from "../../../lib/commands/sample_config.ts";
import { loadConfig } from "../../../lib/config/config.ts";
import { readCommandLine } from "../../../lib/config/flags.ts";
import { settingsTables } from "../../../lib/config/help.ts";
import { type Setting, settingNames, settings } from "../../../lib/config/settings.ts";
import { version } from "../../../lib/version.ts";

const manual = readFileSync(new URL("../../../doc/settings.md", import.meta.url), "utf8");

test("every setting has a name in words, a sentence without a full stop, and a placeholder", () => {
  for (const name of settingNames) {
    const { help, placeholder, takes }: Setting = settings[name];
    assert.match(name, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    assert.match(help, /^[^A-Z].*[^.]$|^SASL/, name);
    assert.equal(placeholder !== "", takes !== "switch", name);
  }
});

test("--help names every command and setting and fits into 100 columns", () => {
  const help = helpText(Object.values(commands));
  for (const { usage } of Object.values(commands)) assert.ok(help.includes(usage));
  for (const name of settingNames) assert.match(help, new RegExp(`^  --${name}( |$)`, "m"));
  for (const line of help.split("\n")) assert.ok(line.length <= 100, line);
});

test("every setting is in a group, which --help, the sample and the manual head", () => {
  const groups = settingNames.flatMap((name) => (settings[name] as Setting).begins ?? []);
  assert.equal((settings[settingNames[0] ?? "mode"] as Setting).begins, groups[0]);
  assert.equal(new Set(groups).size, groups.length);
  const help = helpText(Object.values(commands));
  for (const group of groups) {
    assert.ok(help.includes(`\n\n${group}:\n`), group);
    assert.ok(sampleConfig().includes(`\n# -- ${group} --\n`), group);
    assert.ok(manual.toLowerCase().includes(`\n## ${group}\n`), group);
  }
});

test("the sample configuration is a good one, and so it is with its comment signs taken out", () => {
  const load = (text: string) =>
    loadConfig({
      flags: readCommandLine(["--config", "/sample", "--mode", "daemon"], commands),
      env: {},
      exists: () => true,
      readFile: () => text,
    });
  assert.ok(!("problems" in load(sampleConfig())));
  const uncommented = sampleConfig().replace(/^#([a-z0-9-]+ =.*)$/gm, "$1");
  const loaded = load(uncommented);
  assert.deepEqual("problems" in loaded ? loaded.problems : [], []);
  const uncommentedLines = uncommented.match(/^[a-z0-9-]+ =/gm) ?? [];
  assert.equal(uncommentedLines.length, settingNames.length - 1, "all but config");
});

test("every setting has an example, which is not its default, and which the program takes", () => {
  const inFile = settingNames.filter((name) => name !== "config");
  const row = (name: (typeof settingNames)[number]): Setting => settings[name];
  for (const name of inFile) assert.notEqual(row(name).example, row(name).fallback, name);
  const text = inFile.map((name) => `${name} = ${row(name).example}\n`).join("");
  const loaded = loadConfig({
    flags: readCommandLine(["--config", row("config").example], commands),
    env: {},
    exists: () => true,
    readFile: (file) => file === row("config").example ? text : "user:a long password",
  });
  assert.deepEqual("problems" in loaded ? loaded.problems : [], []);
});

test("the manual's tables of settings are the program's", () => {
  // `deno fmt` aligns the columns.
  const squeezed = (text: string) => text.replace(/ +/g, " ").replace(/-+ \|/g, "- |");
  assert.ok(
    squeezed(manual).includes(squeezed(settingsTables())),
    "doc/settings.md has drifted: run `deno task settings`",
  );
});

test("the version is deno.json's", () => {
  const { version: declared } = JSON.parse(
    readFileSync(new URL("../../../deno.json", import.meta.url), "utf8"),
  );
  assert.equal(version, declared);
});
