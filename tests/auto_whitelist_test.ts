import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ClientEntry,
  credit,
  decodeClient,
  encodeClient,
  whitelisted,
} from "../lib/greylist/auto_whitelist.ts";

const rules = { passes: 5, maxAgeSeconds: 3_024_000 };
const t = 1_700_000_000, hour = 3600;

/** The entry after passes at these times. */
const after = (...times: readonly number[]) =>
  times.reduce<ClientEntry | undefined>(
    (entry, now) => credit(entry, now, rules) ?? entry,
    undefined,
  );

test("five passes, an hour apart each, whitelist a client", () => {
  const times = [0, 1, 2, 3, 4].map((i) => t + i * hour);
  assert.equal(whitelisted(after(...times.slice(0, 4)), t + 4 * hour, rules), undefined);
  assert.deepEqual(whitelisted(after(...times), t + 4 * hour, rules), {});
});

test("passes within an hour of the last one counted do not count", () => {
  assert.deepEqual(after(t, t + 1, t + hour - 1), { passes: 1, seen: t });
  assert.deepEqual(after(t, t + hour), { passes: 2, seen: t + hour });
});

test("a whitelisted client's use is written down once an hour, and lasts for max-age", () => {
  const entry = { passes: 5, seen: t };
  assert.deepEqual(whitelisted(entry, t + hour - 1, rules), {});
  assert.deepEqual(whitelisted(entry, t + hour, rules), { write: { passes: 5, seen: t + hour } });
  assert.ok(whitelisted(entry, t + rules.maxAgeSeconds, rules));
  assert.equal(whitelisted(entry, t + rules.maxAgeSeconds + 1, rules), undefined);
});

test("what was earned longer than max-age ago is begun anew", () => {
  const now = t + rules.maxAgeSeconds + 1;
  assert.deepEqual(credit({ passes: 4, seen: t }, now, rules), { passes: 1, seen: now });
});

test("a time in the future counts as now", () => {
  assert.deepEqual(whitelisted({ passes: 5, seen: t + 99 }, t, rules), {
    write: { passes: 5, seen: t },
  });
  assert.deepEqual(credit({ passes: 1, seen: t + 99 }, t, rules), { passes: 2, seen: t });
});

test("times are whole seconds, rounded up, and less than a second ahead is not the future", () => {
  assert.deepEqual(credit(undefined, t + 0.2, rules), { passes: 1, seen: t + 1 });
  assert.equal(credit({ passes: 1, seen: t + 1 }, t + 0.2, rules), undefined);
  assert.deepEqual(whitelisted({ passes: 5, seen: t + 1 }, t + 0.2, rules), {});
  assert.deepEqual(whitelisted({ passes: 5, seen: t }, t + hour + 0.2, rules), {
    write: { passes: 5, seen: t + hour + 1 },
  });
});

test("what a store has kept for too long counts for nothing, also when max-age was made shorter", () => {
  const entry = { passes: 5, seen: t }, shorter = { ...rules, maxAgeSeconds: 86_400 };
  for (const [is, age] of [[rules, 400 * 86_400], [shorter, 86_401]] as const) {
    assert.equal(whitelisted(entry, t + age, is), undefined);
    assert.deepEqual(credit(entry, t + age, is), { passes: 1, seen: t + age });
  }
});

test("0 turns it off", () => {
  const off = { ...rules, passes: 0 };
  assert.equal(whitelisted({ passes: 9, seen: t }, t, off), undefined);
  assert.equal(credit(undefined, t, off), undefined);
});

test("an entry is read back as it was stored, and nothing else is", () => {
  fc.assert(fc.property(fc.nat(999_999_999), fc.nat(2_000_000_000), (passes, seen) => {
    assert.deepEqual(decodeClient(encodeClient({ passes, seen })), { passes, seen });
  }));
  for (const text of ["", "c", "c 1", "w 1", "p 1 2", "c 1 2 3", "c -1 2"]) {
    assert.equal(decodeClient(text), undefined);
  }
});
