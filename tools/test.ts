/**
 * `deno task test [FOLDER]…`: everything a user would run, or only the tests in some folders.
 *
 * Installs from Debian what the tests run against, runs them under Deno, and those that can run there
 * under Bun as well, and ends with one line, `N passed, N failed`, counted from the runners' own reports.
 * Exit status 0 only if there were tests and none failed.
 */
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";

/** The programs that the tests run, and Debian's packages that they are in. */
const needed = [
  ["memcached", "memcached"],
  ["postfix", "postfix"],
  ["postgrey", "postgrey"],
  ["db5.3_dump", "db5.3-util"],
  ["sqlgrey", "sqlgrey libdbd-sqlite3-perl"],
  ["swaks", "swaks"],
  ["saslpasswd2", "sasl2-bin libsasl2-modules"],
  ["socat", "socat"],
  ["faketime", "faketime"],
  ["dnsmasq", "dnsmasq-base"],
  ["mandoc", "mandoc"],
  ["man", "man-db"],
  ["dpkg-deb", "dpkg"],
  ["readelf", "binutils"],
] as const;

/** The same for tests that are not run without being asked for. */
const neededToo: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "tests/monitoring": [
    ["prometheus", "prometheus"],
    ["logwatch", "logwatch"],
    ["pflogsumm", "pflogsumm"],
  ],
  "tests/release": [["readelf", "binutils"]],
  "tests/report": [["chromium", "chromium"]],
};

const bun = "bun@1.4.5";

/** What only runs under Deno: the end-to-end suites, which start the program and not its modules. */
const denoOnly = ["tests/e2e"];
/** Not run without being asked for: what needs a container engine, libfaketime or a compiler, what takes minutes. */
const byRequest = [
  "changeover",
  "container",
  "documents",
  "faults",
  "flood",
  "model",
  "monitoring",
  "old_and_new",
  "outcome",
  "release",
  "report",
]
  .map((folder) => `tests/${folder}`);

/** Waits for the end of a runner that has been started, and counts what it did. */
type Runner = () => Promise<void>;
type Shown = "at once" | "at its end";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const root = path.resolve(import.meta.dirname ?? ".", "..");
process.chdir(root);
const asked = process.argv.slice(2);
installNeeded();
const reports = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-reports-"));
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];
try {
  installPackages();
  const [endToEnd, others] = parted(asked.length > 0 ? asked : ["tests"]);
  const runners: Runner[] = [];
  // Side by side, because they wait most of the time: Postfix needs its seconds for each mail.
  if (others.length > 0) runners.push(startUnderDeno("deno", others, "at once"));
  if (endToEnd.length > 0) {
    const shown = others.length > 0 ? "at its end" : "at once";
    runners.push(startUnderDeno("deno-e2e", endToEnd, shown));
  }
  if (asked.length === 0) runners.push(startUnderBun());
  for (const end of runners) await end();
} finally {
  fs.rmSync(reports, { recursive: true });
}
for (const name of broken) say(`FAILED ${name}`);
say(
  `${total.passed} passed, ${total.failed} failed` +
    (total.skipped > 0 ? `, ${total.skipped} skipped` : ""),
);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

/** The end-to-end suites, and the others. */
function parted(folders: readonly string[]): [endToEnd: string[], others: string[]] {
  const isEndToEnd = (name: string) => denoOnly.some((folder) => name.startsWith(folder));
  const all = folders.flatMap((name) => name === "tests" ? [...denoOnly, name] : [name]);
  return [all.filter(isEndToEnd), all.filter((name) => !isEndToEnd(name))];
}

function startUnderDeno(name: string, folders: readonly string[], shown: Shown): Runner {
  const ignored = byRequest.filter((folder) => !asked.includes(folder));
  if (folders.includes("tests")) ignored.push(...denoOnly);
  const args = ["test", "-A", "--no-prompt", `--junit-path=${reportOf(name)}`];
  // An empty --ignore would ignore everything.
  if (ignored.length > 0) args.push(`--ignore=${ignored.join(",")}`);
  // By sh: the emulation of node:child_process rewrites arguments to Deno.
  const command = ["sh", "-c", 'exec "$@"', "sh", Deno.execPath(), ...args, ...folders];
  return start(name, `deno ${Deno.version.deno}: ${folders.join(" ")}`, command, shown);
}

function startUnderBun(): Runner {
  const files = fs.readdirSync("tests", { recursive: true, encoding: "utf8" })
    .map((name) => `./tests/${name}`)
    .filter((name) => name.endsWith("_test.ts"))
    .filter((name) => ![...denoOnly, ...byRequest].some((folder) => name.startsWith(`./${folder}`)))
    .sort();
  const args = ["-y", bun, "test", "--timeout=120000", "--reporter=junit"];
  const command = ["npx", ...args, `--reporter-outfile=${reportOf("bun")}`, ...files];
  return start("bun", `${bun}: ${files.length} files`, command, "at its end");
}

/** Starts a runner, whose output is shown at once or when it has ended. */
function start(name: string, title: string, command: readonly string[], shown: Shown): Runner {
  const output = path.join(reports, `${name}.out`);
  if (shown === "at once") say(`== ${title}`);
  const descriptor = shown === "at once" ? "inherit" : fs.openSync(output, "w");
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", descriptor, descriptor] });
  const ended = new Promise<number>((resolve) => {
    child.on("error", (error) => (say(`Cannot run ${program}: ${error.message}`), resolve(1)));
    child.on("exit", (code) => resolve(code ?? 1));
  });
  return async () => {
    count(reportOf(name), await ended);
    if (descriptor === "inherit") return;
    fs.closeSync(descriptor);
    say(`== ${title}`);
    for (const line of fs.readFileSync(output, "utf8").trimEnd().split("\n")) say(line);
  };
}

function reportOf(name: string): string {
  return path.join(reports, `${name}.xml`);
}

/** All packages, before two runners want them at the same time. */
function installPackages(): void {
  const { code } = new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet"],
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  if (code !== 0) process.exit(code);
}

/** Adds a runner's report to the total; a runner that failed without one counts as a failure. */
function count(report: string, status: number): void {
  const xml = fs.existsSync(report) ? fs.readFileSync(report, "utf8") : "";
  const [root] = /<testsuites\b[^>]*>/.exec(xml) ?? [""];
  const number = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const skipped = (xml.match(/<skipped\b/g) ?? []).length;
  const failed = number("failures") + number("errors");
  total.passed += number("tests") - failed - skipped;
  total.skipped += skipped;
  total.failed += status !== 0 && failed === 0 ? 1 : failed;
  broken.push(...brokenIn(xml));
}

/** The tests that a report calls failed, as `file: name`. */
function brokenIn(xml: string): string[] {
  const attribute = (tag: string, name: string) =>
    new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return [...xml.matchAll(/(<testcase\b[^>]*[^/]>)\s*<(?:failure|error)\b/g)]
    .map(([, tag = ""]) =>
      `${attribute(tag, "file") || attribute(tag, "classname")}: ${attribute(tag, "name")}`
    );
}

function installNeeded(): void {
  const searched = `${process.env.PATH}:/usr/sbin:/sbin`.split(":");
  process.env.PATH = searched.join(":");
  const wanted = [...needed, ...asked.flatMap((folder) => neededToo[folder] ?? [])];
  const missing = wanted.filter(([program]) =>
    !searched.some((folder) => fs.existsSync(path.join(folder, program)))
  ).map(([, name]) => name);
  if (missing.length === 0) return;
  // "No configuration", so that no Postfix of the machine's own is set up or started.
  const script = [
    "apt-get update -q",
    "echo postfix postfix/main_mailer_type select No configuration | debconf-set-selections",
    `apt-get install -y -q --no-install-recommends ${missing.join(" ")}`,
  ].join(" && ");
  if (process.getuid?.() !== 0) {
    say(`The tests need ${missing.join(", ")}. As root:\n\n    ${script}\n`);
    process.exit(1);
  }
  say(`== installing ${missing.join(", ")} from Debian`);
  process.env.DEBIAN_FRONTEND = "noninteractive";
  const status = withoutStartingServices(() => run("sh", ["-c", script]).status);
  if (status !== 0) process.exit(status);
}

/** The tests start their own servers; Debian would start the packages' ones (invoke-rc.d(8)). */
function withoutStartingServices(install: () => number): number {
  const policy = "/usr/sbin/policy-rc.d";
  if (fs.existsSync(policy)) return install();
  fs.writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return install();
  } finally {
    fs.rmSync(policy);
  }
}

function run(command: string, args: readonly string[]): { status: number } {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error !== undefined) say(`Cannot run ${command}: ${error.message}`);
  return { status: status ?? 1 };
}

function say(text: string): void {
  fs.writeSync(1, `${text}\n`);
}
