/**
 * The contract of lib/stores/store.ts as tests. Each adapter runs them against its real backend by
 * calling `storeContract` from a test file of its own.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { type Store, StoreError } from "../../lib/stores/store.ts";
import type { Cleanup } from "./process.ts";

/** One open store on an empty backend. */
export interface Subject {
  readonly store: Store;
  /** Makes that many seconds pass for the backend; without it the suite really waits, a little. */
  readonly pass?: (seconds: number) => void;
}

const day = 86_400;

/** A deadline so far away that only a hang misses it. */
export const soon = (milliseconds = 5000) => performance.now() + milliseconds;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Registers the suite; `open` is called once for each test. */
export function storeContract(name: string, open: (t: Cleanup) => Promise<Subject>): void {
  const check = (what: string, body: (subject: Subject) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const subject = await open(t);
      try {
        await body(subject);
      } finally {
        await subject.store.close();
      }
    });

  check("a value that was put is what get gives", async ({ store }) => {
    assert.equal(await store.get("k", soon()), undefined);
    await store.put("k", "v", 60, soon());
    assert.equal(await store.get("k", soon()), "v");
    assert.equal(await store.get("K", soon()), undefined, "keys differ in case");
  });

  check("many keys are read together, and each is told once", async ({ store }) => {
    await store.put("a", "1", 60, soon());
    await store.put("c", "3", 60, soon());
    const read = (keys: readonly string[], deadline = soon()) =>
      new Promise<unknown[]>((resolve) => {
        const told: unknown[] = [];
        let count = 0;
        store.getMany(keys, deadline, (place, answer) => {
          assert.ok(!(place in told), `place ${place} told twice`);
          told[place] = answer instanceof StoreError ? "failed" : answer;
          if (++count === keys.length) resolve(told);
        });
      });
    assert.deepEqual(await read(["a", "b", "c", "a"]), ["1", undefined, "3", "1"]);
    assert.deepEqual(await read(["a", "no key", ""]), ["1", "failed", "failed"]);
    assert.deepEqual(await read(["a", "b"], performance.now() - 1), ["failed", "failed"]);
    const all = await Promise.all(Array.from({ length: 100 }, () => read(["c", "b", "a"])));
    for (const one of all) assert.deepEqual(one, ["3", undefined, "1"]);
    const many = Array.from({ length: 300 }, (_, i) => i % 3 === 0 ? "a" : `k${i}`);
    assert.deepEqual(await read(many), many.map((key) => key === "a" ? "1" : undefined));
    await store.close();
    assert.deepEqual(await read(["a", "b"]), ["failed", "failed"]);
  });

  check("a second put takes the place of the first", async ({ store }) => {
    await store.put("k", "a much longer first value", 60, soon());
    await store.put("k", "2", 60, soon());
    assert.equal(await store.get("k", soon()), "2");
  });

  check("a deleted entry is gone, and deleting it again is no error", async ({ store }) => {
    await store.put("k", "v", 60, soon());
    await store.delete("k", soon());
    assert.equal(await store.get("k", soon()), undefined);
    await store.delete("k", soon());
    await store.delete("never-there", soon());
  });

  check("ping settles when the backend answers", async ({ store }) => {
    await store.ping(soon());
  });

  check("values come back byte for byte", async ({ store }) => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const values = [
      "",
      "\0",
      "\n",
      "\xff",
      " ",
      "v\0",
      all,
      all.repeat(16),
      "\xc3\xa9",
      "VALUE\r\n",
    ];
    for (const [i, value] of values.entries()) await store.put(`k${i}`, value, 60, soon());
    for (const [i, value] of values.entries()) {
      assert.equal(await store.get(`k${i}`, soon()), value);
    }
  });

  check("keys of 1 and of 250 characters are good", async ({ store }) => {
    const keys = ["!", "~", "k".repeat(250), "k".repeat(249), "a:b/c+d=%s{}\"'\\"];
    for (const key of keys) await store.put(key, `value of ${key}`, 60, soon());
    for (const key of keys) assert.equal(await store.get(key, soon()), `value of ${key}`);
  });

  check("what breaks the rules is a StoreError, and hurts nothing else", async ({ store }) => {
    const failing: (() => Promise<unknown>)[] = [
      () => store.get("", soon()),
      () => store.get("k".repeat(251), soon()),
      () => store.get("with space", soon()),
      () => store.get("caf\xe9", soon()),
      () => store.put("k\n", "v", 60, soon()),
      () => store.put("k", "\u20ac", 60, soon()),
      () => store.put("k", "v".repeat(4097), 60, soon()),
      () => store.put("k", "v", 0, soon()),
      () => store.put("k", "v", -1, soon()),
      () => store.put("k", "v", 1.5, soon()),
      () => store.put("k", "v", NaN, soon()),
      () => store.put("k", "v", Infinity, soon()),
      () => store.get("k", performance.now() - 1),
      () => store.put("k", "v", 60, performance.now() - 1),
    ];
    const good = Promise.all([0, 1, 2].map((i) => store.put(`good${i}`, "v", 60, soon())));
    for (const operation of failing) {
      await assert.rejects(operation, (error: unknown) => {
        assert.ok(error instanceof StoreError);
        assert.match(error.message, new RegExp(`^${store.name}\\b.*: `), "names the backend");
        return true;
      });
    }
    await good;
    assert.equal(await store.get("k", soon()), undefined, "nothing that failed was stored");
    assert.equal(await store.get("good2", soon()), "v");
  });

  check("an entry lives for its time, and a short one not for ever", async ({ store, pass }) => {
    const ttls = [1, 2, 60, 30 * day, 30 * day + 1, 35 * day, 400 * day];
    for (const ttl of ttls) await store.put(`k${ttl}`, "v", ttl, soon());
    await store.put("century", "v", 36_525 * day, soon());
    for (const ttl of ttls) assert.equal(await store.get(`k${ttl}`, soon()), "v", `${ttl} s`);
    if (pass === undefined) {
      // Put at ten moments of a second, so that a backend whose clock ticks in seconds gives itself away.
      for (let i = 0; i < 18; i++) {
        if (i < 10) await store.put(`tick${i}`, "v", 1, soon());
        if (i >= 8) assert.equal(await store.get(`tick${i - 8}`, soon()), "v", "1 s, after 0.8 s");
        await sleep(100);
      }
      await sleep(1300);
      for (const key of ["k1", "tick0", "tick9"]) {
        assert.equal(await store.get(key, soon()), undefined, "1 s, after 2 s and more");
      }
    } else {
      let now = 0;
      for (const ttl of ttls) {
        pass(ttl - 0.5 - now);
        assert.equal(await store.get(`k${ttl}`, soon()), "v", `${ttl} s, half a second before`);
        pass(1.5);
        now = ttl + 1;
        assert.equal(await store.get(`k${ttl}`, soon()), undefined, `${ttl} s, a second after`);
      }
    }
    assert.equal(await store.get("century", soon()), "v");
  });

  check("a put renews the time to live", async ({ store, pass }) => {
    await store.put("k", "v", 1, soon());
    await store.put("k", "w", 3600, soon());
    if (pass === undefined) await sleep(2100);
    else pass(100);
    assert.equal(await store.get("k", soon()), "w");
  });

  check("10,000 keys do not get in each other's way", async ({ store }) => {
    const key = (i: number) => `gl1:${i.toString(36).padStart(43, "0")}`;
    for (let start = 0; start < 10_000; start += 500) {
      const batch = Array.from({ length: 500 }, (_, i) => start + i);
      await Promise.all(batch.map((i) => store.put(key(i), `value ${i}`, 3600, soon())));
    }
    for (let start = 0; start < 10_000; start += 500) {
      const batch = Array.from({ length: 500 }, (_, i) => start + i);
      const values = await Promise.all(batch.map((i) => store.get(key(i), soon())));
      assert.deepEqual(values, batch.map((i) => `value ${i}`));
    }
  });

  check("of many writers at once one wins, whole", async ({ store }) => {
    const values = Array.from({ length: 50 }, (_, i) => `${i}`.repeat(100));
    await Promise.all(values.map((value) => store.put("k", value, 60, soon())));
    const winner = await store.get("k", soon());
    assert.ok(winner !== undefined && values.includes(winner));
  });

  check("close settles what is pending, can be repeated, and ends it", async ({ store }) => {
    await store.put("k", "v", 60, soon());
    const start = performance.now();
    const pending = Array.from({ length: 20 }, () => store.get("k", soon(60_000)));
    const settled = Promise.allSettled(pending);
    await Promise.all([store.close(), store.close()]);
    for (const outcome of await settled) {
      if (outcome.status === "rejected") assert.ok(outcome.reason instanceof StoreError);
      else assert.equal(outcome.value, "v");
    }
    await store.close();
    for (
      const operation of [
        () => store.get("k", soon()),
        () => store.put("k", "v", 60, soon()),
        () => store.delete("k", soon()),
        () => store.ping(soon()),
      ]
    ) await assert.rejects(operation, StoreError);
    assert.ok(performance.now() - start < 2000, "at once");
  });
}
