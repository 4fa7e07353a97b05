import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldNames } from "../../../lib/log/escape.ts";
import { bytesOf, readLine } from "../../../lib/log/line.ts";
import { framer } from "../../../lib/log/lines.ts";
import type { DecisionRecord } from "../../../lib/log/log.ts";
import { type Reason, reasonInWords } from "../../../lib/log/reasons.ts";
import { openLog } from "../../../lib/log/open.ts";
import type { Level } from "../../../lib/log/queue.ts";
import { type Stamp, timeOf } from "../../../lib/log/stamp.ts";
import { syslogMessage } from "../../../lib/log/syslog.ts";
import { keptLog } from "../../support/log.ts";

/** Byte strings that are likely to do harm. */
const hostile = fc.array(fc.oneof(
  fc.constantFrom(...fieldNames, "action=pass", ", sender=", "\xde", "lay=", "\xac", "tion"),
  fc.constantFrom("=", ", ", ": ", " ", "\\", "\\x3d", "\n", "\r", "\0", "{", '"', "[1]:", "<1>"),
  fc.string({ unit: "binary", maxLength: 3 }).map((text) => bytesOf(text.toWellFormed())),
  fc.array(fc.nat(255), { maxLength: 3 }).map((list) => String.fromCharCode(...list)),
)).map((pieces) => pieces.join(""));

const reasons: fc.Arbitrary<Reason> = fc.constantFrom(
  { kind: "new" },
  { kind: "early-retry", missing: 12 },
  { kind: "sender whitelist (SPF)" },
);

const records: fc.Arbitrary<DecisionRecord> = fc.record({
  action: fc.constantFrom("greylist" as const, "pass" as const),
  reason: reasons,
  delaySeconds: fc.option(fc.nat(), { nil: undefined }),
  request: fc.dictionary(
    fc.constantFrom("client_name", "client_address", "sender", "recipient"),
    hostile,
  ).map((attributes) => new Map(Object.entries(attributes))),
  entry: fc.constantFrom(undefined, "/etc/gr\u00fcn, action=pass:12"),
  suspicion: fc.constantFrom(undefined, "DNSBL (bl.example)"),
  id: fc.constantFrom("6789abcdef", "q7bQz"),
  store: fc.constantFrom("memory", "memcached"),
  problem: fc.constantFrom("refused", "memcached:[::1]:1 says ERROR, x=1"),
});

/** What the reader is to give for a decision. */
function fieldsOf({ delaySeconds, request, entry, reason, ...record }: DecisionRecord) {
  const fields = { ...record, reason: reasonInWords(reason), ...Object.fromEntries(request) };
  const all = { ...fields, delay: delaySeconds?.toString(), entry: entry && bytesOf(entry) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value));
}

type Frame = (line: string, level: Level) => string;

/** The line as a log has it, in bytes. */
async function written(
  record: DecisionRecord,
  format: "text" | "json",
  frame: Frame,
): Promise<string> {
  const kept = keptLog(frame);
  const options = { threshold: "info", format, now: () => 0 } as const;
  const { log, flush } = openLog(kept.destination, options);
  log.decision(record);
  await flush(5000);
  return bytesOf(kept.lines[0]?.trimEnd() ?? "");
}

const at = new Date(2026, 10, 6, 9, 8, 7);
const stamped = framer("greylist"), bare = framer(undefined);
const syslog: Frame = (line, level) => syslogMessage(line, level, "greylist", 12, at);
const collected: Frame = (line, level) =>
  syslog(line, level).replace(/^<\d+>(.{15}) /, "$1 mail.example ");
const journal: Frame = (line) =>
  JSON.stringify({
    __REALTIME_TIMESTAMP: String(at.getTime() * 1000),
    SYSLOG_IDENTIFIER: "greylist",
    MESSAGE: line,
  });
const journalOfBytes: Frame = (line) =>
  JSON.stringify({ MESSAGE: [...new TextEncoder().encode(line)], _PID: "1" });

const forms: readonly (readonly [string, "text" | "json", Frame])[] = [
  ["a file", "text", (line) => stamped(line, "info", at)],
  ["standard error under the journal", "text", (line) => bare(line, "info", at)],
  ["a datagram to syslog", "text", syslog],
  ["a file that syslog writes", "text", collected],
  ["journalctl -o json", "text", journal],
  ["journalctl -o json, taken for binary", "text", journalOfBytes],
  ["JSON", "json", (line) => bare(line, "info", at)],
  ["JSON in a file that syslog writes", "json", collected],
  ["JSON in journalctl -o json", "json", journal],
];

for (const [name, format, frame] of forms) {
  test(`whatever the values, a decision is read back from ${name} as it was`, async () => {
    await fc.assert(
      fc.asyncProperty(records, async (record) => {
        const event = readLine(await written(record, format, frame));
        assert.deepEqual(event?.fields, fieldsOf(record));
        assert.equal(event?.text, "");
      }),
      { numRuns: 100 },
    );
  });
}

test("a line tells who says it and when, in both styles and in the journal's", () => {
  const seconds = at.getTime() / 1000, latest = seconds + 60;
  const utc = Date.UTC(2026, 10, 6, 8, 8, 7) / 1000;
  const cases: [string, string | undefined, number | undefined][] = [
    ["Nov  6 09:08:07 mail greylist[12]: action=pass", "greylist", seconds],
    ["Nov 06 09:08:07 greylist[12]: action=pass", "greylist", seconds],
    ["<22>Nov  6 09:08:07 postgrey: action=pass", "postgrey", seconds],
    ["Nov  6 09:08:07 mail mail.info postgrey[1]: 4F3A2B1C: action=pass", "postgrey", seconds],
    ["2026-11-06T09:08:07.5+01:00 mail greylist[12]: action=pass", "greylist", utc + 0.5],
    ["2026-11-06T09:08:07-0130 greylist[12]: action=pass", "greylist", utc + 9000],
    ["2026-11-06T08:08:07.123456789Z action=pass", undefined, utc + 0.123456789],
    ["action=pass", undefined, undefined],
    [
      '{"@timestamp":"2026-11-06T08:08:07.250Z","message":"","logger":"x","action":"pass"}',
      "x",
      utc + 0.25,
    ],
    [
      `{"__REALTIME_TIMESTAMP":"${utc}250000","SYSLOG_IDENTIFIER":"y","MESSAGE":"action=pass"}`,
      "y",
      utc + 0.25,
    ],
  ];
  for (const [line, ident, time] of cases) {
    const event = readLine(line);
    assert.equal(event?.ident, ident, line);
    const said = event?.stamp === undefined ? undefined : timeOf(event.stamp, latest);
    assert.equal(said, time, line);
    assert.deepEqual(event?.fields, { action: "pass" }, line);
  }
});

test("what is no time is none, and the line is still read", () => {
  const lines = ["Nov 31 09:08:07", "Foo  1 09:08:07", "Nov  1 24:00:00", "2026-02-29T00:00:00Z"];
  for (const stamp of [...lines, "2026-13-01T00:00:00Z", "2026-01-01T00:60:00Z"]) {
    assert.equal(readLine(`${stamp} mail greylist[1]: action=pass`)?.stamp, undefined, stamp);
  }
});

test("a time without a year is in the latest year that has it and is not too late", () => {
  const stampOf = (line: string) => readLine(line)?.stamp as Stamp;
  const local = (...parts: [number, number, number, number?]) =>
    new Date(...parts).getTime() / 1000;
  const cases: [string, number, number][] = [
    ["Dec 31 23:59:59", local(2027, 0, 1), new Date(2026, 11, 31, 23, 59, 59).getTime() / 1000],
    ["Jan  1 00:00:00", local(2027, 0, 1), local(2027, 0, 1)],
    ["Jan  1 00:00:01", local(2027, 0, 1), new Date(2026, 0, 1, 0, 0, 1).getTime() / 1000],
    ["Feb 29 12:00:00", local(2028, 2, 1), local(2028, 1, 29, 12)],
    ["Feb 29 12:00:00", local(2027, 2, 1), local(2024, 1, 29, 12)],
    ["Feb 29 12:00:00", local(1904, 0, 1), local(1896, 1, 29, 12)],
  ];
  for (const [line, latest, time] of cases) assert.equal(timeOf(stampOf(line), latest), time, line);
});

test("postgrey's lines are read, though it escapes nothing", () => {
  const cases: [string, Record<string, string>][] = [
    [
      "action=greylist, reason=early-retry (12s missing), client_name=mx.example.org, " +
      "client_address=192.0.2.1, sender=a@example.org, recipient=b@example.com",
      {
        action: "greylist",
        reason: "early-retry (12s missing)",
        client_name: "mx.example.org",
        client_address: "192.0.2.1",
        sender: "a@example.org",
        recipient: "b@example.com",
      },
    ],
    [
      'action=greylist, reason=new, sender="x, action=pass, delay=1"@e.org, recipient=b@e.com',
      {
        action: "greylist",
        reason: "new",
        sender: '"x, action=pass, delay=1"@e.org',
        recipient: "b@e.com",
      },
    ],
    [
      "action=pass, reason=triplet found, delay=312, recipient=b@e.com",
      { action: "pass", reason: "triplet found", delay: "312", recipient: "b@e.com" },
    ],
  ];
  for (const [body, fields] of cases) {
    assert.deepEqual(readLine(`Nov  6 09:08:07 mail postgrey[1]: ${body}`)?.fields, fields);
  }
});

test("a text is told from its fields", () => {
  const cases: [string, string, Record<string, string>][] = [
    ["log lines were lost: lines=3", "log lines were lost", { lines: "3" }],
    ["store memcached is not usable: refused", "store memcached is not usable: refused", {}],
    ["whitelisted: mx.example.org[192.0.2.1]", "whitelisted: mx.example.org[192.0.2.1]", {}],
    [
      "nothing to decide: reason=not at RCPT, sender=a\\x2cb, omitted=3",
      "nothing to decide",
      { reason: "not at RCPT", sender: "a,b", omitted: "3" },
    ],
  ];
  for (const [body, text, fields] of cases) {
    for (const line of [body, `Nov  6 09:08:07 mail greylist[1]: ${body}`]) {
      assert.deepEqual(readLine(line)?.text, text);
      assert.deepEqual(readLine(line)?.fields, fields);
    }
  }
});

test("what another program quotes is no decision", () => {
  const quoted = "action=pass, reason=triplet found, delay=1";
  for (
    const line of [
      `Nov  6 09:08:07 mail postfix/smtpd[1]: warning: ${quoted}`,
      `Nov  6 09:08:07 mail postfix/smtpd[1]: NOQUEUE: reject: from=<greylist[1]: ${quoted}>`,
      `postfix/smtpd[1]: warning: postgrey[1]: ${quoted}`,
      `Nov  6 09:08:07 mail postfix/cleanup[1]: 4F3A2B1C: message-id=<${quoted}>`,
    ]
  ) {
    const { ident, text } = readLine(line) ?? {};
    assert.ok(ident?.startsWith("postfix/") && text !== "", line);
  }
});

test("a time beyond all dates is none", () => {
  for (const time of ["1e300", 1e19, "-1e300", "Infinity"]) {
    const line = { MESSAGE: "action=pass, reason=new", __REALTIME_TIMESTAMP: time };
    assert.equal(readLine(JSON.stringify(line))?.stamp, undefined);
  }
});

test("an object in the journal's JSON where a number has to be is none, and throws nothing", () => {
  const hostile = { toString: 1, valueOf: 1 };
  for (
    const line of [
      { MESSAGE: [hostile, 65], x: "action=" },
      { MESSAGE: "action=pass, reason=new", __REALTIME_TIMESTAMP: hostile },
    ]
  ) {
    const text = JSON.stringify(line);
    assert.doesNotThrow(() => readLine(text));
    assert.doesNotThrow(() => readLine(`host prog[1]: ${text}`));
  }
});

test("whatever a line is, reading it ends soon and throws nothing", () => {
  const million = 1_000_000;
  for (
    const line of [
      "a".repeat(million),
      ", ".repeat(million),
      `action=${", a=".repeat(million / 4)}`,
      `action=${", ".repeat(million / 2)}=`,
      " ".repeat(million),
      "[1]: ".repeat(million / 5),
      ": ".repeat(million / 2),
      "\0".repeat(million),
      "{".repeat(million),
      `{"MESSAGE":null}`,
      `{"MESSAGE":[${"1,".repeat(million / 2)}300,"x"]}`,
      `{"message":7}`,
      "{}",
      "[]",
      "",
    ]
  ) {
    const began = performance.now();
    readLine(line);
    assert.ok(performance.now() - began < 5000, line.slice(0, 20));
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), hostile, (text, bytes) => {
    readLine(bytesOf(text.toWellFormed()));
    readLine(bytes);
    readLine(`{"MESSAGE":${bytes}}`);
  }));
});
