import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeForLog } from "../lib/log/escape.ts";

/** Text as its UTF-8 bytes, one character a byte. */
const bytesOf = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));

test("printable text stays as it is, in any script", () => {
  for (const text of ["a@example.org", "jürgen@bücher.example", "用户@例子.example", "a=b'\"<>"]) {
    assert.equal(escapeForLog(bytesOf(text)), text);
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

test("whatever the bytes, the result is one word on one line, and the bytes can be had back", () => {
  const bytes = fc.array(fc.nat(255)).map((list) => String.fromCharCode(...list));
  fc.assert(fc.property(bytes, (original) => {
    const escaped = escapeForLog(original);
    assert.doesNotMatch(escaped, /[\p{C}\p{Z}]/u);
    const back = escaped.replace(
      /\\x([0-9a-f]{2})|\\\\|[^\\]/gu,
      (whole, hex) =>
        hex !== undefined
          ? String.fromCharCode(parseInt(hex, 16))
          : whole === "\\\\"
          ? "\\"
          : bytesOf(whole),
    );
    assert.equal(back, original);
  }));
});
