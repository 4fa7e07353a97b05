import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { again, remembering } from "../../lib/recent.ts";

test("what was asked for twice a moment ago is not looked for again", () => {
  const asked: string[] = [];
  const lengthOf = remembering((text) => (asked.push(text), text.length));
  assert.deepEqual(["a", "bb", "a", "", "", "a", "a"].map(lengthOf), [1, 2, 1, 0, 0, 1, 1]);
  assert.deepEqual(asked, ["a", "bb", "a", "", ""]);
  assert.deepEqual(["", "a"].map(lengthOf), [0, 1]);
  assert.equal(asked.length, 5);
});

test("what is asked for again and again stays, the rest goes, and long texts are never kept", () => {
  const asked = new Map<string, number>();
  const same = remembering((text) => (asked.set(text, (asked.get(text) ?? 0) + 1), text));
  const times = (text: string) => asked.get(text) ?? 0;
  for (let i = 0; i < 100_000; i++) {
    assert.equal(same("often"), "often");
    for (let n = 0; n < 2; n++) assert.equal(same(`${i}`), `${i}`);
  }
  assert.ok(times("often") < 30, `${times("often")} of 100,000 times: what shares a hash's place`);
  assert.ok(times("0") === 2 && times("99999") === 2);
  for (let n = 0; n < 2; n++) same("0"), same("99999");
  assert.equal(times("99999"), 2, "the last is there");
  assert.equal(times("0"), 4, "the first is gone");
  const long = "x".repeat(300);
  for (let n = 0; n < 5; n++) same(long);
  assert.equal(times(long), 5);
});

test("whatever is asked for in whatever order, the answer is the right one", () => {
  const texts = fc.string({ unit: "binary-ascii", maxLength: 3 });
  fc.assert(fc.property(fc.array(texts, { maxLength: 200 }), (questions) => {
    const same = remembering((text) => `=${text}`);
    assert.deepEqual(questions.map(same), questions.map((text) => `=${text}`));
  }));
});

test("what is not found is looked for again", () => {
  let asked = 0;
  const nothing = remembering(() => (asked++, undefined));
  for (let n = 0; n < 3; n++) assert.equal(nothing("a"), undefined);
  assert.equal(asked, 3);
});

test("what was asked for last is not looked for again, found or not", () => {
  const asked: string[] = [];
  const found = again((text) => (asked.push(text), text === "a" ? 1 : undefined));
  assert.deepEqual(["a", "a", "b", "b", "a"].map(found), [1, 1, undefined, undefined, 1]);
  assert.deepEqual(asked, ["a", "b", "a"]);
});
