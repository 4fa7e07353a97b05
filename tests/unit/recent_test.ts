import assert from "node:assert/strict";
import { test } from "node:test";
import { remembering } from "../../lib/recent.ts";

test("what was found a moment ago is not looked for again", () => {
  const asked: string[] = [];
  const lengthOf = remembering((text) => (asked.push(text), text.length));
  assert.deepEqual(["a", "bb", "a", "", ""].map(lengthOf), [1, 2, 1, 0, 0]);
  assert.deepEqual(asked, ["a", "bb", ""]);
});

test("what is asked for again and again stays, the rest goes, and long texts are never kept", () => {
  let asked = 0;
  const same = remembering((text) => (asked++, text));
  for (let i = 0; i < 100_000; i++) {
    assert.equal(same("often"), "often");
    assert.equal(same(`${i}`), `${i}`);
  }
  assert.equal(asked, 100_001);
  same("0");
  same("99999");
  assert.equal(asked, 100_002, "the first is gone, the last is there");
  same("x".repeat(300));
  same("x".repeat(300));
  assert.equal(asked, 100_004);
});

test("what is not found is looked for again", () => {
  let asked = 0;
  const nothing = remembering(() => (asked++, undefined));
  assert.deepEqual([nothing("a"), nothing("a"), asked], [undefined, undefined, 2]);
});
