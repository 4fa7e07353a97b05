import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  dateForHeader,
  deferralTemplate,
  domainForReply,
  headerTemplate,
  macroHelp,
} from "../../../lib/protocol/reply.ts";

const values = { s: "299", r: "example.com", v: "1.2.3", h: "mail.example.com" };

test("macros are filled in once, and %% is a percent sign", () => {
  const fill = deferralTemplate("DEFER_IF_PERMIT", "wait %s s, see http://%r/%v/%h 100%%s");
  assert.equal(
    fill({ ...values, r: "%s" }),
    "wait 299 s, see http://%s/1.2.3/mail.example.com 100%s",
  );
});

test("a text that Postfix would take wrongly is refused before it is used", () => {
  for (
    const text of [
      "",
      " ",
      " later",
      "later\n\naction=OK",
      "caf\u00e9",
      "x".repeat(511),
      "%x",
      "50%",
    ]
  ) {
    assert.throws(
      () => deferralTemplate("DEFER_IF_PERMIT", text),
      RangeError,
      JSON.stringify(text),
    );
  }
  assert.throws(() => deferralTemplate("OK", "fine"), RangeError);
  assert.throws(() => deferralTemplate("DEFER_IF_PERMIT", "450 4.2.0 later"), RangeError);
});

test("a text that is too long only once its macros are filled in is refused too", () => {
  assert.throws(() => deferralTemplate("450", "%r%r!"), /longer than 510 bytes/);
});

test("a header is a field name, a colon, and a value", () => {
  const fill = headerTemplate("X-Greylist: delayed %t seconds by greylist-%v at %h; %d");
  const date = dateForHeader(1_700_000_000);
  assert.equal(
    fill({ t: "301", v: "1", h: "h", d: date }),
    "X-Greylist: delayed 301 seconds by greylist-1 at h; Tue, 14 Nov 2023 22:13:20 +0000",
  );
  for (
    const text of ["X-Greylist", "X Greylist: x", ": x", "X-Greylist:", "A: b\r\nB: c", "A: %s"]
  ) {
    assert.throws(() => headerTemplate(text), RangeError, text);
  }
});

test("only what looks like a domain gets from a recipient into a reply", () => {
  assert.equal(domainForReply("a@b@Example.COM"), "Example.COM");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (recipient) => {
    assert.match(domainForReply(recipient), /^[A-Za-z0-9.-]+$/);
  }));
});

test("the help names every macro of a text, and no other", () => {
  for (const [kind, read] of [["text", readText], ["header", readHeader]] as const) {
    const named: readonly string[] = macroHelp(kind).match(/%[a-z]/g) ?? [];
    for (const letter of "abcdefghijklmnopqrstuvwxyz") {
      const isNamed = named.includes(`%${letter}`);
      const reading = () => read(`%${letter}`);
      if (isNamed) assert.doesNotThrow(reading, letter);
      else assert.throws(reading, RangeError, letter);
    }
  }
});

const readText = (text: string) => deferralTemplate("DEFER", text);
const readHeader = (text: string) => headerTemplate(`X-Waited: ${text}`);
