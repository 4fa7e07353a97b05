/**
 * `deno task package [--binary FILE | FLAGS]`: dist/greylist_VERSION_ARCH.deb, for Debian 12 and later. Compiles first,
 * with FLAGS such as `--target aarch64-unknown-linux-gnu`; or takes a binary that is there.
 *
 * - What is in it, and what its scripts do, is in contrib/debian. The unit is contrib/systemd's, with the package's paths.
 * - Architecture and dependencies are read from the binary.
 * - The same commit gives the same bytes: all times are the commit's, all files root's, in the order of their names. One
 *   thread compresses, because several would cut the data otherwise; at a level that takes seconds, not a minute.
 *
 * Needs dpkg-deb, readelf (binutils) and git.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { version } from "../lib/version.ts";
import { deno } from "./compile.ts";
import { noticesOf } from "./notices.ts";

/** What a package is made of. */
export interface Parts {
  readonly binary: string;
  readonly version: string;
  /** Name and address, as in `git log`. */
  readonly maintainer: string;
  /** The time of everything in it, in UNIX seconds. */
  readonly time: number;
  /** The folder with what tools/manual.ts writes. */
  readonly manual: string;
  /** Options of dpkg-deb(1). */
  readonly compression: readonly string[];
}

/** Much smaller than with gzip, at a third of the time of what dpkg-deb would do by itself. */
const compression = ["-Zxz", "-z2", "--threads-max=1"];

const root = path.resolve(import.meta.dirname ?? ".", "..");
const source = (name: string) => fs.readFileSync(path.join(root, name));

/** A file's path, and what is in it. */
type File = readonly [name: string, data: Uint8Array | string];

/** Makes a package in `folder`, and gives its path. */
export function makePackage(parts: Parts, folder: string): string {
  const { architecture, depends } = needsOf(parts.binary);
  const files = filesOf(parts), program: File = ["usr/bin/greylist", fs.readFileSync(parts.binary)];
  const scripts = ["preinst", "postinst", "prerm", "postrm"]
    .map((name): File => [`DEBIAN/${name}`, source(`contrib/debian/${name}`)]);
  const isConfiguration = ([name]: File) => name.startsWith("etc/");
  const sums = [program, ...files.filter((file) => !isConfiguration(file))]
    .map(([name, data]) => `${createHash("md5").update(data).digest("hex")}  ${name}\n`);
  const kib = [program, ...files].map(([, data]) => Math.ceil(data.length / 1024));
  const fields: Record<string, string> = {
    version: parts.version,
    architecture,
    maintainer: parts.maintainer,
    size: `${kib.reduce((sum, size) => sum + size, 0)}`,
    depends,
  };
  const control: File[] = [
    [
      "DEBIAN/control",
      `${source("contrib/debian/control")}`
        .replace(/\$\{(\w+)\}/g, (_, name: string) => fields[name] ?? ""),
    ],
    ["DEBIAN/conffiles", files.filter(isConfiguration).map(([name]) => `/${name}\n`).join("")],
    ["DEBIAN/md5sums", sums.join("")],
  ];

  const tree = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-package-"));
  const write = (mode: number) => ([name, data]: File) => {
    const file = path.join(tree, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, data, { mode });
  };
  try {
    [program, ...scripts].forEach(write(0o755));
    [...files, ...control].forEach(write(0o644));
    // Whatever the umask is.
    run("chmod", ["-R", "u=rwX,go=rX", tree]);
    const made = path.join(folder, `greylist_${parts.version}_${architecture}.deb`);
    const options = ["--root-owner-group", ...parts.compression, "--build", tree, made];
    run("dpkg-deb", options, { SOURCE_DATE_EPOCH: `${parts.time}` });
    return made;
  } finally {
    fs.rmSync(tree, { recursive: true });
  }
}

/** What the package installs beside the program. */
function filesOf(parts: Parts): File[] {
  const documents = "usr/share/doc/greylist";
  const manual = (name: string) => fs.readFileSync(path.join(parts.manual, name));
  return [
    ["etc/greylist/greylist.conf", source("contrib/debian/greylist.conf")],
    ...["whitelist_clients", "whitelist_senders", "whitelist_recipients"]
      .map((name): File => [`etc/greylist/${name}`, source(`postfix/${name}`)]),
    ["usr/lib/systemd/system/greylist.service", unit()],
    ["usr/share/bash-completion/completions/greylist", manual("greylist.bash")],
    ["usr/share/lintian/overrides/greylist", source("contrib/debian/lintian-overrides")],
    ["usr/share/man/man5/greylist.conf.5.gz", compressed(manual("greylist.conf.5"))],
    ["usr/share/man/man8/greylist.8.gz", compressed(manual("greylist.8"))],
    [`${documents}/copyright`, copyright()],
    [`${documents}/NOTICES.gz`, compressed(noticesOf(parts.binary))],
    [`${documents}/changelog.gz`, compressed(changelog(parts))],
    [`${documents}/CHANGELOG.md.gz`, compressed(source("CHANGELOG.md"))],
    // In the places that they have in the repository, for the links from one to another.
    ...fs.readdirSync(path.join(root, "doc")).map((name) => `doc/${name}`)
      .concat("README.md", "SECURITY.md")
      .concat("contrib/grafana/greylist.json", "contrib/prometheus/alerts.yml").sort()
      .map((name): File => [`${documents}/${name}`, source(name)]),
  ];
}

/** contrib/systemd's, which is for an installation by hand, without what it says on that. */
function unit(): string {
  const text = `${source("contrib/systemd/greylist.service")}`.replace(/^(#.*\n)+\n/, "")
    .replaceAll("/usr/local/bin/greylist", "/usr/bin/greylist");
  if (!text.startsWith("[Unit]") || !text.includes("ExecStart=/usr/bin/greylist ")) {
    throw new Error("contrib/systemd/greylist.service: cannot find what names the program");
  }
  return text;
}

/** The text of the licence, in the form that the file's format wants. */
function copyright(): string {
  const [, text = ""] = /\n\n(Permission[^]*)$/.exec(`${source("LICENSE")}`) ?? [];
  const indented = text.trimEnd().split("\n").map((line) => ` ${line === "" ? "." : line}\n`);
  return `${source("contrib/debian/copyright")}${indented.join("")}`;
}

/** Debian's programs want one in Debian's form. */
function changelog({ version, maintainer, time }: Parts): string {
  const date = new Date(time * 1000).toUTCString().replace("GMT", "+0000");
  return `greylist (${version}) stable; urgency=medium\n\n` +
    `  * What has changed: CHANGELOG.md.gz beside this file.\n\n -- ${maintainer}  ${date}\n`;
}

function compressed(data: Uint8Array | string): Uint8Array {
  return gzipSync(data, { level: 9 });
}

/** What readelf(1) calls a processor, and what Debian does. */
const architectures: readonly (readonly [machine: string, architecture: string])[] = [
  ["X86-64", "amd64"],
  ["AArch64", "arm64"],
];

/** For which architecture a binary is, and what it needs. Only looks into the file, which may be for another machine. */
function needsOf(binary: string): { architecture: string; depends: string } {
  const told = run("readelf", ["-W", "--file-header", "--dynamic", "--version-info", binary]);
  const [, machine = ""] = /^ *Machine: *(.*)$/m.exec(told) ?? [];
  const [, architecture] = architectures.find(([name]) => machine.includes(name)) ?? [];
  if (architecture === undefined) {
    throw new Error(`${binary}: want a binary for X86-64 or AArch64, got one for "${machine}"`);
  }
  const minors = [...told.matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  const depends = [`libc6 (>= 2.${Math.max(...minors)})`];
  for (const [, library = ""] of told.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
    if (/^(ld-linux|libc|libdl|libm|libpthread|librt)\b/.test(library)) continue;
    if (library !== "libgcc_s.so.1") {
      throw new Error(`${binary}: no package is known for ${library}`);
    }
    depends.push("libgcc-s1");
  }
  return { architecture, depends: depends.join(", ") };
}

/** Runs a program that must succeed, and gives what it printed. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, LC_ALL: "C", ...env },
    encoding: "utf8",
  });
  if (status === 0) return stdout;
  throw new Error(
    `${program} ${args.join(" ")}: ${error?.message ?? `status ${status}\n${stderr}`}`,
  );
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  let binary = path.join(root, "dist", "greylist");
  if (args[0] === "--binary" && args[1] !== undefined) binary = path.resolve(args[1]);
  else deno("run", "-A", "tools/compile.ts", ...args);
  const [time = "", maintainer = ""] = run("git", ["log", "-1", "--format=%ct%n%an <%ae>"]).split(
    "\n",
  );
  const manual = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-manual-"));
  try {
    deno("run", "-A", "tools/manual.ts", manual);
    fs.mkdirSync(path.join(root, "dist"), { recursive: true });
    const made = makePackage(
      { binary, version, maintainer, time: Number(time), manual, compression },
      path.join(root, "dist"),
    );
    process.stdout.write(
      `${path.relative(root, made)}: ${(fs.statSync(made).size / 1024 ** 2).toFixed(1)} MiB\n`,
    );
  } finally {
    fs.rmSync(manual, { recursive: true });
  }
}
