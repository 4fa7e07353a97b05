import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../../../lib/dns/cache.ts";

test("an answer is there until its time is over", () => {
  const cache = new Cache<string>(10_000);
  cache.put("a", "answer", 10, 5, 100);
  assert.equal(cache.get("a", 104.9), "answer");
  assert.equal(cache.get("a", 105), undefined);
  assert.equal(cache.get("a", 104), undefined);
});

test("a time of nothing is not kept, and takes what was there away", () => {
  const cache = new Cache<string>(10_000);
  cache.put("a", "answer", 10, 5, 100);
  cache.put("a", "other", 10, 0, 100);
  assert.equal(cache.get("a", 100), undefined);
});

test("what was used longest ago makes room, by bytes", () => {
  const cache = new Cache<number>(10_000);
  for (let n = 0; n < 3; n++) cache.put(`k${n}`, n, 2500, 60, 0);
  assert.equal(cache.get("k0", 1), 0);
  cache.put("k3", 3, 2500, 60, 1);
  assert.deepEqual(["k0", "k1", "k2", "k3"].map((key) => cache.get(key, 2)), [0, undefined, 2, 3]);
  cache.put("huge", 4, 1e6, 60, 2);
  assert.deepEqual(["k0", "huge"].map((key) => cache.get(key, 2)), [undefined, undefined]);
});

test("a flood of answers is no more than fit", () => {
  const cache = new Cache<number>(100_000);
  for (let n = 0; n < 100_000; n++) cache.put(`k${n}`, n, 0, 60, 0);
  let kept = 0;
  for (let n = 0; n < 100_000; n++) if (cache.get(`k${n}`, 1) !== undefined) kept++;
  assert.equal(kept, 200);
});
