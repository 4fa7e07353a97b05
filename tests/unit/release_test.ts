/** What a release is made with, without making one: tests/release does. */
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { notesOf, sumsOf } from "../../tools/release.ts";
import { billOfMaterials } from "../../tools/sbom.ts";
import { version } from "../../lib/version.ts";
import { tempDir } from "../support/process.ts";

const root = path.resolve(import.meta.dirname ?? ".", "../..");

test("the notes of a release are its section of the changes, as GitHub shows it", () => {
  const changes =
    "# Changes\n\n## 0.2.0, 2026-11-26\n\n### New\n\n- a, which is\n  `b` ([how](doc/b.md),\n" +
    "  [why](https://example.org))\n  - c\n\nAnd\nd.\n\n## 0.1.0\n\n- e\n";
  const notes = notesOf(changes, "0.2.0", "https://example.com/");
  assert.equal(
    notes,
    "### New\n\n- a, which is `b` ([how](https://example.com/doc/b.md), [why](https://example.org))\n" +
      "  - c\n\nAnd d.\n",
  );
  assert.equal(notesOf(changes, "0.1.0", ""), "- e\n");
  for (const missing of ["0.3.0", "0.2", "New"]) {
    assert.throws(() => notesOf(changes, missing, ""), /no section "## /);
  }
});

test("CHANGELOG.md has notes for this version, in a form that can be shown", () => {
  const changes = fs.readFileSync(path.join(root, "CHANGELOG.md"), "utf8");
  assert.match(notesOf(changes, version, ""), /^- /m);
  assert.doesNotMatch(changes, /^ *(?:```|\||>|\d+\.)/m, "notesOf would join these lines");
});

test("the checksums are what sha256sum checks", (t) => {
  const folder = tempDir(t);
  for (const name of ["b", "a c"]) fs.writeFileSync(path.join(folder, name), name);
  const input = sumsOf(folder);
  const output = execFileSync("sha256sum", ["--check", "--strict"], { cwd: folder, input });
  assert.equal(`${output}`, "a c: OK\nb: OK\n");
});

test("the bill of materials names the packages of an executable, and is valid CycloneDX", async (t) => {
  const executable = path.join(tempDir(t), "greylist");
  const modules = [
    "@hapi+address@5.1.1/node_modules/@hapi/address",
    "@hapi+hoek@11.0.7/node_modules/@hapi/hoek",
    "@observablehq+plot@0.6.17/node_modules/@observablehq/plot",
    "d3-axis@3.0.1/node_modules/d3-axis",
    "d3-transition@3.0.2/node_modules/d3-transition",
    "deno_has_this@1.0.0/node_modules/deno_has_this",
    "ipaddr.js@2.5.0/node_modules/ipaddr.js",
  ];
  const lines = modules.map((module) => `// node_modules/.deno/${module}/index.js\nfoo();\n`);
  const twice = [...lines, ...lines, "// lib/error.ts\nfoo();\n"].join("");
  fs.writeFileSync(
    executable,
    `\x7fELF\0\xff\n${twice}\0foo("// node_modules/.deno/joi");`,
    "latin1",
  );
  const runtime = { deno: "2.9.6", v8: "15.0.245.2-rusty" };
  const bill = billOfMaterials({ version, time: 1_700_000_000, executable, runtime });
  const text = JSON.stringify(bill);
  assert.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null);
  assert.equal(bill.metadata.timestamp, "2023-11-14T22:13:20.000Z");
  const greylist = `pkg:generic/greylist@${version}`;
  const deno = "pkg:github/denoland/deno@v2.9.6", v8 = "pkg:github/v8/v8@15.0.245.2";
  const address = "pkg:npm/%40hapi/address@5.1.1", hoek = "pkg:npm/%40hapi/hoek@11.0.7";
  const plot = "pkg:npm/%40observablehq/plot@0.6.17", axis = "pkg:npm/d3-axis@3.0.1";
  const transition = "pkg:npm/d3-transition@3.0.2"; // which deno.lock knows by its peer, too
  const ipaddr = "pkg:npm/ipaddr.js@2.5.0";
  const named = bill.components.map(({ purl }) => purl);
  assert.deepEqual(named, [deno, v8, address, hoek, plot, axis, transition, ipaddr]);
  assert.deepEqual(bill.dependencies, [
    { ref: greylist, dependsOn: [deno, plot, ipaddr] },
    { ref: deno, dependsOn: [v8] },
    { ref: address, dependsOn: [hoek] },
    { ref: hoek, dependsOn: [] },
    // Through d3, which only passes on what others have.
    { ref: plot, dependsOn: [axis, transition] },
    { ref: axis, dependsOn: [] },
    { ref: transition, dependsOn: [] },
    { ref: ipaddr, dependsOn: [] },
  ]);
});
