/** Several Memcached servers at once, and one that asks for a password. */
import assert from "node:assert/strict";
import * as path from "node:path";
import test from "node:test";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { MemcachedStore } from "../../lib/stores/memcached.ts";
import { StoreError } from "../../lib/stores/store.ts";
import { soon, storeContract } from "../support/store_contract.ts";
import { type Memcached, startMemcached } from "../support/memcached.ts";
import { openMemcached } from "../support/stores.ts";
import { atEnd, type Cleanup, tempDir, waitFor } from "../support/process.ts";

type Auth = { readonly username: string; readonly password: string };

function open(t: Cleanup, servers: readonly string[], auth?: Auth) {
  const address = parseStoreAddress(`memcached:${servers.join(",")}`);
  assert.ok(address.kind === "memcached");
  const downs: string[] = [], ups: string[] = [];
  const options = {
    timeoutMilliseconds: 300,
    observer: {
      down: (server: string, why: string) => void downs.push(`${server}: ${why}`),
      up: (server: string) => void ups.push(server),
    },
  };
  const store = new MemcachedStore(
    address.servers,
    auth === undefined ? options : { ...options, auth },
  );
  atEnd(t, () => store.close());
  return { store, downs, ups };
}

/** One on IPv4, one on IPv6, one on a unix socket. */
async function three(t: Cleanup): Promise<Memcached[]> {
  return [
    await startMemcached(t),
    await startMemcached(t, { host: "::1" }),
    await startMemcached(t, { path: path.join(tempDir(t), "m.sock") }),
  ];
}

storeContract("memcached with two copies on three servers", async (t) => {
  const servers = (await three(t)).map((memcached) => memcached.server).join(",");
  return { store: openMemcached(t, servers, { copies: 2, timeoutMilliseconds: 500 }).store };
});

/** Well under the timeout of 300 ms, and enough for a machine that has other work. */
const fullSpeedMilliseconds = 250;

const keys = Array.from({ length: 300 }, (_, i) => `gl1:${i.toString(36)}`);

/** Which keys are answered, and how long the slowest answer took. */
async function ask(store: MemcachedStore) {
  let slowest = 0;
  const answered = new Set<string>();
  await Promise.all(keys.map(async (key) => {
    const start = performance.now();
    try {
      await store.get(key, soon(300));
      answered.add(key);
      slowest = Math.max(slowest, performance.now() - start);
    } catch (error) {
      assert.ok(error instanceof StoreError);
    }
  }));
  return { answered, slowest };
}

for (
  const [how, stop, start] of [
    ["dead", (m: Memcached) => m.stop(), (m: Memcached) => m.restart()],
    ["frozen", (m: Memcached) => m.freeze(), (m: Memcached) => m.thaw()],
  ] as const
) {
  test(`one of three servers ${how}: only its keys fail, and it comes back`, async (t) => {
    const servers = await three(t);
    const names = servers.map((memcached) => memcached.server);
    const { store, downs, ups } = open(t, names);
    await Promise.all(keys.map((key) => store.put(key, "v", 60, soon())));
    for (const [i, memcached] of servers.entries()) {
      await stop(memcached);
      const during: Awaited<ReturnType<typeof ask>>[] = [];
      await waitFor("the breaker", async () => {
        during.push(await ask(store));
        return downs.length > i;
      }, 5000);
      for (const { answered, slowest } of during) {
        assert.ok(answered.size > 150 && answered.size < 250, `${answered.size} answered`);
        assert.ok(slowest < fullSpeedMilliseconds, `the others' slowest took ${slowest} ms`);
      }
      assert.ok(downs[i]?.startsWith(`memcached:${memcached.server}: `), downs[i]);
      // Now that it is known to be down, its keys do not wait either.
      const began = performance.now();
      await ask(store);
      assert.ok(performance.now() - began < fullSpeedMilliseconds);
      await start(memcached);
      await waitFor("recovery", async () => (await ask(store)).answered.size === keys.length, 5000);
      assert.equal(ups[i], `memcached:${memcached.server}`);
    }
    assert.equal(downs.length, 3);
    assert.equal(ups.length, 3);
  });
}

test("a fourth server moves about a quarter of the entries", async (t) => {
  const servers = await three(t);
  const names = servers.map((memcached) => memcached.server);
  const { store } = open(t, names);
  const many = Array.from({ length: 4000 }, (_, i) => `gl1:${i.toString(36)}`);
  await Promise.all(many.map((key) => store.put(key, "v", 60, soon())));
  const { store: bigger } = open(t, [...names, (await startMemcached(t)).server]);
  const values = await Promise.all(many.map((key) => bigger.get(key, soon())));
  const lost = values.filter((value) => value === undefined).length / many.length;
  assert.ok(lost > 0.2 && lost < 0.3, `${lost} lost`);
});

test("with the right password entries are stored and found", async (t) => {
  const sasl = { username: "greylist", password: "p@ss,w:rd /\xe9" };
  const memcached = await startMemcached(t, { sasl });
  const { store, downs } = open(t, [memcached.server], sasl);
  await Promise.all(["a", "b", "c"].map((key) => store.put(key, key, 60, soon())));
  assert.equal(await store.get("b", soon()), "b");
  await memcached.restart();
  assert.equal(await store.get("b", soon()).catch(() => undefined), undefined);
  await waitFor(
    "a second login",
    () => store.put("b", "b", 60, soon()).then(() => true, () => false),
  );
  assert.deepEqual(downs, []);
});

for (
  const [what, auth, wanted] of [
    ["without a password", undefined, "wants a user and a password"],
    ["a wrong password", { username: "greylist", password: "wrong" }, "refused user and password"],
    ["an unknown user", { username: "mallory", password: "right" }, "refused user and password"],
  ] as const
) {
  test(`${what}, a server that wants one is a failure that says so`, async (t) => {
    const memcached = await startMemcached(t, {
      sasl: { username: "greylist", password: "right" },
    });
    const { store, downs } = open(t, [memcached.server], auth);
    for (let i = 0; i < 4; i++) await assert.rejects(store.get("k", soon()), StoreError);
    assert.deepEqual(downs, [`memcached:${memcached.server}: ${wanted}`]);
  });
}

test("half a login is refused before anything is opened", (t) => {
  for (const auth of [{ username: "", password: "p" }, { username: "u", password: "" }]) {
    assert.throws(() => open(t, ["a"], auth), RangeError);
  }
});
