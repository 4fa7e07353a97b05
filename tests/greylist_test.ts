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
  [
    "a first attempt within a second is written down as at its end",
    undefined,
    t + 0.3,
    `defer new, 301 s missing -> w ${t + 1}`,
  ],
  [
    "a retry within that second is too early, and the clock is not taken for set back",
    waiting(t + 1),
    t + 0.5,
    "defer early-retry, 301 s missing",
  ],
  ["what is missing is rounded up", waiting(t), t + 299.01, "defer early-retry, 1 s missing"],
  [
    "what was waited is rounded down",
    waiting(t),
    t + 300.99,
    `pass after 300 s -> p ${t} ${t + 301}`,
  ],
  [
    "a use within the second in which it was written down is none",
    passed(t, t + 1),
    t + 0.5,
    "pass",
  ],
];
for (const [what, entry, now, outcome] of table) {
  test(what, () => assert.equal(summary(decide(entry, now, rules)), outcome));
}

test("with a delay of 0 the first attempt is deferred and any second one passes", () => {
  const none = { ...rules, delaySeconds: 0 };
  assert.equal(summary(decide(undefined, t + 0.3, none)), `defer new, 0 s missing -> w ${t + 1}`);
  assert.equal(
    summary(decide(waiting(t + 1), t + 0.4, none)),
    `pass after 0 s -> p ${t + 1} ${t + 1}`,
  );
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

/** Times within a day, as a clock gives them. */
const moment = fc.double({ min: 0, max: day, noNaN: true }).map((seconds) => t + seconds);
const someDelay = fc.integer({ min: 1, max: 3600 });

/** What a store gives back of the entry that a first attempt leaves. */
function remembered(first: number, at: typeof rules): Entry | undefined {
  const { write } = decide(undefined, first, at);
  return write && decodeEntry(encodeEntry(write.entry));
}

/** The answer to a retry at `retry` when the first attempt was at `first`. */
function retried(first: number, retry: number, delaySeconds: number): Decision {
  const at = { ...rules, delaySeconds };
  return decide(remembered(first, at), retry, at);
}

test("no retry passes before the delay is really over, and each does a second after it", () => {
  const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(moment, share, someDelay, (first, early, delay) => {
    const before = first + early * delay;
    // Additions round, too.
    if (before - first < delay) assert.equal(retried(first, before, delay).verdict, "defer");
    const after = retried(first, first + delay + 1 + early * day, delay);
    assert.ok(after.verdict === "pass" && after.waited !== undefined && after.waited >= delay);
  }));
});

test("who comes back after as many seconds as are said to be missing passes, and not a second sooner", () => {
  fc.assert(fc.property(moment, fc.nat(3600), someDelay, (first, later, delay) => {
    const at = { ...rules, delaySeconds: delay };
    const attempts = [[undefined, first], [remembered(first, at), first + later]] as const;
    for (const [entry, now] of attempts) {
      const decision = decide(entry, now, at);
      if (decision.verdict === "pass") continue;
      const { entry: waits } = decision.write ?? { entry };
      assert.ok(Number.isInteger(decision.missing) && decision.missing > 0);
      assert.equal(decide(waits, now + decision.missing, at).verdict, "pass");
      assert.equal(decide(waits, now + decision.missing - 1, at).verdict, "defer");
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

test("what a store has kept for too long counts for nothing, also when the times were made shorter", () => {
  const shorter = { delaySeconds: 300, retryWindowSeconds: 3600, maxAgeSeconds: 86_400 };
  for (const [is, age] of [[rules, 400 * day], [shorter, day + 2]] as const) {
    for (const entry of [waiting(t), passed(t, t), passed(t - 99 * day, t)]) {
      const decision = decide(entry, t + age, is);
      assert.equal(summary(decision), `defer new, 300 s missing -> w ${t + age}`);
    }
  }
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
