import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decide,
  type Decision,
  decodeEntry,
  encodeEntry,
  type Entry,
  renewalSeconds,
} from "../lib/greylist/decide.ts";

const rules = { delaySeconds: 300, retryWindowSeconds: 172_800, maxAgeSeconds: 3_024_000 };
const t = 1_700_000_000;
const waiting = (first: number): Entry => ({ state: "waiting", first });
const passed = (first: number, seen: number): Entry => ({ state: "passed", first, seen });

/** A decision as one line, with the entry that it writes: `defer new -> w …`. */
function summary(decision: Decision): string {
  const what = decision.verdict === "defer"
    ? `defer ${decision.reason}, ${decision.missing} s missing`
    : decision.waited === undefined
    ? "pass"
    : `pass after ${decision.waited} s`;
  return decision.write === undefined ? what : `${what} -> ${encodeEntry(decision.write.entry)}`;
}

const hour = 3600, day = 86_400;
const table: [what: string, entry: Entry | undefined, now: number, outcome: string][] = [
  ["a triplet never seen is new", undefined, t, `defer new, 300 s missing -> w ${t}`],
  ["a retry at once is too early", waiting(t), t, "defer early-retry, 300 s missing"],
  [
    "a retry a second before the delay is over is too early",
    waiting(t),
    t + 299,
    "defer early-retry, 1 s missing",
  ],
  [
    "a retry when the delay is over passes",
    waiting(t),
    t + 300,
    `pass after 300 s -> p ${t} ${t + 300}`,
  ],
  [
    "a retry at the end of the retry window passes",
    waiting(t),
    t + 2 * day,
    `pass after 172800 s -> p ${t} ${t + 2 * day}`,
  ],
  [
    "a retry after the retry window is new",
    waiting(t),
    t + 2 * day + 1,
    `defer new, 300 s missing -> w ${t + 2 * day + 1}`,
  ],
  [
    "a first attempt in the future counts as now, and is set to now",
    waiting(t + 9999),
    t,
    `defer early-retry, 300 s missing -> w ${t}`,
  ],
  ["a triplet that has passed passes", passed(t, t + 300), t + 301, "pass"],
  ["its use is not written down within the hour", passed(t, t + 300), t + 300 + hour - 1, "pass"],
  [
    "its use is written down after an hour",
    passed(t, t + 300),
    t + 300 + hour,
    `pass -> p ${t} ${t + 300 + hour}`,
  ],
  [
    "it passes until max-age after its last use",
    passed(t, t + 300),
    t + 300 + 35 * day,
    `pass -> p ${t} ${t + 300 + 35 * day}`,
  ],
  [
    "after max-age it is new",
    passed(t, t + 300),
    t + 301 + 35 * day,
    `defer new, 300 s missing -> w ${t + 301 + 35 * day}`,
  ],
  [
    "a last use in the future counts as now, and is set to now",
    passed(t, t + 9999),
    t,
    `pass -> p ${t} ${t}`,
  ],
];
for (const [what, entry, now, outcome] of table) {
  test(what, () => assert.equal(summary(decide(entry, now, rules)), outcome));
}

test("with a delay of 0 the first attempt is deferred and any second one passes", () => {
  const none = { ...rules, delaySeconds: 0 };
  assert.equal(summary(decide(undefined, t, none)), `defer new, 0 s missing -> w ${t}`);
  assert.equal(summary(decide(waiting(t), t, none)), `pass after 0 s -> p ${t} ${t}`);
});

test("a waiting entry is kept for the retry window, a passed one for max-age beyond its renewal", () => {
  assert.equal(decide(undefined, t, rules).write?.ttlSeconds, rules.retryWindowSeconds + 1);
  const first = decide(waiting(t), t + 300, rules);
  assert.equal(first.write?.ttlSeconds, rules.maxAgeSeconds + renewalSeconds);
});

/** Plays attempts at the given intervals; what each was answered, and the entry after it. */
function play(steps: readonly number[]): { now: number; decision: Decision; entry: Entry }[] {
  const log: { now: number; decision: Decision; entry: Entry }[] = [];
  let now = t;
  let entry: Entry | undefined;
  for (const step of steps) {
    now += step;
    const decision = decide(entry, now, rules);
    entry = decision.write?.entry ?? entry;
    assert.ok(entry !== undefined, "something is always remembered");
    log.push({ now, decision, entry });
  }
  return log;
}

const steps = fc.array(
  fc.oneof(fc.nat(400), fc.nat(2 * day + 10), fc.nat(36 * day), fc.integer({ min: -500, max: 0 })),
  { minLength: 1, maxLength: 30 },
);
const forwardSteps = steps.map((list) => list.map(Math.abs));

test("an early retry never changes when the first attempt was", () => {
  fc.assert(fc.property(forwardSteps, (list) => {
    let first: number | undefined;
    for (const { decision, entry } of play(list)) {
      if (decision.verdict === "defer" && decision.reason === "early-retry") {
        assert.equal(entry.first, first);
      }
      first = entry.first;
    }
  }));
});

test("no order of attempts makes a triplet that passed deferred within max-age of its last use", () => {
  fc.assert(fc.property(steps, (list) => {
    let lastPass: number | undefined;
    for (const { now, decision } of play(list)) {
      if (decision.verdict === "pass") lastPass = now;
      else {
        // What is written down may be an hour older than the last use.
        const age = lastPass === undefined ? Infinity : now - lastPass + renewalSeconds;
        assert.ok(age > rules.maxAgeSeconds, `deferred ${age} s after it passed`);
      }
    }
  }));
});

test("nothing passes sooner than the delay after the first attempt", () => {
  fc.assert(fc.property(forwardSteps, (list) => {
    for (const { decision } of play(list)) {
      if (decision.verdict === "pass" && decision.waited !== undefined) {
        assert.ok(decision.waited >= rules.delaySeconds);
      }
    }
  }));
});

test("a client that keeps retrying every so often passes, whatever the clock did before", () => {
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 300 }), (before, interval) => {
    const retries = Array.from({ length: Math.ceil(300 / interval) + 2 }, () => interval);
    const last = play([...before, ...retries]).at(-1);
    assert.equal(last?.decision.verdict, "pass");
  }));
});

test("an entry is read back as it was stored", () => {
  const time = fc.integer({ min: 0, max: 99_999_999_999 });
  fc.assert(fc.property(time, time, (a, b) => {
    assert.deepEqual(decodeEntry(encodeEntry(waiting(a))), waiting(a));
    assert.deepEqual(decodeEntry(encodeEntry(passed(a, b))), passed(a, b));
  }));
});

test("what is no entry is not taken for one", () => {
  for (const text of ["", "w", "w x", "w 1 2", "p 1", "p 1 2 3", "x 1", "w 1\n", " w 1", "w -1"]) {
    assert.equal(decodeEntry(text), undefined, JSON.stringify(text));
  }
});
