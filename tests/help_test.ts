import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../lib/config/config.ts";
import { helpText, sampleConfig, settingsTable } from "../lib/config/help.ts";
import { type Setting, settingNames, settings } from "../lib/config/settings.ts";
import { version } from "../lib/version.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("every setting has a name in words, a sentence without a full stop, and a placeholder", () => {
  for (const name of settingNames) {
    const { help, placeholder, takes }: Setting = settings[name];
    assert.match(name, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    assert.match(help, /^[^A-Z].*[^.]$|^SASL/, name);
    assert.equal(placeholder !== "", takes !== "switch", name);
  }
});

test("--help names every setting and fits into 100 columns", () => {
  for (const name of settingNames) assert.match(helpText(), new RegExp(`^  --${name}( |$)`, "m"));
  for (const line of helpText().split("\n")) assert.ok(line.length <= 100, line);
});

test("the sample configuration is a good one, and so it is with its comment signs taken out", () => {
  const load = (text: string) =>
    loadConfig({
      argv: ["--config", "/sample", "--mode", "daemon"],
      env: {},
      exists: () => true,
      readFile: () => text,
    });
  assert.ok("config" in load(sampleConfig()));
  const uncommented = sampleConfig().replace(/^#([a-z0-9-]+ =.*)$/gm, "$1");
  const loaded = load(uncommented);
  assert.deepEqual("problems" in loaded ? loaded.problems : [], []);
  const uncommentedLines = uncommented.match(/^[a-z0-9-]+ =/gm) ?? [];
  assert.equal(uncommentedLines.length, settingNames.length - 1, "all but config");
});

test("the README's table of settings is the program's", () => {
  // `deno fmt` aligns the columns.
  const squeezed = (text: string) => text.replace(/ +/g, " ").replace(/-+ \|/g, "- |");
  assert.ok(
    squeezed(readme).includes(squeezed(settingsTable())),
    "README.md has drifted: run `deno task readme`",
  );
});

test("the version is deno.json's", () => {
  const { version: declared } = JSON.parse(
    readFileSync(new URL("../deno.json", import.meta.url), "utf8"),
  );
  assert.equal(version, declared);
});
