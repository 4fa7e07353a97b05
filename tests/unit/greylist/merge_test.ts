import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Merge,
  mergeClients,
  mergeCorrespondents,
  mergeDomains,
  mergeReleaseClients,
  mergeReleaseTriplets,
  mergeSenders,
  mergeTriplets,
} from "../../../lib/greylist/merge.ts";
import type { TripletRecord } from "../../../lib/greylist/records.ts";
import type { ReleaseTriplet } from "../../../lib/greylist/release.ts";

const hour = 3600, day = 24 * hour, now = 1_700_000_000;
const times = { now, retryWindowSeconds: 2 * day, maxAgeSeconds: 35 * day };

const waiting = (ago: number): TripletRecord => {
  return { state: "waiting", first: now - ago, until: now - ago + 2 * day + 1 };
};
const used = (ago: number) => ({ seen: now - ago, until: now - ago + 35 * day + hour });
const passed = (first: number, ago: number): TripletRecord => {
  return { state: "passed", first: now - first, ...used(ago) };
};

test("of triplets that wait the earliest within the retry window counts", () => {
  const merge = (...ago: number[]) => mergeTriplets(ago.map(waiting), times);
  assert.equal(merge(100, 400, 200).first, now - 400);
  assert.equal(merge(100, 3 * day, 200).first, now - 200);
  assert.equal(merge(3 * day, 100).first, now - 100);
  assert.equal(merge(3 * day).first, now - 3 * day);
});

test("a triplet that has passed comes before one that waits, while it counts", () => {
  for (const order of [[0, 1], [1, 0]] as const) {
    const pick = (...both: TripletRecord[]) =>
      mergeTriplets(order.map((i) => both[i]).filter((one) => one !== undefined), times);
    assert.deepEqual(pick(waiting(100), passed(9 * hour, 5 * hour)), passed(9 * hour, 5 * hour));
    assert.deepEqual(pick(waiting(100), passed(90 * day, 40 * day)), waiting(100));
    assert.deepEqual(
      pick(passed(9 * hour, 5 * hour), passed(8 * hour, 2 * hour)),
      passed(9 * hour, 2 * hour),
    );
  }
});

test("of a sender the latest use counts, since its first attempt", () => {
  const merged = mergeSenders([
    { first: now - 9 * hour, ...used(5 * hour) },
    { first: now - 8 * hour, ...used(2 * hour) },
  ], times);
  assert.deepEqual(merged, { first: now - 9 * hour, ...used(2 * hour) });
});

test("what was allowed stays so to its end, whatever was used since, in whatever order", () => {
  const until = now + 100 * day, allowed = { seen: now - 9 * hour, until, allowed: true } as const;
  const sender = { first: now - day, ...used(hour) },
    counts = { tried: 3, returned: 1, halved: now };
  for (const order of [[0, 1], [1, 0]] as const) {
    const pick = <Record>(merge: Merge<Record>, ...both: readonly [Record, Record]) =>
      merge([both[order[0]], both[order[1]]], times);
    assert.deepEqual(
      pick(mergeSenders, { first: now - 9 * hour, ...allowed }, sender),
      { first: now - day, ...allowed, seen: now - hour },
    );
    // What was earned lasts longer.
    const short = { ...allowed, until: now + day };
    assert.deepEqual(pick(mergeSenders, { first: now - 9 * hour, ...short }, sender), sender);
    assert.deepEqual(
      pick(
        mergeClients,
        { tried: 0, returned: 0, halved: now, passes: 0, ...short },
        { ...counts, passes: 1, ...used(hour) },
      ),
      { ...counts, passes: 1, ...short, seen: now - hour },
    );
  }
});

test("what is over adds nothing to a domain that is still counted", () => {
  const merged = mergeDomains([
    { senders: "passed", ...used(40 * day) },
    { senders: ["a", "b"], ...used(hour) },
    { senders: ["b", "c"], ...used(2 * hour) },
  ], times);
  assert.deepEqual(merged, { senders: ["a", "b", "c"], ...used(hour) });
});

test("a client's counts are those of the copy that was halved last, and no pass is lost", () => {
  const old = { tried: 990, returned: 400, halved: now - day, passes: 7, ...used(2 * hour) };
  const halved = { tried: 500, returned: 210, halved: now - hour, passes: 6, ...used(hour) };
  assert.deepEqual(mergeClients([old, halved], times), { ...halved, passes: 7 });
  const more = { ...old, tried: 991, returned: 399 };
  assert.deepEqual(mergeClients([old, more], times), { ...old, tried: 991 });
});

const within = (seconds: number) =>
  fc.integer({ min: -5, max: 0 }).map((n) => now + n * seconds / 6);
const first = within(2 * day), halvedAt = within(7 * day), count = fc.integer({ min: 0, max: 5 });
const use = { seen: within(35 * day), until: fc.integer({ min: now, max: now + 3 }) };
const state = fc.constantFrom("waiting" as const, "passed" as const);
const triplet = state.chain((state): fc.Arbitrary<TripletRecord> =>
  state === "waiting"
    ? fc.record({ state: fc.constant(state), first, until: use.until })
    : fc.record({ state: fc.constant(state), first, ...use })
);
const releaseTriplet = state.chain((state): fc.Arbitrary<ReleaseTriplet> =>
  state === "waiting"
    ? fc.record({ state: fc.constant(state), first })
    : fc.record({ state: fc.constant(state), first, seen: use.seen })
);
const senders = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 });
const domain = fc.record({
  senders: fc.oneof(fc.constant("passed" as const), senders),
  ...use,
});
const client = fc.record({
  tried: count,
  returned: count,
  halved: halvedAt,
  passes: count,
  ...use,
});

function neverGrows<Kind>(name: string, record: fc.Arbitrary<Kind>, merge: Merge<Kind>): void {
  test(`merging ${name} again, or in another order, changes nothing`, () => {
    const merged = (records: readonly Kind[]) => merge(records, times);
    // The order of a domain's senders says nothing.
    const text = (record: Kind) =>
      JSON.stringify(record, (_, value) => Array.isArray(value) ? value.toSorted() : value);
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), (records) => {
        const all = merged(records);
        for (
          const same of [[all, all], [all, ...records], [...records, all], records.toReversed()]
        ) {
          assert.equal(text(merged(same)), text(all));
        }
      }),
    );
  });
}

neverGrows("senders", fc.record({ first, ...use }), mergeSenders);
neverGrows("triplets", triplet, mergeTriplets);
neverGrows("clients", client, mergeClients);
neverGrows("domains", domain, mergeDomains);
neverGrows("correspondents", fc.record(use), mergeCorrespondents);
neverGrows("0.1.0's triplets", releaseTriplet, mergeReleaseTriplets);
neverGrows(
  "0.1.0's clients",
  fc.record({ passes: count, seen: use.seen }),
  mergeReleaseClients,
);
