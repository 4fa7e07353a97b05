import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { blocksRunBy, examplesIn } from "../support/documented.ts";
import { connect, environment, program, request, startDaemon } from "../support/greylist.ts";
import { tempDir, waitFor } from "../support/process.ts";

/** Runs `greylist report`. */
function report(args: readonly string[], input = "") {
  const options = { env: environment(), input, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync("env", [...program, "report", ...args], options);
  return { status, stdout, stderr };
}

const deferred = (day: string, id: number) =>
  `${day} mail greylist[1]: action=greylist, reason=new, client_address=192.0.2.1, id=${id}`;
const passed = (day: string, id: number, delay: number) =>
  `${day} mail greylist[1]: action=pass, reason=triplet found, delay=${delay}, id=${id}`;
const day = (n: number) => `2026-11-${String(n).padStart(2, "0")}T12:00:00+00:00`;

test("a report is about the logs that are named, packed or not, and standard input among them", (t) => {
  const dir = tempDir(t), plain = path.join(dir, "mail.log"), packed = path.join(dir, "old.gz");
  fs.writeFileSync(plain, `${deferred(day(2), 2)}\n${passed(day(3), 1, 86_400)}\n`);
  fs.writeFileSync(packed, gzipSync(`${deferred(day(1), 1)}\n${deferred(day(1), 3)}\n`));
  const { status, stdout, stderr } = report(
    [plain, "-", packed],
    `${passed(day(4), 2, 172_800)}\n`,
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(stdout, /^Greylisting from 2026-11-01 .* to 2026-11-04 .*: 5 decisions in 5 lines/);
  assert.match(stdout, /^Mails that had to wait, one for each recipient: 3\n {2}came back +2 /m);
  assert.match(stdout, /^ {2}never came back +1 /m);
});

test("a log that can be read once only is read from its first line", (t) => {
  const dir = tempDir(t), pipe = path.join(dir, "pipe");
  const lines = [1, 2, 3].map((n) => `${deferred(day(n), n)}\n`).join("");
  fs.writeFileSync(path.join(dir, "log"), lines);
  const greylist = program.map((word) => `'${word}'`).join(" ");
  const command = `mkfifo ${pipe}; cat ${dir}/log >${pipe} & ${greylist} report ${pipe}`;
  const { stdout, stderr } = spawnSync("sh", ["-c", command], {
    env: environment(),
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.equal(stderr, "");
  assert.match(stdout, /: 3 decisions in 3 lines of log/);
});

test("a log that cannot even be looked for is told, and the others are reported", (t) => {
  const dir = tempDir(t), loop = path.join(dir, "loop"), good = path.join(dir, "good");
  fs.symlinkSync(loop, loop);
  fs.writeFileSync(good, `${deferred(day(1), 1)}\n`);
  const { status, stdout, stderr } = report([loop, good]);
  assert.equal(status, 1);
  assert.match(stderr, /^greylist: Cannot read all of .*loop: ELOOP/m);
  assert.match(stdout, /: 1 decisions? in 1 lines? of log/);
});

test("of a period, lines that tell no time are left out, which is said", () => {
  const log = `${deferred(day(2), 1)}\n${deferred("", 2).trimStart().replace("mail ", "")}\n`;
  const { stdout } = report(["--json", "--since", "2026-11-01"], log);
  const { decisions, approximate } = JSON.parse(stdout);
  assert.equal(decisions.deferred, 1);
  assert.deepEqual(approximate, [
    "1 lines without a time are left out: they may be of this period.",
  ]);
});

test("the commands of README.md and doc/report.md can be typed as they stand", (t) => {
  const dir = tempDir(t), now = Date.now();
  const recent = [1, 2].map((n) => deferred(new Date(now - n * 3_600_000).toISOString(), n));
  fs.writeFileSync(path.join(dir, "mail.log"), recent.join("\n"));
  const message = { MESSAGE: recent[0]?.split("]: ")[1], __REALTIME_TIMESTAMP: `${now}000` };
  fs.writeFileSync(path.join(dir, "journal"), `${JSON.stringify(message)}\n`);
  const commands = [
    ...blocksRunBy(import.meta.url, "README.md"),
    ...blocksRunBy(import.meta.url, "doc/report.md"),
  ].flatMap(examplesIn);
  assert.equal(commands.length, 5);
  const greylist = program.map((word) => `'${word}'`).join(" ");
  for (const { command } of commands) {
    // Here, not every log goes to /var/log, and not every machine has a journal.
    const typed = command.replaceAll("/var/log/", `${dir}/`);
    const functions = `greylist() { ${greylist} "$@"; }; journalctl() { cat '${dir}/journal'; }`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", `${functions}\n${typed}`], {
      env: environment(),
      cwd: dir,
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""], command);
    if (!command.includes("--html")) assert.match(stdout, /: 2 decisions|"deferred": 2/);
  }
  assert.match(fs.readFileSync(path.join(dir, "report.html"), "utf8"), /<svg/);
});

test("a report of a period counts what was said from its begin to before its end", () => {
  const log = [1, 2, 3, 4].map((n) => deferred(day(n), n)).join("\n");
  const args = ["--json", "--since", "2026-11-02T12:00:00Z", "--until=2026-11-04T12:00:00Z"];
  const { status, stdout } = report(args, log);
  assert.equal(status, 0);
  const { decisions, period } = JSON.parse(stdout);
  assert.equal(decisions.deferred, 2);
  const noon = (n: number) => Date.UTC(2026, 10, n, 12) / 1000;
  assert.deepEqual(period, { from: noon(2), to: noon(3) });
});

test("what cannot be read is told, with the report of the rest, and its page is made", (t) => {
  const dir = tempDir(t), page = path.join(dir, "page.html"), cut = path.join(dir, "cut.gz");
  const lines = Array.from({ length: 5000 }, (_, n) => deferred(day(1), n)).join("\n");
  const packed = gzipSync(lines);
  fs.writeFileSync(cut, packed.subarray(0, packed.length / 2));
  const { status, stdout, stderr } = report([cut, path.join(dir, "none"), "--html", page]);
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^greylist: Cannot read all of .*cut\.gz: unexpected end of file$/mi);
  assert.match(stderr, /^greylist: Cannot read all of .*none: ENOENT/m);
  const html = fs.readFileSync(page, "utf8");
  assert.match(html, /<svg/);
  assert.match(html, /not read to its end: .*cut\.gz/);
});

test("a command line that is wrong is refused before anything is read or written", (t) => {
  const page = path.join(tempDir(t), "page.html");
  const { status, stderr } = report(["--since", "soon", "--retry-window=x", "--html", page]);
  assert.equal(status, 78);
  assert.match(stderr, /^greylist: --since: want a day, .* got "soon"$/m);
  assert.match(stderr, /^greylist: --retry-window: want a duration /m);
  assert.equal(fs.existsSync(page), false);
  const nowhere = report(["--html", "/nowhere/page.html"]);
  assert.equal(nowhere.status, 78);
  assert.match(nowhere.stderr, /^greylist: --html: .*\/nowhere\/page\.html/m);
});

test("what a daemon has logged can be reported", async (t) => {
  const log = path.join(tempDir(t), "greylist.log");
  const daemon = await startDaemon(t, ["--delay", "0", "--log-level", "info"]);
  const client = await connect(t, daemon.endpoints[0]);
  const sender = 'x, action=pass, "<script>"@example.org';
  for (let n = 0; n < 3; n++) await client.ask(request({ sender, recipient: `r${n % 2}@e.com` }));
  await waitFor("the decisions", () => daemon.stderr().split("action=").length === 4);
  fs.writeFileSync(log, daemon.stderr());
  const { decisions, waitedLongest } = JSON.parse(report(["--json", log]).stdout);
  assert.deepEqual(decisions, { all: 3, deferred: 2, accepted: 1, letThrough: 0 });
  assert.equal(
    waitedLongest[0].sender,
    'x\\x2c\\x20action\\x3dpass\\x2c\\x20"<script>"@example.org',
  );
});
