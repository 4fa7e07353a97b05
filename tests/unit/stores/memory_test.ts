import assert from "node:assert/strict";
import test from "node:test";
import { MemoryStore } from "../../../lib/stores/memory.ts";
import { soon, storeContract } from "../../support/store_contract.ts";

function subject(maxEntries?: number) {
  let now = 1_700_000_000;
  return { store: new MemoryStore(() => now, maxEntries), pass: (s: number) => void (now += s) };
}

storeContract("memory", () => Promise.resolve(subject()));

async function held(store: MemoryStore, keys: readonly string[]): Promise<string> {
  const there: string[] = [];
  for (const key of keys) if (await store.get(key, soon()) !== undefined) there.push(key);
  return there.join(" ");
}

test("the time to live is exact", async () => {
  const { store, pass } = subject();
  await store.put("k", "v", 10, soon());
  pass(9.999);
  assert.equal(await store.get("k", soon()), "v");
  pass(0.001);
  assert.equal(await store.get("k", soon()), undefined);
  assert.equal(store.size, 0, "and what is over is let go of when it is asked for");
});

test("of entries with the same time to live a full store lets go of what was written longest ago", async () => {
  const { store } = subject(3);
  for (const key of ["a", "b", "c", "d"]) await store.put(key, "v", 60, soon());
  assert.equal(await held(store, ["a", "b", "c", "d"]), "b c d");
  await store.put("b", "again", 60, soon());
  await store.put("e", "v", 60, soon());
  assert.equal(await held(store, ["a", "b", "c", "d", "e"]), "b d e");
  await store.delete("d", soon());
  await store.put("f", "v", 60, soon());
  assert.equal(await held(store, ["b", "d", "e", "f"]), "b e f", "room was made by delete");
  await store.put("g", "v", 60, soon());
  assert.equal(await held(store, ["b", "e", "f", "g"]), "e f g");
  assert.equal(store.size, 3);
});

test("a store of one entry holds the last one", async () => {
  const { store } = subject(1);
  for (let i = 0; i < 5; i++) {
    await store.put(`k${i}`, "v", 60, soon());
    await store.put(`k${i}`, "v", 60, soon());
    assert.equal(store.size, 1);
    assert.equal(await store.get(`k${i}`, soon()), "v");
  }
});

test("a full store lets go of what expires first", async () => {
  const { store, pass } = subject(3);
  await store.put("passed", "v", 3600, soon());
  await store.put("waiting", "v", 60, soon());
  await store.put("b", "v", 59, soon());
  await store.put("c", "v", 60, soon());
  assert.equal(await held(store, ["passed", "waiting", "b", "c"]), "passed waiting c");
  pass(30);
  await store.put("waiting", "v", 60, soon());
  await store.put("d", "v", 60, soon());
  assert.equal(await held(store, ["passed", "waiting", "c", "d"]), "passed waiting d");
});

test("a flood of what waits displaces nothing that has passed", async () => {
  const { store, pass } = subject(200);
  const passed = Array.from({ length: 100 }, (_, i) => `passed${i}`);
  for (const key of passed) await store.put(key, "v", 3_024_000, soon());
  for (let i = 0; i < 10_000; i++) {
    await store.put(`waiting${i}`, "v", 172_800, soon());
    if (i % 100 === 0) pass(1);
  }
  assert.equal(await held(store, passed), passed.join(" "));
});

test("the first to expire is found whatever was written and deleted in between", async () => {
  // Compared with the plainest thing that could work.
  const max = 50;
  const { store, pass } = subject(max);
  let model: { key: string; expires: number }[] = [];
  let random = 1, now = 0;
  const below = (n: number) => (random = (random * 48271) % 0x7fffffff) % n;
  for (let i = 0; i < 20_000; i++) {
    const key = `k${below(120)}`;
    model = model.filter((entry) => entry.key !== key);
    if (below(5) === 0) {
      await store.delete(key, soon());
    } else {
      const ttl = 10_000 + 10 * below(20);
      if (model.length === max) {
        const first = model.reduce((a, b) => b.expires < a.expires ? b : a);
        model = model.filter((entry) => entry !== first);
      }
      model.push({ key, expires: now + ttl });
      await store.put(key, "v", ttl, soon());
    }
    if (below(50) === 0) pass(1), now++;
    if (i % 997 === 0) {
      const keys = Array.from({ length: 120 }, (_, k) => `k${k}`);
      const there = model.filter(({ expires }) => expires > now).map((entry) => entry.key);
      assert.equal(await held(store, keys), keys.filter((k) => there.includes(k)).join(" "));
      model = model.filter(({ expires }) => expires > now);
    }
  }
});

test("a bound that is no number of entries is refused", () => {
  for (const bad of [0, -1, 1.5, NaN, 8_000_001]) assert.throws(() => subject(bad), RangeError);
});
