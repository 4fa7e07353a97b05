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
  ["swaks", "swaks"],
  ["saslpasswd2", "sasl2-bin libsasl2-modules"],
  ["socat", "socat"],
  ["faketime", "faketime"],
  ["dnsmasq", "dnsmasq-base"],
] as const;

const bun = "bun@1.4.5";

/** What only runs under Deno: the end-to-end suites, which start the program and not its modules. */
const denoOnly = ["tests/e2e"];
/** Not run without being asked for: what needs a container engine, what needs libfaketime, what takes minutes. */
const byRequest = ["container", "faults", "flood", "model", "old_and_new", "outcome"]
  .map((folder) => `tests/${folder}`);

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
  const bunTests = asked.length === 0 ? startUnderBun() : undefined;
  testUnderDeno();
  await bunTests?.end();
} finally {
  fs.rmSync(reports, { recursive: true });
}
for (const name of broken) say(`FAILED ${name}`);
say(
  `${total.passed} passed, ${total.failed} failed` +
    (total.skipped > 0 ? `, ${total.skipped} skipped` : ""),
);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

function testUnderDeno(): void {
  const report = path.join(reports, "deno.xml");
  const folders = asked.length > 0 ? asked : ["tests"];
  const ignored = byRequest.filter((folder) => !asked.includes(folder));
  say(`== deno ${Deno.version.deno}: ${folders.join(" ")}`);
  const args = ["test", "-A", "--no-prompt", `--junit-path=${report}`];
  // An empty --ignore would ignore everything.
  if (ignored.length > 0) args.push(`--ignore=${ignored.join(",")}`);
  // Not node:child_process: its emulation rewrites arguments to Deno.
  const { code } = new Deno.Command(Deno.execPath(), {
    args: [...args, ...folders],
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  count(report, code);
}

/** Starts what can run under Bun, beside the tests under Deno: most of them wait most of the time. */
function startUnderBun(): { end(): Promise<void> } {
  const report = path.join(reports, "bun.xml"), output = path.join(reports, "bun.out");
  const files = fs.readdirSync("tests", { recursive: true, encoding: "utf8" })
    .map((name) => `./tests/${name}`)
    .filter((name) => name.endsWith("_test.ts"))
    .filter((name) => ![...denoOnly, ...byRequest].some((folder) => name.startsWith(`./${folder}`)))
    .sort();
  const args = ["-y", bun, "test", "--timeout=120000", "--reporter=junit"];
  const descriptor = fs.openSync(output, "w");
  const child = spawn("npx", [...args, `--reporter-outfile=${report}`, ...files], {
    stdio: ["ignore", descriptor, descriptor],
  });
  const status = new Promise<number>((resolve) => {
    child.on("error", (error) => (say(`Cannot run npx: ${error.message}`), resolve(1)));
    child.on("exit", (code) => resolve(code ?? 1));
  });
  return {
    async end() {
      count(report, await status);
      say(`== ${bun}: ${files.length} files`);
      for (const line of fs.readFileSync(output, "utf8").trimEnd().split("\n")) say(line);
      fs.closeSync(descriptor);
    },
  };
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
  const missing = needed.filter(([program]) =>
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
