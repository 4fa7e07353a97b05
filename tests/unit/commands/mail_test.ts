/** Which mail a line of the log is about. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { partsOf } from "../../../lib/commands/mail.ts";
import { readPostfixLine } from "../../../lib/log/postfix_line.ts";

const decision =
  "action=greylist, reason=new, client_name=mx.example.org, client_address=192.0.2.1, " +
  "sender=a\\x2cb@example.org, recipient=robin@example.com, id=mV3xT0aQ9c, store=memcached";

test("a decision names its mail, with the bytes that its escapes stand for", () => {
  const mail = {
    client: "192.0.2.1",
    clientName: "mx.example.org",
    sender: "a,b@example.org",
    recipient: "robin@example.com",
    id: "mV3xT0aQ9c",
  };
  assert.deepEqual(partsOf(decision), mail);
  assert.deepEqual(partsOf(`Nov 26 10:00:00 mail greylist[12]: ${decision}`), mail);
});

test("a decision about the null sender, and one without a name, are about these", () => {
  const line = "action=pass, reason=new, client_address=192.0.2.1, recipient=robin@example.com";
  assert.deepEqual([partsOf(line)?.sender, partsOf(line)?.clientName], ["", "unknown"]);
});

const refused = (from: string, to: string) =>
  "2026-11-26T10:00:00.1+00:00 mail postfix/smtpd[4711]: NOQUEUE: reject: RCPT from " +
  `mx.example.org[2001:db8::1]: 450 4.2.0 <${to}>: Recipient address rejected: Greylisted; ` +
  `from=<${from}> to=<${to}> proto=ESMTP helo=<mx.example.org>`;

test("Postfix's own line names it, too, with its HELO", () => {
  assert.deepEqual(partsOf(refused("a@example.org", "robin@example.com")), {
    client: "2001:db8::1",
    clientName: "mx.example.org",
    sender: "a@example.org",
    recipient: "robin@example.com",
    helo: "mx.example.org",
    reply: "450 4.2.0 <robin@example.com>: Recipient address rejected: Greylisted",
  });
  assert.equal(partsOf(refused("", "robin@example.com"))?.sender, "");
});

test("quotes that SMTP wants around a local part are none of the address", () => {
  assert.equal(readPostfixLine(refused('"a \\"b"@example.org', "r@x"))?.sender, 'a "b@example.org');
  assert.equal(readPostfixLine(refused('"a"b"@example.org', "r@x"))?.sender, '"a"b"@example.org');
});

test("lines about no mail name none", () => {
  for (
    const line of [
      "",
      "{",
      "stopped",
      "Nov 26 10:00:00 mail postfix/smtpd[1]: connect from x[192.0.2.1]",
    ]
  ) {
    assert.equal(partsOf(line), undefined, line);
  }
});

test("whatever a line has in it, reading it ends without an exception", () => {
  const bytes = fc.array(
    fc.oneof(
      fc.constantFrom(
        decision,
        refused("a@b", "c@d"),
        ": reject: RCPT from ",
        "; from=<",
        "> to=<",
        "\\x",
        "{",
      ),
      fc.array(fc.nat(255), { maxLength: 5 }).map((list) => String.fromCharCode(...list)),
    ),
    { maxLength: 8 },
  ).map((pieces) => pieces.join(""));
  fc.assert(fc.property(bytes, (line) => void partsOf(line)), { numRuns: 200 });
});

test("a line of 64 KiB that nearly is one of Postfix's is read in no time", () => {
  const line = refused("; from=<".repeat(4000), "> to=<".repeat(4000)).slice(0, -1);
  const began = performance.now();
  partsOf(line);
  assert.ok(performance.now() - began < 2000);
});
