import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DumpReader } from "../../../lib/moves/db_dump.ts";

const head = ["VERSION=3", "format=print", "type=btree", "db_pagesize=4096", "HEADER=END"];

/** All that comes of lines, and how it ends. */
function read(lines: readonly (string | undefined)[]) {
  const reader = new DumpReader();
  const found = lines.map((line) => reader.take(line)).filter((one) => one !== undefined);
  reader.end();
  return found;
}

test("a dump gives its entries, each with the line of its key", () => {
  assert.deepEqual(read([...head, " a", " 1", " b\\5cc\\\\\\0a", " ", "DATA=END"]), [
    { key: "a", value: "1", line: 6 },
    { key: "b\\c\\\n", value: "", line: 8 },
  ]);
});

test("dumps may follow each other, and be of bytes", () => {
  const bytes = ["VERSION=3", "format=bytevalue", "HEADER=END", " 61ff", " 31", "DATA=END"];
  assert.deepEqual(read([...head, " a", " 1", "DATA=END", ...bytes]), [
    { key: "a", value: "1", line: 6 },
    { key: "a\xff", value: "1", line: 12 },
  ]);
});

test("what db_dump writes of any bytes comes back", () => {
  const written = (bytes: string) =>
    " " + bytes.replace(/[^ -~]|\\/g, (byte) => {
      return byte === "\\" ? "\\\\" : `\\${byte.charCodeAt(0).toString(16).padStart(2, "0")}`;
    });
  const bytes = fc.array(fc.nat(255)).map((codes) => String.fromCharCode(...codes));
  fc.assert(fc.property(bytes, bytes, (key, value) => {
    const found = read([...head, written(key), written(value), "DATA=END"]);
    assert.deepEqual(found, [{ key, value, line: 6 }]);
  }));
});

test("a line that is no entry's is told by its number, and the rest is read", () => {
  const bad = { why: "no bytes as db_dump writes them" };
  assert.deepEqual(
    read([
      ...head,
      "x",
      " 1",
      " b\\",
      " 2",
      " c\\zz",
      " 3",
      undefined,
      " 4",
      " d",
      " 5",
      "DATA=END",
    ]),
    [
      { ...bad, line: 6 },
      { ...bad, line: 8 },
      { ...bad, line: 10 },
      { why: "too long", line: 12 },
      { key: "d", value: "5", line: 14 },
    ],
  );
  assert.deepEqual(read([...head, " a", undefined, "DATA=END"]), [{ line: 6, why: "too long" }]);
  assert.deepEqual(read([...head, " a", "DATA=END"]), [{ line: 6, why: "a key without a value" }]);
});

test("what is no dump, or the database itself, is refused at its first line", () => {
  assert.throws(() => read([]), /it is empty; want what `db5\.3_dump -p` prints/);
  assert.throws(() => read(["hello"]), /line 1: it is no dump; want what `db5\.3_dump -p`/);
  assert.throws(() => read([undefined]), /line 1: it is no dump/);
  const page = "\0".repeat(12) + "\x62\x31\x05\0" + "\0".repeat(40);
  assert.throws(() => read([page]), /line 1: it is the database itself; want/);
  assert.throws(() => read(["VERSION=3", ...Array(60).fill("x=y")]), /line 52: it is no dump/);
  assert.throws(() => read(["VERSION=3", "HEADER=END"]), /line 2: no format/);
});

test("a dump that was cut off is told, wherever that was", () => {
  const whole = [...head, " a", " 1", " b", " 2", "DATA=END"];
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => read(whole.slice(0, length)), /cut off/, String(length));
  }
  const reader = new DumpReader();
  const found = [...head, " a", " 1", " b", " 17000"].map((line) => reader.take(line));
  assert.deepEqual(found.filter((one) => one !== undefined), [{ key: "a", value: "1", line: 6 }]);
});
