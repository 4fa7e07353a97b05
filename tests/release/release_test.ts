/** `deno task release`, for the architecture of this machine alone: for another one Deno fetches a runtime. */
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { version } from "../../lib/version.ts";

const root = path.resolve(import.meta.dirname ?? ".", "../..");
const folder = path.join(root, "dist/release");
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** Not by node:child_process, whose emulation rewrites arguments to Deno. */
function release(...args: string[]) {
  const { code, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["task", "release", ...args],
    cwd: root,
  }).outputSync();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

const read = (name: string) => fs.readFileSync(path.join(folder, name), "utf8");

test("deno task release makes what a release offers", async (t) => {
  const { code, stderr } = release("--tag", `v${version}`, architecture);
  assert.equal(code, 0, stderr);
  const binary = `greylist-${version}-linux-${architecture}`;
  const bill = `greylist-${version}.cdx.json`;
  const offered = [binary, bill, `greylist_${version}_${architecture}.deb`];

  await t.test("with the checksums of all of it", () => {
    assert.deepEqual(fs.readdirSync(folder).sort(), ["SHA256SUMS", ...offered].sort());
    execFileSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: folder });
    const summed = read("SHA256SUMS").trim().split("\n").map((line) => line.split("  ")[1]);
    assert.deepEqual(summed, offered.sort());
  });

  await t.test("with an executable that runs, and the same in the package", () => {
    const file = path.join(folder, binary);
    assert.equal(`${execFileSync(file, ["--version"])}`.trim(), `greylist ${version}`);
    const packaged = path.join(folder, `greylist_${version}_${architecture}.deb`);
    const contents = `${execFileSync("dpkg-deb", ["--contents", packaged])}`;
    const [, size] = /\s(\d+)\s\S+\s\S+\s\.\/usr\/bin\/greylist$/m.exec(contents) ?? [];
    assert.equal(Number(size), fs.statSync(file).size);
  });

  await t.test("with a bill of the packages that the program needs, and of no test's", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    assert.equal(await validator.validate(read(bill)), null);
    const { components, dependencies } = JSON.parse(read(bill));
    const named = components.map(({ name }: { name: string }) => name);
    const needed = [
      ...["deno", "v8", "@logtape/logtape", "@noble/hashes", "@observablehq/plot", "dns-packet"],
      ...["ipaddr.js", "linkedom", "mailauth", "memjs", "prom-client", "re2js", "tldts"],
    ];
    assert.deepEqual(needed.filter((name) => !named.includes(name)), []);
    const isNeeded = new Set(
      dependencies.flatMap(({ dependsOn }: { dependsOn: string[] }) => dependsOn),
    );
    const refs = components.map((one: { "bom-ref": string }) => one["bom-ref"]);
    assert.deepEqual(refs.filter((ref: string) => !isNeeded.has(ref)), []);
    const ofTests = ["fast-check", "ajv", "yaml", "@cyclonedx/cyclonedx-library"];
    assert.deepEqual(ofTests.filter((name) => named.includes(name)), []);
  });

  await t.test("with notes", () => {
    assert.match(fs.readFileSync(path.join(root, "dist/notes.md"), "utf8"), /^- /m);
  });
});

test("deno task release refuses a tag of another version", () => {
  for (const tag of ["v0.0.1", version, ""]) {
    const { code, stderr } = release("--tag", tag);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`--tag: want v${version.replaceAll(".", "\\.")}, got "${tag}"`),
    );
  }
});
