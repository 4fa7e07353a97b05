/** Minutes of a flood: 1,000 senders that are known, each seen once in 10,000 of 100,000 new mails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { forgottenIn } from "../support/flood.ts";

for (const length of [0, 4, 20, 100]) {
  test(`a flood makes memcached forget nobody who has passed, with a prefix of ${length} bytes`, async (t) => {
    const keyPrefix = "p".repeat(length);
    const flood = { keyPrefix, known: 1000, strangers: 100_000, seenEvery: 10_000 };
    assert.deepEqual(await forgottenIn(t, flood), []);
  });
}
