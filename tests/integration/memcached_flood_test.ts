/** The whole of it, with more strangers and other prefixes, is in tests/flood. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { forgottenIn } from "../support/flood.ts";

test("a flood of new mail makes a small memcached forget nobody who has passed", async (t) => {
  const flood = { keyPrefix: "gl1:", known: 1000, strangers: 20_000, seenEvery: 10_000 };
  assert.deepEqual(await forgottenIn(t, flood), []);
});
