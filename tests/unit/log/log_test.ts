import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import { openDestination } from "../../../lib/log/destinations.ts";
import { fileDestination } from "../../../lib/log/file.ts";
import { framer, timestamp } from "../../../lib/log/lines.ts";
import { type LogFormat, openLog } from "../../../lib/log/open.ts";
import type { Destination, Level } from "../../../lib/log/queue.ts";
import { datagram, syslogDestination, syslogMessage } from "../../../lib/log/syslog.ts";
import { parseLogTarget } from "../../../lib/log/target.ts";
import { identifyClient } from "../../../lib/identity/client.ts";
import type { PolicyRequest } from "../../../lib/protocol/codec.ts";
import { keptLog } from "../../support/log.ts";
import { atEnd, type Cleanup, tempDir } from "../../support/process.ts";
import { canMount } from "../../support/syslog.ts";

const mounting = { skip: canMount ? false : "a small file system needs CAP_SYS_ADMIN" };

/** Writes one line, said now. */
const say = (destination: Destination, line: string, level: Level = "info") =>
  destination.write([destination.frame(line, level, new Date())]);

function open(options: { threshold?: Level; format?: LogFormat } = {}) {
  const kept = keptLog((line, level) => `${level} ${line}`), clock = { now: 0 };
  const { log, flush } = openLog(kept.destination, {
    threshold: "info",
    format: "text",
    now: () => clock.now,
    ...options,
  });
  const flushed = async () => {
    await flush(5000);
    return kept.lines;
  };
  return { log, flush, flushed, kept, clock };
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
  log.decision({
    action: "greylist",
    reason: { kind: "early-retry", missing: 12 },
    request: mail(),
  });
  log.decision({
    action: "pass",
    reason: { kind: "triplet found" },
    delaySeconds: 301,
    request: mail(),
  });
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
  log.decision({ action: "pass", reason: { kind: "client whitelist" }, request: new Map() });
  log.decision({
    action: "greylist",
    reason: { kind: "new" },
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

test("the entry of a list that let a mail pass is one word, before what is ours", async () => {
  const { log, flushed } = open();
  const entry = "/etc/greylist/my m\u00fcnchen, action=greylist:12";
  log.decision({ action: "pass", reason: { kind: "sender whitelist" }, request: mail(), entry });
  assert.deepEqual(await flushed(), [
    "info action=pass, reason=sender whitelist, client_name=mx.example.org, " +
    "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com, " +
    "entry=/etc/greylist/my\\x20m\u00fcnchen\\x2c\\x20action\\x3dgreylist:12",
  ]);
});

test("values from outside stay one word on one line", async () => {
  const { log, flushed } = open();
  const sender = "x, action=pass\n\r\x1b[1m\xe2\x80\xae";
  log.decision({
    action: "greylist",
    reason: { kind: "new" },
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
  assert.match(
    lines[0] ?? "",
    / sender=x\\x2c\\x20action\\x3dpass\\x0a\\x0d\\x1b\[1m\\xe2\\x80\\xae, /,
  );
  assert.match(lines[0] ?? "", / client_name=\\xff, /);
});

test("every event has its level, and the threshold leaves out what is below", async () => {
  const say = (log: ReturnType<typeof open>["log"]) => {
    log.notAsked("not at RCPT", mail());
    log.idleTimeout("127.0.0.1:1");
    log.listening(["inet:127.0.0.1:10023", "unix:/x"], "memory");
    log.stopping("SIGTERM");
    log.stopped();
    log.metricsAt("inet:127.0.0.1:9323");
    log.connectionError("127.0.0.1:1", "reset");
    log.up("memcached:127.0.0.1:1", 1.6);
    log.reloaded("configuration");
    log.clientEarnedWhitelist(mail());
    log.dnsUp(12.4);
    log.correspondentsRefused("q7bQz");
    log.dnsDown();
    log.dnsListUnusable("bl.example", "it answered 192.0.2.1\naction=pass");
    log.tooManyConnections(10);
    log.fewDescriptors(1000, 400);
    log.protocolError("127.0.0.1:1", "nonsense");
    log.unreadableEntry("gl1:x");
    log.down("memcached:127.0.0.1:1", "refused");
    log.restartWanted(["listen", "mode"]);
    log.acceptError("inet:127.0.0.1:1", "EMFILE");
    log.noMetrics("inet:127.0.0.1:1", "EADDRINUSE");
    log.configurationProblem("a: want b");
    log.reloadRefused(["c: want d"]);
    log.internalError("thrown");
  };
  const expected: readonly [Level, string][] = [
    [
      "info",
      "nothing to decide: reason=not at RCPT, client_name=mx.example.org, " +
      "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com",
    ],
    ["debug", "closed 127.0.0.1:1: idle for too long"],
    ["info", "listening on inet:127.0.0.1:10023, unix:/x, with the state in memory"],
    ["info", "SIGTERM: finishing what is in flight"],
    ["info", "stopped"],
    ["info", "metrics are at inet:127.0.0.1:9323"],
    ["info", "lost 127.0.0.1:1: reset"],
    ["info", "store memcached:127.0.0.1:1 is usable again after 2 s"],
    ["info", "took the new configuration"],
    ["info", "whitelisted: mx.example.org[192.0.2.1]"],
    ["info", "DNS answers again after 12 s"],
    [
      "warning",
      "user q7bQz has written to many addresses: no more are learned in this hour",
    ],
    ["warning", "DNS does not answer: nobody waits for it any more"],
    ["warning", "the list bl.example is of no use: it answered 192.0.2.1 | action\\x3dpass"],
    ["warning", "refused a connection: all of max-connections (10) are at work"],
    ["warning", "max-connections is 400, not 1000: more would exceed the limit of open files"],
    ["warning", "closed 127.0.0.1:1: nonsense"],
    ["warning", "forgot an entry that could not be read: key=gl1:x"],
    ["warning", "store memcached:127.0.0.1:1 is not usable: refused"],
    ["warning", "only a restart changes listen, mode"],
    ["error", "Cannot accept on inet:127.0.0.1:1: EMFILE"],
    ["error", "Cannot serve metrics on inet:127.0.0.1:1: EADDRINUSE"],
    ["error", "a: want b"],
    ["error", "c: want d"],
    ["error", "what was read before stays in force"],
    ["error", "internal error, please report it: error=thrown"],
  ];
  const thresholds: readonly Level[] = ["debug", "info", "warning", "error"];
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
  log.decision({
    action: "pass",
    reason: { kind: "triplet found" },
    delaySeconds: 301,
    request: mail(),
  });
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

test("as JSON a decision also says who the client was taken for, and why", async () => {
  const client = identifyClient("mx1.example.org", "192.0.2.1");
  const record = { action: "greylist", reason: { kind: "new" }, request: mail(), client } as const;
  const { log, flushed } = open({ format: "json" });
  log.decision(record);
  const { identity, client_kind, client_is_generic, client_why } = JSON.parse(
    String((await flushed())[0]).replace(/^info /, ""),
  );
  assert.deepEqual(
    { identity, client_kind, client_is_generic, client_why },
    {
      identity: client?.identity,
      client_kind: client?.kind,
      client_is_generic: false,
      client_why: client?.reason,
    },
  );
  const text = open();
  text.log.decision(record);
  assert.match(String((await text.flushed())[0]), /recipient=bob@example.com$/);
});

test("in postgrey's format a decision ends with its recipient, and all else reads as in text", async () => {
  const { log, flushed } = open({ format: "postgrey" });
  log.decision({
    action: "pass",
    reason: { kind: "triplet found" },
    delaySeconds: 301,
    request: mail(),
    entry: "/list:1",
    suspicion: "generic name",
    id: "6789abcdef",
    store: "memory",
    problem: "none",
  });
  log.clientEarnedWhitelist(mail());
  log.unreadableEntry("gl1:x");
  assert.deepEqual(await flushed(), [
    "info action=pass, reason=triplet found, delay=301, client_name=mx.example.org, " +
    "client_address=192.0.2.1, sender=alice@example.org, recipient=bob@example.com",
    "info whitelisted: mx.example.org[192.0.2.1]",
    "warning forgot an entry that could not be read: key=gl1:x",
  ]);
});

test("in postgrey's format mail-in-a-box's reader finds each recipient, and only that", async () => {
  const { log, flushed } = open({ format: "postgrey" });
  const more = { entry: "/list:1", suspicion: "generic name", id: "6789abcdef", store: "memory" };
  log.decision({ action: "greylist", reason: { kind: "new" }, request: mail(), ...more });
  log.decision({
    action: "pass",
    reason: { kind: "triplet found" },
    delaySeconds: 301,
    request: mail(),
    ...more,
  });
  // Its management/mail_log.py has this pattern.
  const theirs =
    /^action=(greylist|pass), reason=(.*?), (?:delay=\d+, )?client_name=(.*), client_address=(.*), sender=(.*), recipient=(.*)/;
  const found = ["mx.example.org", "192.0.2.1", "alice@example.org", "bob@example.com"];
  assert.deepEqual(
    (await flushed()).map((line) => theirs.exec(line.replace("info ", ""))?.slice(1)),
    [["greylist", "new", ...found], ["pass", "triplet found", ...found]],
  );
});

test("why mail was not asked about is told once a minute for each reason, with what was left out", async () => {
  const { log, flushed, clock } = open();
  const told = async () =>
    (await flushed()).splice(0).map((line) =>
      /^info nothing to decide: reason=(.*?), .*?sender=(\w+)@.*?(omitted=\d+)?$/.exec(line)?.slice(
        1,
      )
    );
  log.notAsked("not at RCPT", mail({ sender: "a@x" }));
  log.notAsked("authenticated client", mail({ sender: "b@x" }));
  for (let n = 0; n < 9; n++) log.notAsked("authenticated client", mail({ sender: "c@x" }));
  assert.deepEqual(await told(), [
    ["not at RCPT", "a", undefined],
    ["authenticated client", "b", undefined],
  ]);
  clock.now = 59_999;
  log.notAsked("authenticated client", mail({ sender: "d@x" }));
  assert.deepEqual(await told(), []);
  clock.now = 60_000;
  log.notAsked("not at RCPT", mail({ sender: "e@x" }));
  log.notAsked("authenticated client", mail({ sender: "f@x" }));
  assert.deepEqual(await told(), [
    ["not at RCPT", "e", undefined],
    ["authenticated client", "f", "omitted=10"],
  ]);
  for (const state of ["VRFY", "ETRN"]) {
    clock.now += 60_000;
    log.notAsked("not at RCPT", mail({ protocol_state: state }));
  }
  assert.deepEqual(await told(), [], "there is no mail then");
  const { log: loud, flushed: all } = open({ threshold: "debug" });
  for (let n = 0; n < 3; n++) loud.notAsked("not at RCPT", mail());
  assert.deepEqual((await all()).map((line) => line.split(" ")[0]), ["info", "debug", "debug"]);
});

test("a syslog message is as glibc writes it: facility mail, local time, no host", () => {
  const at = new Date(2026, 1, 3, 4, 5, 6);
  const text = (level: Parameters<typeof syslogMessage>[1], line = "line") =>
    syslogMessage(line, level, "greylist", 42, at);
  assert.equal(text("info"), "<22>Feb  3 04:05:06 greylist[42]: line");
  assert.equal(text("error").slice(0, 4), "<19>");
  assert.equal(text("warning").slice(0, 4), "<20>");
  assert.equal(text("debug").slice(0, 4), "<23>");
  assert.equal(text("info", "caf\u00e9"), "<22>Feb  3 04:05:06 greylist[42]: caf\u00e9");
  assert.equal(datagram(text("info", "\u00e9".repeat(20_000))).length, 8000);
  assert.equal(Buffer.from(datagram("caf\u00e9")).toString(), "caf\u00e9");
});

test("syslog where nobody listens, or where there are no such sockets, rejects", async (t) => {
  const destination = syslogDestination(path.join(tempDir(t), "log"), "greylist", 42);
  await assert.rejects(say(destination, "line"));
  await assert.rejects(say(destination, "line"));
  destination.close();
});

test("a file is appended to, stamped or not, and readable to its group at most", async (t) => {
  const file = path.join(tempDir(t), "log");
  fs.writeFileSync(file, "before\n");
  const plain = fileDestination(file, framer(undefined), () => 0);
  await say(plain, "line");
  plain.close();
  const stamped = fileDestination(file, framer("greylist"), () => 0);
  await say(stamped, "caf\u00e9");
  stamped.close();
  assert.match(
    fs.readFileSync(file, "utf8"),
    new RegExp(`^before\\nline\\n\\S+ greylist\\[${process.pid}\\]: caf\u00e9\\n$`),
  );
  fs.rmSync(file);
  const made = fileDestination(file, framer(undefined), () => 0);
  await say(made, "line");
  made.close();
  assert.equal(fs.statSync(file).mode & 0o137, 0);
});

test("a file is opened at the first line, and looked at anew once a second", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "log"), old = path.join(dir, "log.1");
  let now = 0;
  const destination = fileDestination(file, framer(undefined), () => now);
  assert.equal(fs.existsSync(file), false);
  await say(destination, "1");
  fs.renameSync(file, old);
  now += 999;
  await say(destination, "2");
  assert.equal(fs.existsSync(file), false);
  now += 1;
  await say(destination, "3");
  fs.rmSync(file);
  fs.writeFileSync(file, "rotated\n");
  now += 1000;
  await say(destination, "4");
  destination.close();
  assert.equal(fs.readFileSync(old, "latin1"), "1\n2\n");
  assert.equal(fs.readFileSync(file, "latin1"), "rotated\n4\n");
});

test("a file that cannot be opened rejects, and is tried again with every line", async (t) => {
  const file = path.join(tempDir(t), "missing", "log");
  const destination = fileDestination(file, framer(undefined), () => 0);
  await assert.rejects(say(destination, "1"), { code: "ENOENT" });
  await assert.rejects(say(destination, "2"), { code: "ENOENT" });
  fs.mkdirSync(path.dirname(file));
  await say(destination, "3");
  destination.close();
  assert.equal(fs.readFileSync(file, "latin1"), "3\n");
});

test("what is no regular file any more is not opened when the log is looked at anew", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "log");
  let now = 0;
  const destination = fileDestination(file, framer(undefined), () => now);
  await say(destination, "1");
  for (const make of [["mkfifo", file], ["mkdir", file], ["ln", "-s", "/dev/null", file]]) {
    fs.rmSync(file, { recursive: true });
    execFileSync(make[0] ?? "", make.slice(1));
    now += 1000;
    await assert.rejects(say(destination, "2"), /a log has to be a regular file/);
  }
  fs.rmSync(file);
  await say(destination, "3");
  destination.close();
  assert.equal(fs.readFileSync(file, "latin1"), "3\n");
});

/** A folder with room for some bytes. */
function smallFolder(t: Cleanup, bytes: number): string {
  const dir = tempDir(t);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", dir]);
  atEnd(t, () => void execFileSync("umount", ["--lazy", dir]));
  return dir;
}

test("a full disk has whole lines only, and so it has with room again", mounting, async (t) => {
  const dir = smallFolder(t, 16_384),
    file = path.join(dir, "log"),
    ballast = path.join(dir, "ballast");
  fs.writeFileSync(ballast, "x".repeat(8192));
  const destination = fileDestination(file, framer(undefined), () => 0);
  const line = (n: number) => `${n}:${"x".repeat(997)}`;
  const frames = Array.from(
    { length: 30 },
    (_, n) => destination.frame(line(n), "info", new Date()),
  );
  const taken = await destination.write(frames);
  assert.ok(taken >= 3 && taken < 30, `${taken}`);
  await assert.rejects(destination.write(frames.slice(taken)), { code: "ENOSPC" });
  const expected = Array.from({ length: taken }, (_, n) => `${line(n)}\n`).join("");
  assert.equal(fs.readFileSync(file, "latin1"), expected);
  fs.rmSync(ballast);
  assert.equal(await destination.write(frames.slice(taken, taken + 1)), 1);
  destination.close();
  assert.equal(fs.readFileSync(file, "latin1"), `${expected}${line(taken)}\n`);
});

test("half a line that cannot be taken back is not continued", mounting, async (t) => {
  const dir = smallFolder(t, 16_384),
    file = path.join(dir, "log"),
    ballast = path.join(dir, "ballast");
  fs.writeFileSync(ballast, "x".repeat(12_288));
  const destination = fileDestination(file, framer(undefined), () => 0);
  await say(destination, "x".repeat(1000));
  // What is at the path is another file by now: the one that is open cannot be looked at.
  fs.renameSync(file, `${file}.1`);
  fs.symlinkSync("/dev/null", file);
  await assert.rejects(say(destination, "y".repeat(4000)), { code: "ENOSPC" });
  fs.rmSync(ballast);
  await say(destination, "z");
  destination.close();
  assert.match(fs.readFileSync(`${file}.1`, "latin1"), /^x{1000}\ny+\nz\n$/);
});

test("a stamp is the time, our name, and the process", () => {
  const at = new Date(2026, 0, 31, 12, 0, 0);
  const stamp = new RegExp(
    `^2026-01-31T12:00:00[+-]\\d\\d:\\d\\d greylist\\[${process.pid}\\]: line\\n$`,
  );
  assert.match(framer("greylist")("line", "info", at), stamp);
  assert.equal(framer(undefined)("line", "info", at), "line\n");
});

test("a time stamp is local time with its zone", () => {
  const at = new Date(2026, 0, 31, 23, 59, 58);
  const stamp = timestamp(at);
  assert.match(stamp, /^2026-01-31T23:59:58[+-]\d\d:\d\d$/);
  assert.equal(Date.parse(stamp), at.getTime());
});

test("a log setting is a word, or a word and an absolute path", () => {
  assert.deepEqual(parseLogTarget("syslog"), { kind: "syslog", path: "/dev/log" });
  assert.deepEqual(parseLogTarget("syslog:/run/log"), { kind: "syslog", path: "/run/log" });
  assert.deepEqual(parseLogTarget("file:/var/log/x"), { kind: "file", path: "/var/log/x" });
  assert.deepEqual(parseLogTarget("stderr"), { kind: "stderr" });
  assert.deepEqual(parseLogTarget("none"), { kind: "none" });
  for (const text of ["", "file", "file:", "file:relative", "syslog:", "stdout", "Stderr"]) {
    assert.throws(() => parseLogTarget(text), RangeError, text);
  }
});

test("without a destination nothing is put into words", async () => {
  const none = await openDestination({ kind: "none" }, {
    json: false,
    ident: "greylist",
    journalStream: undefined,
  });
  assert.equal(none, undefined);
  const { log, close } = openLog(none, { threshold: "debug", format: "text", now: () => 0 });
  const request = { get: () => assert.fail("looked at"), [Symbol.iterator]: () => assert.fail() };
  log.decision({ action: "pass", reason: { kind: "triplet found" }, request });
  log.stopped();
  await close(0);
});

test("a probe that names no client is of interest at level debug only", async () => {
  const { log, flushed } = open();
  const probe = new Map([["request", "smtpd_access_policy"], ["protocol_state", "CONNECT"]]);
  log.notAsked("not at RCPT", probe);
  log.notAsked("not at RCPT", mail({ protocol_state: "CONNECT" }));
  const lines = await flushed();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /client_address=192\.0\.2\.1/);
});
