import assert from "node:assert/strict";
import test from "node:test";
import {
  Breaker,
  type BreakerRules,
  type Change,
  operationRules,
} from "../../../lib/stores/breaker.ts";

const breaker = (rules: Partial<BreakerRules> = {}) => new Breaker({ ...operationRules, ...rules });

/** Tries, and reports at the same moment. */
function fail(b: Breaker, now: number): Change {
  b.begin();
  return b.failure(now, now);
}
function succeed(b: Breaker, now: number): Change {
  b.begin();
  return b.success(now, now);
}

/** One that opened at `now`. */
function opened(now: number): Breaker {
  const b = breaker();
  fail(b, now);
  fail(b, now);
  assert.deepEqual(fail(b, now), { kind: "opened" });
  return b;
}

test("a closed breaker lets everybody through", () => {
  const b = breaker();
  for (let now = 0; now < 100; now++) {
    assert.ok(b.allows(now));
    b.begin();
  }
  assert.deepEqual(b.success(99, 100), { kind: "none" });
});

test("it opens at the last of so many failures in a row, and says so once", () => {
  const b = breaker();
  assert.deepEqual(fail(b, 0), { kind: "none" });
  assert.deepEqual(fail(b, 1), { kind: "none" });
  assert.ok(b.allows(1));
  assert.deepEqual(fail(b, 2), { kind: "opened" });
  assert.ok(!b.allows(2));
});

/** Whether so many successes behind each failure keep it closed. */
function staysClosed(b: Breaker, successes: number, everyMilliseconds: number): boolean {
  for (let now = 0; now < 1000 * everyMilliseconds; now += everyMilliseconds) {
    if (fail(b, now).kind === "opened") return false;
    for (let i = 0; i < successes; i++) succeed(b, now);
  }
  return true;
}

test("one failure in three is put up with, and one in two is not", () => {
  assert.ok(staysClosed(breaker(), 2, 1000));
  assert.ok(!staysClosed(breaker(), 1, 1000));
});

test("where only time forgives, no success makes up for failures that come too fast", () => {
  const byTime = () => breaker({ forgivenPerSuccess: 0, forgivenPerSecond: 0.1 });
  assert.ok(staysClosed(byTime(), 0, 10_000));
  assert.ok(!staysClosed(byTime(), 100, 5000));
});

test("an open one lets one probe through after a while, and no second one beside it", () => {
  const b = opened(0);
  assert.ok(!b.allows(999));
  assert.ok(b.allows(1000));
  assert.ok(b.allows(1000), "who asks need not try");
  b.begin();
  assert.ok(!b.allows(1000));
  assert.ok(!b.allows(5000), "however long the probe takes");
});

test("a probe that fails, or that says nothing, makes everybody wait for the next", () => {
  for (const report of ["failure", "inconclusive"] as const) {
    const b = opened(0);
    b.begin();
    b[report](1000, 1500);
    assert.ok(!b.allows(2499));
    assert.ok(b.allows(2500));
  }
});

test("three probes in a row that succeed close it, one at a time and without a pause", () => {
  const b = opened(100);
  for (const now of [1100, 1600]) {
    assert.ok(b.allows(now));
    b.begin();
    assert.ok(!b.allows(now + 10));
    assert.deepEqual(b.success(now, now + 20), { kind: "none" });
    assert.ok(b.allows(now + 20));
  }
  b.begin();
  assert.deepEqual(b.success(2000, 2100), { kind: "closed", openMilliseconds: 2000 });
  fail(b, 2200);
  fail(b, 2200);
  assert.ok(b.allows(2200), "and the count starts again");
  assert.deepEqual(fail(b, 2200), { kind: "opened" });
});

test("a failure among the probes starts their count again", () => {
  const b = opened(0);
  succeed(b, 1000);
  succeed(b, 1001);
  fail(b, 1002);
  succeed(b, 2002);
  succeed(b, 2003);
  assert.ok(b.isOpen);
  assert.deepEqual(succeed(b, 2004), { kind: "closed", openMilliseconds: 2004 });
});

test("what began before it opened neither closes it nor is taken for the probe", () => {
  const b = opened(1000);
  for (let i = 0; i < 10; i++) assert.deepEqual(b.success(900, 1200), { kind: "none" });
  assert.ok(b.isOpen);
  b.begin();
  b.failure(1000, 2100);
  b.inconclusive(1000, 2100);
  assert.ok(!b.allows(9000), "the probe is still under way");
});

test("what began before it closed does not open it", () => {
  const b = opened(0);
  for (const now of [1000, 1001, 1002]) succeed(b, now);
  for (let i = 0; i < 10; i++) assert.deepEqual(b.failure(1000, 1100), { kind: "none" });
  assert.ok(!b.isOpen);
});

/** What happens to one that fails as soon as it is closed, and whose probes all succeed. */
function relapses(untilMilliseconds: number): number[] {
  const b = breaker(), openings: number[] = [];
  for (let now = 0; now < untilMilliseconds; now += 10) {
    if (!b.allows(now)) continue;
    const change = b.isOpen ? succeed(b, now) : fail(b, now);
    if (change.kind === "opened") openings.push(now);
  }
  return openings;
}

test("what is at the edge is called down ever more rarely, until once in a minute", () => {
  const openings = relapses(600_000);
  const apart = openings.slice(1).map((at, i) => Math.round((at - (openings[i] ?? 0)) / 1000));
  assert.deepEqual(apart.slice(0, 8), [1, 2, 4, 8, 16, 32, 60, 60]);
  assert.ok(openings.length < 16, `${openings.length} times in ten minutes`);
});

test("after a minute without a failure it is trusted as at first", () => {
  const b = opened(0);
  for (const now of [1000, 1001, 1002]) succeed(b, now);
  for (const at of [61_002, 300_000]) {
    for (let i = 0; i < 3; i++) fail(b, at);
    assert.ok(b.isOpen);
    for (let i = 0; i < 3; i++) succeed(b, at + 1000 + i);
    assert.ok(!b.isOpen, "closed after a second, not after two");
  }
});
