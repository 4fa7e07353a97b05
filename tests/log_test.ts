import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import { type Destination, type OpenLog, openLog, type Threshold } from "../lib/log/log.ts";
import { fileDestination, openDestination, timestamp } from "../lib/log/destinations.ts";
import { syslogDestination, syslogMessage } from "../lib/log/syslog.ts";
import { parseLogTarget } from "../lib/log/target.ts";
import type { PolicyRequest } from "../lib/protocol/codec.ts";
import { tempDir } from "./support/process.ts";

/** A destination that keeps what is written; `broken` says what happens to the next lines. */
function memory() {
  const lines: string[] = [];
  const state: { broken?: () => Promise<void> } = {};
  const destination: Destination = {
    async write(line, level) {
      if (state.broken !== undefined) await state.broken();
      lines.push(`${level} ${line}`);
    },
    close() {},
  };
  return { lines, state, destination };
}

function open(options: { threshold?: Threshold; format?: "text" | "json" } = {}) {
  const { lines, state, destination } = memory();
  const opened: OpenLog = openLog(destination, { threshold: "info", format: "text", ...options });
  const flushed = async () => {
    await opened.flush(5000);
    return lines;
  };
  return { log: opened.log, flush: opened.flush, flushed, state };
}

const mail = (attributes: Readonly<Record<string, string>> = {}): PolicyRequest =>
  new Map(Object.entries({
    recipient: "bob@example.com",
    sender: "alice@example.org",
    client_address: "192.0.2.1",
    client_name: "mx.example.org",
    ...attributes,
  }));

test("a decision is postgrey's fields in postgrey's order", async () => {
  const { log, flushed } = open();
  log.decision({ action: "greylist", reason: "early-retry (12s missing)", request: mail() });
  log.decision({ action: "pass", reason: "triplet found", delaySeconds: 301, request: mail() });
  assert.deepEqual(await flushed(), [
    "info action=greylist, reason=early-retry (12s missing), client_name=mx.example.org, " +
    "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com",
    "info action=pass, reason=triplet found, delay=301, client_name=mx.example.org, " +
    "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com",
  ]);
});

test("what is missing or empty is left out of a decision; what is ours comes last", async () => {
  const { log, flushed } = open();
  const request = mail({ sender: "", client_name: "" });
  log.decision({ action: "pass", reason: "client whitelist", request: new Map() });
  log.decision({
    action: "greylist",
    reason: "new",
    request,
    id: "6789abcdef",
    store: "memcached",
  });
  assert.deepEqual(await flushed(), [
    "info action=pass, reason=client whitelist",
    "info action=greylist, reason=new, client_address=192.0.2.1, recipient=bob@example.com, " +
    "id=6789abcdef, store=memcached",
  ]);
});

test("values from outside stay one word on one line", async () => {
  const { log, flushed } = open();
  const sender = "x, action=pass\n\r\x1b[1m\xe2\x80\xae";
  log.decision({
    action: "greylist",
    reason: "new",
    request: mail({ sender, client_name: "\xff" }),
  });
  log.configurationProblem('a: want b, got "c\nd\x1b"');
  log.connectionError("127.0.0.1:1", "e\nf");
  log.protocolError("127.0.0.1:1", "g\nh");
  log.down("memcached:127.0.0.1:1", 'says "\r\n\0"');
  log.internalError(new Error("i\nj"));
  const lines = await flushed();
  assert.equal(lines.length, 6);
  for (const line of lines) assert.match(line, /^[ -~]+$/);
  assert.match(lines[0] ?? "", / sender=x\\x2c\\x20action\\x3dpass\\x0a\\x0d\\x1b\[1m\\xe2\\x80\\xae, /);
  assert.match(lines[0] ?? "", / client_name=\\xff, /);
});

test("every event has its level, and the threshold leaves out what is below", async () => {
  const say = (log: ReturnType<typeof open>["log"]) => {
    log.notAsked("not at RCPT", mail());
    log.idleTimeout("127.0.0.1:1");
    log.listening(["inet:127.0.0.1:10023", "unix:/x"], "memory");
    log.stopping("SIGTERM");
    log.stopped();
    log.connectionError("127.0.0.1:1", "reset");
    log.up("memcached:127.0.0.1:1", 1.6);
    log.reloaded("configuration");
    log.clientEarnedWhitelist(mail());
    log.tooManyConnections(10);
    log.fewDescriptors(1000, 400);
    log.protocolError("127.0.0.1:1", "nonsense");
    log.unreadableEntry("gl1:x");
    log.down("memcached:127.0.0.1:1", "refused");
    log.restartWanted(["listen", "mode"]);
    log.acceptError("inet:127.0.0.1:1", "EMFILE");
    log.configurationProblem("a: want b");
    log.reloadRefused(["c: want d"]);
    log.internalError("thrown");
  };
  const expected: readonly [Threshold, string][] = [
    [
      "debug",
      "nothing to decide: reason=not at RCPT, client_name=mx.example.org, " +
      "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com",
    ],
    ["debug", "closed 127.0.0.1:1: idle for too long"],
    ["info", "listening on inet:127.0.0.1:10023, unix:/x, with the state in memory"],
    ["info", "SIGTERM: finishing what is in flight"],
    ["info", "stopped"],
    ["info", "lost 127.0.0.1:1: reset"],
    ["info", "store memcached:127.0.0.1:1 is usable again after 2 s"],
    ["info", "took the new configuration"],
    ["info", "whitelisted: mx.example.org[192.0.2.1]"],
    ["warning", "refused a connection: all of max-connections (10) are at work"],
    ["warning", "max-connections is 400, not 1000: more would exceed the limit of open files"],
    ["warning", "closed 127.0.0.1:1: nonsense"],
    ["warning", "forgot an entry that could not be read: key=gl1:x"],
    ["warning", "store memcached:127.0.0.1:1 is not usable: refused"],
    ["warning", "only a restart changes listen, mode"],
    ["error", "Cannot accept on inet:127.0.0.1:1: EMFILE"],
    ["error", "a: want b"],
    ["error", "c: want d"],
    ["error", "what was read before stays in force"],
    ["error", "internal error, please report it: error=thrown"],
  ];
  const thresholds: readonly Threshold[] = ["debug", "info", "warning", "error"];
  for (const [n, threshold] of thresholds.entries()) {
    const { log, flushed } = open({ threshold });
    say(log);
    assert.deepEqual(
      await flushed(),
      expected.filter(([level]) => thresholds.indexOf(level) >= n)
        .map(([level, line]) => `${level} ${line}`),
    );
  }
});

test("as JSON a line is an object with the fields as members", async () => {
  const { log, flushed } = open({ format: "json" });
  log.decision({ action: "pass", reason: "triplet found", delaySeconds: 301, request: mail() });
  log.configurationProblem('{not} a template: "x"');
  const [first, second] = (await flushed()).map((line) =>
    JSON.parse(line.slice(line.indexOf("{")))
  );
  const { "@timestamp": at, ...decision } = first;
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
  assert.deepEqual(decision, {
    level: "INFO",
    message: "",
    logger: "greylist",
    action: "pass",
    reason: "triplet found",
    delay: 301,
    client_name: "mx.example.org",
    client_address: "192.0.2.1",
    sender: "alice@example.org",
    recipient: "bob@example.com",
  });
  assert.equal(second.message, '{not} a template: "x"');
  assert.equal(second.level, "ERROR");
});

test("lines that cannot be written are counted, and told when one could be", async () => {
  const { log, flushed, flush, state } = open();
  state.broken = () => Promise.reject(new Error("disk full"));
  for (let n = 0; n < 7; n++) log.stopped();
  await flush(5000);
  delete state.broken;
  log.reloaded("configuration");
  assert.deepEqual(await flushed(), [
    "info took the new configuration",
    "warning log lines were lost: lines=7",
  ]);
  log.reloaded("configuration");
  assert.equal((await flushed()).length, 3, "told once");
});

test("a destination that hangs keeps 10,000 lines waiting; the rest is counted", async () => {
  const { log, flushed, flush, state } = open();
  let thaw = () => {};
  const frozen = new Promise<void>((resolve) => thaw = resolve);
  state.broken = () => frozen;
  for (let n = 0; n < 10_500; n++) log.stopped();
  const started = performance.now();
  await flush(20);
  assert.ok(performance.now() - started < 1000, "flush gives up");
  delete state.broken;
  thaw();
  const lines = await flushed();
  const told = lines.filter((line) => line.includes("log lines were lost"));
  const lost = Number(/lines=(\d+)/.exec(told[0] ?? "")?.[1]);
  assert.equal(told.length, 1);
  assert.equal(lines.length - 1 + lost, 10_500);
  assert.ok(lost >= 490 && lost <= 500, `${lost}`);
});

test("a syslog message is as glibc writes it: facility mail, local time, no host", () => {
  const at = new Date(2026, 1, 3, 4, 5, 6);
  const text = (level: Parameters<typeof syslogMessage>[1], line = "line") =>
    Buffer.from(syslogMessage(line, level, "greylist", 42, at)).toString("utf8");
  assert.equal(text("info"), "<22>Feb  3 04:05:06 greylist[42]: line");
  assert.equal(text("error").slice(0, 4), "<19>");
  assert.equal(text("warning").slice(0, 4), "<20>");
  assert.equal(text("debug").slice(0, 4), "<23>");
  assert.equal(text("fatal").slice(0, 4), "<18>");
  assert.equal(text("info", "caf\u00e9"), "<22>Feb  3 04:05:06 greylist[42]: caf\u00e9");
  assert.equal(Buffer.byteLength(text("info", "x".repeat(20_000))), 8000);
});

test("syslog where nobody listens, or where there are no such sockets, rejects", async (t) => {
  const destination = syslogDestination(path.join(tempDir(t), "log"), "greylist", 42);
  await assert.rejects(destination.write("line", "info"));
  await assert.rejects(destination.write("line", "info"));
  destination.close();
});

test("a file is appended to, stamped or not, and readable to its group at most", async (t) => {
  const file = path.join(tempDir(t), "log");
  fs.writeFileSync(file, "before\n");
  const plain = fileDestination(file, false, () => 0);
  await plain.write("line", "info");
  plain.close();
  const stamped = fileDestination(file, true, () => 0);
  await stamped.write("caf\u00e9", "info");
  stamped.close();
  assert.match(
    fs.readFileSync(file, "utf8"),
    new RegExp(`^before\\nline\\n\\S+ greylist\\[${process.pid}\\]: caf\u00e9\\n$`),
  );
  fs.rmSync(file);
  const made = fileDestination(file, false, () => 0);
  await made.write("line", "info");
  made.close();
  assert.equal(fs.statSync(file).mode & 0o137, 0);
});

test("a file is opened at the first line, and looked at anew once a second", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "log"), old = path.join(dir, "log.1");
  let now = 0;
  const destination = fileDestination(file, false, () => now);
  assert.equal(fs.existsSync(file), false);
  await destination.write("1", "info");
  fs.renameSync(file, old);
  now += 999;
  await destination.write("2", "info");
  assert.equal(fs.existsSync(file), false);
  now += 1;
  await destination.write("3", "info");
  fs.rmSync(file);
  fs.writeFileSync(file, "rotated\n");
  now += 1000;
  await destination.write("4", "info");
  destination.close();
  assert.equal(fs.readFileSync(old, "latin1"), "1\n2\n");
  assert.equal(fs.readFileSync(file, "latin1"), "rotated\n4\n");
});

test("a file that cannot be opened rejects, and is tried again with every line", async (t) => {
  const file = path.join(tempDir(t), "missing", "log");
  const destination = fileDestination(file, false, () => 0);
  await assert.rejects(destination.write("1", "info"), { code: "ENOENT" });
  await assert.rejects(destination.write("2", "info"), { code: "ENOENT" });
  fs.mkdirSync(path.dirname(file));
  await destination.write("3", "info");
  destination.close();
  assert.equal(fs.readFileSync(file, "latin1"), "3\n");
});

test("a time stamp is local time with its zone", () => {
  const at = new Date(2026, 0, 31, 23, 59, 58);
  const stamp = timestamp(at);
  assert.match(stamp, /^2026-01-31T23:59:58[+-]\d\d:\d\d$/);
  assert.equal(Date.parse(stamp), at.getTime());
});

test("a log setting is a word, or a word and an absolute path", async () => {
  assert.deepEqual(parseLogTarget("syslog"), { kind: "syslog", path: "/dev/log" });
  assert.deepEqual(parseLogTarget("syslog:/run/log"), { kind: "syslog", path: "/run/log" });
  assert.deepEqual(parseLogTarget("file:/var/log/x"), { kind: "file", path: "/var/log/x" });
  assert.deepEqual(parseLogTarget("stderr"), { kind: "stderr" });
  assert.deepEqual(parseLogTarget("none"), { kind: "none" });
  for (const text of ["", "file", "file:", "file:relative", "syslog:", "stdout", "Stderr"]) {
    assert.throws(() => parseLogTarget(text), RangeError, text);
  }
  const none = await openDestination({ kind: "none" }, { stamped: true });
  await none.write("nothing", "error");
});
