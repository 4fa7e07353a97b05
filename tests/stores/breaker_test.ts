import assert from "node:assert/strict";
import test from "node:test";
import { Breaker } from "../../lib/stores/breaker.ts";

const breaker = () => new Breaker({ failuresToOpen: 3, probeAfterMs: 1000 });

/** One that opened at `now`. */
function opened(now: number): Breaker {
  const b = breaker();
  b.failure(now);
  b.failure(now);
  assert.deepEqual(b.failure(now), { kind: "opened" });
  return b;
}

test("a closed breaker lets everybody through", () => {
  const b = breaker();
  for (let now = 0; now < 100; now++) assert.ok(b.allows(now));
  assert.deepEqual(b.success(100), { kind: "none" });
});

test("it opens at the last of so many failures in a row, and says so once", () => {
  const b = breaker();
  assert.deepEqual(b.failure(0), { kind: "none" });
  assert.deepEqual(b.failure(1), { kind: "none" });
  assert.ok(b.allows(1));
  assert.deepEqual(b.failure(2), { kind: "opened" });
  assert.ok(!b.allows(2));
  assert.deepEqual(b.failure(3), { kind: "none" }, "a straggler");
});

test("failures that are not in a row do not open it", () => {
  const b = breaker();
  for (let now = 0; now < 30; now += 3) {
    b.failure(now);
    b.failure(now + 1);
    assert.deepEqual(b.success(now + 2), { kind: "none" });
  }
  assert.ok(b.allows(30));
});

test("an open one lets one probe through after a while, and no second one beside it", () => {
  const b = opened(0);
  assert.ok(!b.allows(999));
  assert.ok(b.allows(1000));
  assert.ok(!b.allows(1000));
  assert.ok(!b.allows(5000), "however long the probe takes");
});

test("a probe that fails makes everybody wait for the next", () => {
  const b = opened(0);
  assert.ok(b.allows(1000));
  assert.deepEqual(b.failure(1500), { kind: "none" });
  assert.ok(!b.allows(2499));
  assert.ok(b.allows(2500));
});

test("a success closes it and says how long it was open", () => {
  const b = opened(100);
  assert.ok(b.allows(1100));
  assert.deepEqual(b.success(1600), { kind: "closed", openMs: 1500 });
  assert.ok(b.allows(1600));
  assert.ok(b.allows(1600));
  b.failure(1700);
  b.failure(1700);
  assert.ok(b.allows(1700), "and the count starts again");
  assert.deepEqual(b.failure(1700), { kind: "opened" });
});
