/**
 * `deno task release [--tag TAG] [ARCHITECTURE]…`: everything that a release offers, in dist/release. By default for amd64 and
 * arm64; for another architecture than this machine's, `deno compile` fetches a runtime.
 *
 *     greylist-VERSION-linux-ARCH    the executable
 *     greylist_VERSION_ARCH.deb      the package
 *     greylist-VERSION.cdx.json      which packages the executable is made of (CycloneDX)
 *     SHA256SUMS                     for `sha256sum --check`
 *
 * What CHANGELOG.md says of the version goes into dist/notes.md. TAG has to be `v` and the version: a tag that was put on
 * the wrong commit releases nothing.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { version } from "../lib/version.ts";
import { deno } from "./compile.ts";
import { billOfMaterials } from "./sbom.ts";

const root = path.resolve(import.meta.dirname ?? ".", "..");
const dist = path.join(root, "dist"), folder = path.join(dist, "release");

/** What Debian calls an architecture, and what `deno compile --target` does. */
const targets = {
  amd64: "x86_64-unknown-linux-gnu",
  arm64: "aarch64-unknown-linux-gnu",
} as const;

type Architecture = keyof typeof targets;

/**
 * The section of a version in CHANGELOG.md, `## VERSION, DATE`, without that line, in a form for GitHub: there, the end of a
 * line is one when it is shown, too, and a link to a file needs the address of all files, `files`, before it. Throws an Error
 * when there is no such section.
 */
export function notesOf(changelog: string, version: string, files: string): string {
  const sections = changelog.split(/^## /m).slice(1).map((text) => {
    const end = text.indexOf("\n");
    return { version: text.slice(0, end).replace(/,.*/, ""), text: text.slice(end).trim() };
  });
  const section = sections.find((one) => one.version === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section "## ${version}"`);
  const text = section.text
    .replace(/(?<=\S)\n *(?!\s|#|- )/g, " ")
    .replace(/\]\((?![a-z]+:)/g, `](${files}`);
  return `${text}\n`;
}

/** A line for each file, in order, as sha256sum(1) writes it. */
export function sumsOf(folder: string): string {
  return fs.readdirSync(folder).sort()
    .map((name) =>
      [createHash("sha256").update(fs.readFileSync(path.join(folder, name))), name] as const
    )
    .map(([hash, name]) => `${hash.digest("hex")}  ${name}\n`).join("");
}

function release(architectures: readonly Architecture[]): void {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  const files = GITHUB_REPOSITORY === undefined
    ? ""
    : `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/blob/v${version}/`;
  const changelog = fs.readFileSync(path.join(root, "CHANGELOG.md"), "utf8");
  const notes = notesOf(changelog, version, files);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const architecture of architectures) {
    const binary = path.join(folder, `greylist-${version}-linux-${architecture}`);
    const packaged = `greylist_${version}_${architecture}.deb`;
    deno("run", "-A", "tools/compile.ts", "--target", targets[architecture]);
    fs.copyFileSync(path.join(dist, "greylist"), binary);
    deno("run", "-A", "tools/package.ts", "--binary", binary);
    fs.renameSync(path.join(dist, packaged), path.join(folder, packaged));
  }
  const time = `${execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: root })}`;
  // Of the last one: it is made of the same, whatever it is compiled for.
  const executable = path.join(dist, "greylist");
  const materials = { version, time: Number(time), executable, runtime: Deno.version };
  const bill = JSON.stringify(billOfMaterials(materials), undefined, 2);
  fs.writeFileSync(path.join(folder, `greylist-${version}.cdx.json`), `${bill}\n`);
  fs.writeFileSync(path.join(folder, "SHA256SUMS"), sumsOf(folder));
  fs.writeFileSync(path.join(dist, "notes.md"), notes);
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const isArchitecture = (name: string): name is Architecture => Object.hasOwn(targets, name);
  if (asked[0] === "--tag") {
    const [, tag] = asked.splice(0, 2);
    if (tag !== `v${version}`) {
      process.stderr.write(`--tag: want v${version}, got "${tag ?? ""}"\n`);
      process.exit(1);
    }
  }
  const unknown = asked.find((name) => !isArchitecture(name));
  if (unknown !== undefined) {
    process.stderr.write(`want ${Object.keys(targets).join(" or ")}, got "${unknown}"\n`);
    process.exit(1);
  }
  const architectures = asked.filter(isArchitecture);
  release(architectures.length > 0 ? architectures : ["amd64", "arm64"]);
  process.stdout.write(fs.readFileSync(path.join(folder, "SHA256SUMS"), "utf8"));
}
