import assert from "node:assert/strict";
import { test } from "node:test";
import { Quota, quotaPerHour } from "../../../lib/greylist/quota.ts";

const t = 1_700_000_000.5;

function takeAll(quota: Quota, user: string, now: number): void {
  for (let n = 0; n < quotaPerHour; n++) assert.equal(quota.take(user, now + n / 1000), "granted");
}

test("a user has 200 an hour, and the first that is too many is told from the others", () => {
  const quota = new Quota();
  takeAll(quota, "alice", t);
  assert.equal(quotaPerHour, 200);
  assert.equal(quota.take("alice", t + 10), "first refused");
  assert.equal(quota.take("alice", t + 3599), "refused");
  assert.equal(quota.take("bob", t + 10), "granted", "nobody else's");
});

test("the hour begins with the first, and the next one with the first behind it", () => {
  const quota = new Quota();
  takeAll(quota, "alice", t);
  assert.equal(quota.take("alice", t + 3599.9), "first refused");
  takeAll(quota, "alice", t + 3600);
  assert.equal(quota.take("alice", t + 7199), "first refused");
});

test("a clock that was set back begins a new hour", () => {
  const quota = new Quota();
  takeAll(quota, "alice", t);
  assert.equal(quota.take("alice", t - 86_400), "granted");
});

test("of more users than it holds it forgets those whose hour began first", () => {
  const quota = new Quota();
  takeAll(quota, "early", t);
  takeAll(quota, "late", t + 10);
  for (let n = 0; n < 9_999; n++) quota.take(`user ${n}`, t + 20);
  assert.equal(quota.take("late", t + 30), "first refused");
  assert.equal(quota.take("early", t + 30), "granted");
});
