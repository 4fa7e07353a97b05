/** What is in the Debian package. What it does on a machine: tests/container/package_test.ts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { commands } from "../../lib/commands/commands.ts";
import { loadConfig } from "../../lib/config/config.ts";
import { readCommandLine } from "../../lib/config/flags.ts";
import { makePackage } from "../../tools/package.ts";
import { packageParts, smallProgram } from "../support/package.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

const root = new URL("../../", import.meta.url);
const read = (name: string) => fs.readFileSync(new URL(name, root), "utf8");

/** Makes a package in a folder of its own, and unpacks it. */
function made(t: Cleanup, binary = smallProgram(t)): { file: string; unpacked: string } {
  const folder = tempDir(t), unpacked = path.join(folder, "unpacked");
  const file = makePackage({ ...packageParts(t), binary }, folder);
  execFileSync("dpkg-deb", ["--raw-extract", file, unpacked]);
  return { file, unpacked };
}

/** All files below a folder, as paths in it. */
function below(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(path.join(folder, name)).isFile()).sort();
}

test("two packages of the same parts are the same bytes, whatever the folder and the umask", (t) => {
  const first = made(t).file, umask = process.umask(0o077);
  let second: string;
  try {
    second = made(t).file;
  } finally {
    process.umask(umask);
  }
  assert.ok(fs.readFileSync(first).equals(fs.readFileSync(second)));
});

test("everything in the package is root's, of the time of its commit, and writable by nobody else", (t) => {
  const env = { ...process.env, TZ: "UTC", LC_ALL: "C" };
  const lines = execFileSync("dpkg-deb", ["--contents", made(t).file], { encoding: "utf8", env })
    .trimEnd().split("\n");
  for (const line of lines) {
    assert.match(line, /^(d|-)rw(x|-)r-(x|-)r-(x|-) root\/root +\d+ 2023-11-14 22:13 \.\//, line);
  }
});

test("dpkg knows a sum of each file of the package, and asks before it replaces a configuration file", (t) => {
  const { unpacked } = made(t);
  const control = (name: string) => fs.readFileSync(path.join(unpacked, "DEBIAN", name), "utf8");
  const files = below(unpacked).filter((name) => !name.startsWith("DEBIAN/"));
  const asked = control("conffiles").trimEnd().split("\n").map((name) => name.slice(1));
  const summed = control("md5sums").trimEnd().split("\n").map((line) => line.slice(34));
  assert.deepEqual([...asked, ...summed].sort(), files);
  assert.deepEqual(asked.sort(), files.filter((name) => name.startsWith("etc/")));
  execFileSync("md5sum", ["--check", "--quiet", "DEBIAN/md5sums"], { cwd: unpacked });
});

test("the package's unit is the one for installation by hand, for the package's program", (t) => {
  const unit = fs.readFileSync(
    path.join(made(t).unpacked, "usr/lib/systemd/system/greylist.service"),
    "utf8",
  );
  const byHand = read("contrib/systemd/greylist.service");
  assert.ok(byHand.endsWith(unit.replaceAll("/usr/bin/greylist", "/usr/local/bin/greylist")));
  assert.equal(unit.match(/\/usr\/bin\/greylist /g)?.length, 2);
  assert.doesNotMatch(unit, /\/usr\/local/);
});

test("the architecture of the package is that of the program, not of this machine", (t) => {
  for (const [machine, architecture] of [[62, "amd64"], [183, "arm64"]] as const) {
    const { file, unpacked } = made(t, smallProgram(t, machine));
    assert.equal(path.basename(file), `greylist_1.2.3_${architecture}.deb`);
    const control = fs.readFileSync(path.join(unpacked, "DEBIAN/control"), "utf8");
    assert.match(control, new RegExp(`^Architecture: ${architecture}$`, "m"));
    assert.match(control, /^Depends: libc6 \(>= 2\.\d+\)$/m);
    assert.doesNotMatch(control, /undefined|\$\{/);
  }
});

test("a program for another kind of machine is refused, and so is what is no program", (t) => {
  assert.throws(
    () => made(t, smallProgram(t, 243)),
    /want a binary for X86-64 or AArch64, got one for "RISC-V"/,
  );
  const script = path.join(tempDir(t), "script");
  fs.writeFileSync(script, "#!/bin/sh\n");
  assert.throws(() => made(t, script), /readelf .*script: status 1/);
});

test("the package has the licence of each package from npm that is in the program", (t) => {
  const notices = path.join(made(t).unpacked, "usr/share/doc/greylist/NOTICES.gz");
  const text = gunzipSync(fs.readFileSync(notices)).toString();
  assert.match(text, /^ipaddr\.js [\d.]+ \(MIT\)\n\nCopyright \(C\) [^]*WITHOUT WARRANTY/);
  assert.doesNotMatch(text, /fast-check/);
});

test("the package's settings are good, and so is each that can be switched on in them", () => {
  const shipped = read("contrib/debian/greylist.conf");
  const sources = (text: string) => ({
    flags: readCommandLine(["--config", "/shipped", "--mode", "daemon"], commands),
    env: {},
    readFile: () => text,
    exists: () => true,
  });
  const plain = loadConfig(sources(shipped));
  assert.ok(!("problems" in plain), JSON.stringify(plain));
  assert.deepEqual(plain.warnings, []);
  assert.deepEqual(plain.config.store, { kind: "sqlite", path: "/var/lib/greylist/greylist.db" });
  const off = [...shipped.matchAll(/^#([a-z-]+) = .*$/gm)];
  assert.ok(off.length > 4);
  for (const [line, name = ""] of off) {
    const text = shipped.replace(new RegExp(`^${name} = .*\n`, "m"), "").replace(
      line,
      line.slice(1),
    );
    const changed = loadConfig(sources(text));
    assert.ok(!("problems" in changed), `${line}: ${JSON.stringify(changed)}`);
  }
});
