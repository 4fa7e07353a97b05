import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { linesOf, longestLine } from "../../../lib/moves/lines.ts";
import { tempDir } from "../../support/process.ts";

test("lines come as they are, but what is longer than any of use is passed over", async (t) => {
  const file = path.join(tempDir(t), "file");
  const read = async (text: string) => {
    fs.writeFileSync(file, text, "latin1");
    const all: (string | undefined)[] = [];
    for await (const lines of linesOf(file)) for (const line of lines) all.push(line);
    return all;
  };
  const mebibyte = "x".repeat(1 << 20), longest = "y".repeat(longestLine);
  assert.deepEqual(await read(""), []);
  assert.deepEqual(await read("a\n\nb\xff"), ["a", "", "b\xff"]);
  assert.deepEqual(await read(`a\n${mebibyte}\n${longest}\n${longest}y\nb\n`), [
    "a",
    undefined,
    longest,
    undefined,
    "b",
  ]);
  assert.deepEqual(await read(`a\n${mebibyte}`), ["a", undefined]);
  // Ends that fall on the edges of what is read at once.
  for (let length = 65_530; length < 65_542; length++) {
    const short = `${"z\n".repeat((length - longestLine) >> 1)}`;
    assert.deepEqual((await read(`${short}${longest}y\nb\n`)).slice(-3), ["z", undefined, "b"]);
  }
});

test("what cannot be read is told", async (t) => {
  const folder = tempDir(t);
  await assert.rejects(linesOf(folder).next(), /cannot read it: it is a folder/);
  await assert.rejects(linesOf(path.join(folder, "none")).next(), { isMissing: true });
});
