import assert from "node:assert/strict";
import test from "node:test";
import { MemoryStore } from "../../lib/stores/memory.ts";
import { soon, storeContract } from "../store_contract.ts";

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

test("a full store lets go of what was written longest ago", async () => {
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

test("the oldest is found whatever was written and deleted in between", async () => {
  // Compared with the plainest thing that could work, over more writes than an iterator lives for.
  const max = 50;
  const { store } = subject(max);
  let model: string[] = [];
  let random = 1;
  const below = (n: number) => (random = (random * 48271) % 0x7fffffff) % n;
  for (let i = 0; i < 40_000; i++) {
    const key = `k${below(120)}`;
    model = model.filter((k) => k !== key);
    if (below(5) === 0) {
      await store.delete(key, soon());
    } else {
      if (model.length === max) model.shift();
      model.push(key);
      await store.put(key, "v", 60, soon());
    }
    if (i % 997 === 0) {
      const keys = Array.from({ length: 120 }, (_, k) => `k${k}`);
      assert.equal(await held(store, keys), keys.filter((k) => model.includes(k)).join(" "));
    }
  }
});

test("a bound that is no number of entries is refused", () => {
  for (const bad of [0, -1, 1.5, NaN, 8_000_001]) assert.throws(() => subject(bad), RangeError);
});
