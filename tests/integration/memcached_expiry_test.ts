/** How long Memcached is told to keep an entry, and that its own clock has no say in it. */
import assert from "node:assert/strict";
import * as net from "node:net";
import test from "node:test";
import { soon } from "../support/store_contract.ts";
import { fakedClock } from "../support/clock.ts";
import { startMemcached } from "../support/memcached.ts";
import { openMemcached as open, sleep } from "../support/stores.ts";
import { atEnd, type Cleanup } from "../support/process.ts";

const day = 86_400;

/** What Memcached says about a key's remaining seconds: `t-1` when it never expires. */
function remaining(t: Cleanup, port: number, key: string): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  atEnd(t, () => void socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once("data", (data) => resolve(data.toString("latin1").trim()));
    socket.once("error", reject);
    socket.write(`mg ${key} t\r\n`);
  });
}

test("up to 30 days Memcached gets a time to live, beyond that it may keep the entry for ever", async (t) => {
  const memcached = await startMemcached(t);
  const { store } = open(t, memcached.server);
  const left = async (ttl: number) => {
    await store.put(`k${ttl}`, "v", ttl, soon());
    return Number((await remaining(t, memcached.port, `k${ttl}`)).replace(/^HD t/, ""));
  };
  for (const ttl of [60, 30 * day - 1]) {
    const seconds = await left(ttl);
    // One second more than asked; a second or two may have gone by.
    assert.ok(seconds > ttl - 5 && seconds <= ttl + 1, `${seconds} of ${ttl} s`);
  }
  for (const ttl of [30 * day, 30 * day + 1, 35 * day, 400 * day]) {
    assert.equal(await left(ttl), -1, `${ttl} s`);
  }
});

test("a Memcached whose clock is 40 days ahead keeps what it is told, no less and no more", async (t) => {
  const clock = fakedClock(t);
  clock.moveTo(40 * day);
  const memcached = await startMemcached(t, { clock });
  const { store } = open(t, memcached.server);
  const ttls = [1, 60, 2 * day, 35 * day];
  for (const ttl of ttls) await store.put(`k${ttl}`, "v", ttl, soon());
  for (const ttl of ttls) assert.equal(await store.get(`k${ttl}`, soon()), "v", `${ttl} s`);
  await sleep(3100);
  assert.equal(await store.get("k1", soon()), undefined);
  for (const ttl of ttls.slice(1)) {
    assert.equal(await store.get(`k${ttl}`, soon()), "v", `${ttl} s`);
  }
});
