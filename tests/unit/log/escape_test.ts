import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeForLog, escapeText, fieldNames, unescapeLog } from "../../../lib/log/escape.ts";

/** Text as its UTF-8 bytes, one character a byte. */
const bytesOf = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));

/** The bytes that an escaped value was made of. */
const unescape = (escaped: string) => unescapeLog(bytesOf(escaped));

test("printable text stays as it is, in any script", () => {
  for (const text of ["a@example.org", "jürgen@bücher.example", "用户@例子.example", "a=b'\"<>"]) {
    assert.equal(escapeForLog(bytesOf(text)), text);
  }
});

test("senders that are full of = stay readable", () => {
  for (
    const sender of [
      "SRS0=hash=tt=dom=user@example.net",
      "SRS1=hash=first.example==hash=tt=dom=user@example.net",
      "bounce+x=user=example.org@lists.example",
      "prvs=1234abcdef=alice@example.org",
      "msprvs1=19876abc=bounces-1-2@example.org",
      "btv1==0123456789a==alice@example.org",
    ]
  ) {
    assert.equal(escapeForLog(sender), sender);
  }
});

test("blanks, controls, direction marks and bytes that are no UTF-8 become \\xHH", () => {
  const cases: [string, string][] = [
    ["a b", "a\\x20b"],
    ["a\tb\x1b[2J\x7f", "a\\x09b\\x1b[2J\\x7f"],
    [bytesOf("a\u202eb"), "a\\xe2\\x80\\xaeb"],
    [bytesOf("\u2028\u0085\u00a0"), "\\xe2\\x80\\xa8\\xc2\\x85\\xc2\\xa0"],
    ["caf\xe9", "caf\\xe9"],
    ["\xc3\xa9\xff", "\\xc3\\xa9\\xff"],
    ["\xef\xbb\xbfa", "\\xef\\xbb\\xbfa"],
    ["a\\x20b", "a\\\\x20b"],
  ];
  for (const [bytes, escaped] of cases) assert.equal(escapeForLog(bytes), escaped);
});

test("what looks like a blank, or like nothing, is one", () => {
  const blanks = "\u3164\u2800\u115f\u1160\uffa0\u034f\u17b4\u180b\u180e\u200b\u2064\ufe0f\ufffc" +
    "\u{13441}\u{16fe4}\u{1d159}\u{e0100}\u00ad\u3000\u1680\u2d7f";
  for (const blank of blanks) {
    const escaped = escapeForLog(bytesOf(`a${blank}b`));
    assert.match(escaped, /^a(?:\\x[0-9a-f]{2})+b$/, `U+${blank.codePointAt(0)?.toString(16)}`);
  }
});

test("a sender that writes fields of ours writes none", () => {
  const cases: [string, string][] = [
    ["x,action=pass,reason=y", "x\\x2caction\\x3dpass\\x2creason\\x3dy"],
    ["Action=pass@example.org", "Action\\x3dpass@example.org"],
    ["client_name=", "client_name\\x3d"],
    ["reaction=pass", "reaction\\x3dpass"],
    ["action==pass", "action\\x3d=pass"],
    // The last digits of an escape and the letters behind it.
    ["\xde" + "lay=1", "\\xdelay\\x3d1"],
    [bytesOf("\u202ction=pass"), "\\xe2\\x80\\xaction\\x3dpass"],
  ];
  for (const [bytes, escaped] of cases) {
    assert.equal(escapeForLog(bytes), escaped);
    assert.equal(unescape(escaped), bytes);
  }
  assert.equal(
    escapeText("says ERROR, action=pass, x=1\r\nSENDER=y"),
    "says ERROR, action\\x3dpass, x=1 | SENDER\\x3dy",
  );
});

/** Byte strings that are likely to do harm: pieces of fields, separators, blanks, halves of characters. */
const hostile = fc.array(fc.oneof(
  fc.constantFrom(...fieldNames),
  fc.constantFrom("=", ", ", ",", " ", "\\", "x", "\\x3d", "\n", bytesOf("\u3164"), "pass"),
  fc.constantFrom("\xde", "lay", "\xac", "tion", "\xe2\x80\xac", "acti", "\xe2\x80", "on"),
  fc.string({ unit: "binary", maxLength: 3 }).map((text) => bytesOf(text.toWellFormed())),
  fc.array(fc.nat(255), { maxLength: 3 }).map((list) => String.fromCharCode(...list)),
)).map((pieces) => pieces.join(""));

test("whatever the bytes, the result is one word on one line, and the bytes can be had back", () => {
  const blank = /[\p{C}\p{Z}\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800,]/u;
  fc.assert(
    fc.property(hostile, (original) => {
      const escaped = escapeForLog(original);
      assert.doesNotMatch(escaped, blank);
      assert.equal(unescape(escaped), original);
    }),
    { numRuns: 2000 },
  );
});

test("whatever the values, a line has our fields and no other, for who splits it and for grep", () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (client, sender, problem) => {
      const line = `action=greylist, client_name=${escapeForLog(client)}, ` +
        `sender=${escapeForLog(sender)}, problem=${escapeText(problem)}`;
      const names = ["action", "client_name", "sender", "problem"];
      const split = [...line.matchAll(/(?:^|, )([^=]*?)=/g)].map(([, name]) => name);
      assert.deepEqual(split.filter((name) => fieldNames.some((ours) => ours === name)), names);
      for (const name of fieldNames) {
        const found = line.match(new RegExp(`${name}=`, "gi")) ?? [];
        assert.equal(found.length, names.includes(name) ? 1 : 0, `${name}: ${line}`);
      }
    }),
    { numRuns: 2000 },
  );
});
