/** Each entry on two of three real Memcached servers: where it stands, who is asked, and what becomes of copies that differ. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import type { Copies, Store } from "../../lib/stores/store.ts";
import { soon } from "../support/store_contract.ts";
import { dump, restore, statistics, talk } from "../support/memcached_text.ts";
import { type Memcached, startMemcached } from "../support/memcached.ts";
import { policyOptions, request, scene } from "../support/policy.ts";
import { type Cleanup, waitFor } from "../support/process.ts";
import { failure, openMemcached } from "../support/stores.ts";

function servers(t: Cleanup, count = 3): Promise<Memcached[]> {
  return Promise.all(Array.from({ length: count }, () => startMemcached(t)));
}

const named = (memcacheds: readonly Memcached[]) =>
  memcacheds.map(({ server }) => server).join(",");

const endpoints = (memcacheds: readonly Memcached[]) => {
  const address = parseStoreAddress(`memcached:${named(memcacheds)}`);
  return address.kind === "memcached" ? address.servers : [];
};

/** The default of store-timeout. A server that is not the last to be asked has a quarter. */
const timeoutMilliseconds = 500, shareMilliseconds = 125;

function open(t: Cleanup, memcacheds: readonly Memcached[], copies = 2) {
  return openMemcached(t, named(memcacheds), { copies, timeoutMilliseconds });
}

const keys = Array.from({ length: 300 }, (_, i) => `gl1:${i.toString(36)}`);

/** What the first copy says that answers, and whom else one could ask. */
function read(store: Store, key: string, deadline = soon()) {
  return new Promise<{ value: string | undefined; copies: Copies | undefined }>((resolve, reject) =>
    store.getMany([key], deadline, (_place, answer, copies) => {
      if (answer instanceof Error) reject(answer);
      else resolve({ value: answer, copies });
    })
  );
}

/** How many of the servers have each key. */
async function holders(memcacheds: readonly Memcached[]): Promise<number[]> {
  const held = (await Promise.all(memcacheds.map(({ port }) => dump(port))))
    .map((text) => new Set([...text.matchAll(/^\S+/gm)].map(([key]) => key)));
  return keys.map((key) => held.filter((set) => set.has(key)).length);
}

test("each entry is on as many servers as there are to be copies, and gone from all", async (t) => {
  const three = await servers(t);
  for (const [wanted, copies] of [[1, 1], [2, 2], [3, 3], [3, 7]] as const) {
    const { store } = open(t, three, copies);
    await Promise.all(keys.map((key) => store.put(key, "v", 60, soon())));
    await waitFor(
      `${wanted} copies of each`,
      async () => (await holders(three)).every((count) => count === wanted),
    );
    await Promise.all(keys.map((key) => store.delete(key, soon())));
    await waitFor(
      "no copy",
      async () => (await holders(three)).every((count) => count === 0),
    );
  }
});

test("a reading asks one server, and says whom else one could ask", async (t) => {
  const three = await servers(t), { store } = open(t, three);
  await store.put("gl1:{a}s", "v", 60, soon());
  const before = await statistics(three);
  const { value, copies } = await read(store, "gl1:{a}s");
  assert.equal(value, "v");
  assert.equal((await statistics(three)).gets - before.gets, 1);
  const { answered, unasked } = copies ?? assert.fail("nobody answered");
  assert.equal(unasked.length, 1);
  for (const copy of [answered, ...unasked]) assert.equal(await copy.get("gl1:{a}s", soon()), "v");
  await unasked[0]?.delete("gl1:{a}s", soon());
  assert.equal(await answered.get("gl1:{a}s", soon()), "v");
  assert.equal(await unasked[0]?.get("gl1:{a}s", soon()), undefined);
});

for (
  const [how, stop, start] of [
    ["dead", (m: Memcached) => m.stop(), (m: Memcached) => m.restart()],
    ["frozen", (m: Memcached) => m.freeze(), (m: Memcached) => m.thaw()],
  ] as const
) {
  test(`with one of three servers ${how} every entry is read and written, and few wait`, async (t) => {
    const three = await servers(t), { store, downs, ups } = open(t, three);
    await Promise.all(keys.map((key) => store.put(key, "v", 60, soon())));
    await waitFor("the copies", async () => (await holders(three)).every((count) => count === 2));
    await stop(three[1]!);
    // One after the other, as one connection of Postfix asks.
    let waited = 0;
    for (const key of keys) {
      const began = performance.now();
      assert.equal(await store.get(key, soon(timeoutMilliseconds)), "v");
      await store.put(key, "w", 60, soon(timeoutMilliseconds));
      if (performance.now() - began > 0.8 * shareMilliseconds) waited++;
    }
    // The first one that met it; some more for a machine that has other work.
    assert.ok(waited <= 5, `${waited} waited`);
    await waitFor("the breaker", async () => (await readSome(), downs.length > 0), 5000);
    assert.match(downs[0] ?? "", new RegExp(`^memcached:${three[1]!.server}`));
    await start(three[1]!);
    await waitFor("it to be used again", async () => (await readSome(), ups.length > 0), 5000);
    for (const key of keys) {
      const { value, copies } = await read(store, key, soon(timeoutMilliseconds));
      const values = [value];
      for (const other of copies?.unasked ?? []) values.push(await other.get(key, soon()));
      assert.ok(values.includes("w"), `${key}: ${values}`);
    }

    async function readSome() {
      for (const key of keys.slice(0, 30)) await store.get(key, soon(timeoutMilliseconds));
    }
  });
}

test("with two of three servers dead only what both of them have cannot be had", async (t) => {
  const three = await servers(t), { store } = open(t, three);
  await Promise.all(keys.map((key) => store.put(key, "v", 60, soon())));
  await Promise.all(three.slice(1).map((memcached) => memcached.stop()));
  const answers = await Promise.allSettled(
    keys.map((key) => store.get(key, soon(timeoutMilliseconds))),
  );
  const lost = answers.filter(({ status }) => status === "rejected").length;
  assert.ok(lost > 50 && lost < 150, `${lost} of ${keys.length} could not be had`);
  const one = keys[answers.findIndex(({ status }) => status === "rejected")] ?? "";
  const { message } = await failure(store.get(one, soon(timeoutMilliseconds)));
  for (const { server } of three.slice(1)) assert.ok(message.includes(server), message);
});

test("the servers may change while the store is open: what stays keeps its connection", async (t) => {
  const four = await servers(t, 4), three = four.slice(0, 3);
  const { store } = open(t, three);
  await Promise.all(keys.map((key) => store.put(key, "v", 60, soon())));
  const connections = async () =>
    await Promise.all(
      four.map(async ({ port }) =>
        Number(/curr_connections (\d+)/.exec(await talk(port, "stats\r\n", /^END\r\n/m))?.[1])
      ),
    );
  // One of them is that which asks.
  await waitFor("the connections", async () => `${await connections()}` === "2,2,2,1");
  store.moveTo(endpoints(four), 2);
  const readAll = async () => {
    for (const key of keys) {
      const { value: first, copies } = await read(store, key);
      let value = first;
      for (const copy of copies?.unasked ?? []) value ??= await copy.get(key, soon());
      assert.equal(value, "v", key);
    }
  };
  await readAll();
  await waitFor("the new connection", async () => `${await connections()}` === "2,2,2,2");
  // What is asked while it goes is still answered.
  const asked = Promise.all(keys.map((key) => store.get(key, soon())));
  store.moveTo(endpoints(three.slice(1)), 2);
  await asked;
  await readAll();
  await waitFor("the old connections to end", async () => `${await connections()}` === "1,2,2,1");
});

/** A policy on three servers, and the servers in the order in which they have what belongs to the mail below. */
async function mx(t: Cleanup, copies = 2) {
  const three = await servers(t), { store } = open(t, three, copies);
  // The client as a whole is counted, and never trusted.
  const rules = { ...policyOptions.rules, clientPasses: 50 };
  const on = scene({ rules }, () => store);
  on.clock.now = Math.floor(Date.now() / 1000);
  const ask = async (changes: Record<string, string> = {}) => {
    const { kind } = await on.policy.answer(request({ client_name: "unknown", ...changes }));
    return kind;
  };
  /** What of the records of a kind each server has. */
  const held = async (kind: string) =>
    await Promise.all(three.map(async ({ port }) => {
      const pattern = new RegExp(`^gl1:(?:\\{[^}]*\\})?${kind}\\S+ \\S+ (.*?) *$`, "gm");
      return [...(await dump(port)).matchAll(pattern)].map(([, text]) => text);
    }));
  /** Asks until everything that was to be written is, which nobody waited for. */
  const settled = (kind: string, count: number, milliseconds?: number) =>
    waitFor(
      `${count} of ${kind}`,
      async () => (await held(kind)).filter((texts) => texts.length > 0).length === count,
      milliseconds,
    );
  return { ...on, three, store, ask, held, settled };
}

const empty = async (memcached: Memcached | undefined) =>
  void await talk(memcached?.port ?? 0, "flush_all\r\n", /^OK\r\n/m);

test("known mail asks as many operations with two copies as with one", async (t) => {
  const counted = await Promise.all([1, 2].map(async (copies) => {
    const { three, ask, settled, clock } = await mx(t, copies);
    await ask();
    clock.now += 301;
    assert.equal(await ask(), "prepend");
    await Promise.all(["s", "c", "d"].map((kind) => settled(kind, copies)));
    const before = await statistics(three);
    for (let n = 0; n < 10; n++) {
      assert.equal(
        await ask({ recipient: n % 2 ? "robin@example.com" : "x@example.com" }),
        "dunno",
      );
    }
    const { gets, sets, deletes } = await statistics(three);
    return [gets - before.gets, sets - before.sets, deletes - before.deletes];
  }));
  assert.deepEqual(counted[1], counted[0]);
  // One round trip, and nothing written.
  assert.deepEqual(counted[0], [60, 0, 0]);
});

test("what only one copy has is asked for before a mail waits, and written to the other", async (t) => {
  const { three, ask, held, settled, clock } = await mx(t);
  assert.equal(await ask(), "defer");
  await settled("t", 2);
  const first = `${(await held("t")).flat()[0]}`;
  for (const memcached of three) {
    await empty(memcached);
    clock.now += 1;
    assert.equal(await ask(), "defer");
    await settled("t", 2);
    // The first attempt stays what it was.
    assert.deepEqual(new Set((await held("t")).flat()), new Set([first]));
  }
  clock.now += 300;
  assert.equal(await ask(), "prepend");
  await settled("s", 2);
  let repaired = 0;
  for (const memcached of three) {
    await empty(memcached);
    assert.equal(await ask({ recipient: "somebody.else@example.com" }), "dunno");
    assert.equal(await ask(), "dunno");
    // Nobody asks a copy that is not the first; it gets what it lacks when the use is written down.
    const isWhole = () => settled("s", 2, 500).then(() => true, () => false);
    if (await isWhole()) repaired++;
    clock.now += 3600;
    assert.equal(await ask(), "dunno");
    await settled("s", 2);
  }
  // One of them has none, one is first, one is second.
  assert.equal(repaired, 2);
});

test("a server that comes back with old data undoes no pass, and delays nobody", async (t) => {
  for (const away of [0, 1, 2]) {
    const { three, ask, held, settled, clock, store } = await mx(t);
    assert.equal(await ask(), "defer");
    await settled("t", 2);
    const old = await dump(three[away]!.port);
    await three[away]!.stop();
    clock.now += 301;
    assert.equal(await ask(), "prepend");
    clock.now += 3600;
    assert.equal(await ask({ recipient: "somebody.else@example.com" }), "dunno");
    // As a restart with memcached -e leaves it.
    await three[away]!.restart();
    await restore(three[away]!.port, old);
    await waitFor("it to be used again", async () => {
      const copies = await Promise.all(keys.map(async (key) => {
        const { copies } = await read(store, key);
        return copies?.unasked.length;
      }));
      return copies.every((unasked) => unasked === 1);
    });
    assert.equal(await ask({ recipient: "another@example.com" }), "dunno");
    clock.now += 3600;
    assert.equal(await ask({ recipient: "another@example.com" }), "dunno");
    await settled("s", 2);
    assert.equal(new Set((await held("s")).flat()).size, 1, "both say the same");
    assert.notEqual(await ask(), "defer");
    assert.equal(await ask(), "dunno");
  }
});

test("counts do not grow by being read from two copies, and do not shrink by one that is old", async (t) => {
  const { three, ask, held, settled, clock } = await mx(t);
  const passes = (n: number) => ({ sender: `alice@d${n}.example`, instance: `${clock.now}` });
  // A client begins to be counted when mail of it comes back.
  for (let n = 0; n < 3; n++) {
    await ask(passes(n));
    clock.now += 301;
    assert.equal(await ask(passes(n)), "prepend");
    clock.now += 3600;
  }
  await settled("c", 2);
  const counted = async () => new Set((await held("c")).flat().map((text) => text?.split(" ")[4]));
  await waitFor("three passes", async () => `${[...await counted()]}` === "3");
  const dumps = await Promise.all(three.map(({ port }) => dump(port)));
  // Whichever of the two is as it was before, the one that is asked first among them.
  let wanted = 3;
  for (const [away, old] of dumps.entries()) {
    const record = /^gl1:c.*\n/m.exec(old)?.[0];
    if (record === undefined) continue;
    for (const n of [away + 10, away + 20]) {
      assert.equal(await ask(passes(n)), "defer");
      await restore(three[away]!.port, record);
      clock.now += 3601;
      assert.equal(await ask(passes(n)), "prepend");
      // Another time within the hour counts once.
      assert.equal(await ask(passes(n)), "dunno");
      wanted++;
      await waitFor(`${wanted} passes`, async () => `${[...await counted()]}` === `${wanted}`);
    }
  }
  assert.equal(wanted, 7);
});
