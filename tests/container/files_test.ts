/** That what goes into the image agrees with the program; needs no container. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { environmentName, settingNames } from "../../lib/config/settings.ts";

const read = (name: string) => fs.readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

test("compose.yaml hands on every setting", () => {
  const handedOn = new Set(read("compose.yaml").match(/\bGREYLIST_[A-Z0-9_]+(?=:)/g));
  // config: the entrypoint writes that file.
  const wanted = settingNames.filter((name) => name !== "config").map(environmentName);
  assert.deepEqual([...handedOn].sort(), wanted.sort());
});

test(".env.example shows only variables that compose.yaml or greylist reads", () => {
  const compose = read("compose.yaml");
  const shown = [...read(".env.example").matchAll(/^#([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  assert.notEqual(shown.length, 0);
  assert.deepEqual(shown.filter((name) => !compose.includes(name ?? "")), []);
});

test("contrib/daemon/compose.yaml publishes no port", () => {
  assert.doesNotMatch(read("contrib/daemon/compose.yaml"), /^\s*(?:ports|network_mode):/m);
});
