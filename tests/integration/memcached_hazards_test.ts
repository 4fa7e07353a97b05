/**
 * What Memcached, the network and memjs can do to a request, done for real. Each of these makes an
 * adapter that trusts memjs hang, leak or print.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import test from "node:test";
import { StoreError } from "../../lib/stores/store.ts";
import { soon } from "../support/store_contract.ts";
import { faultyServer, honestReply, onRequest } from "../support/faulty_server.ts";
import { startMemcached } from "../support/memcached.ts";
import { failure, openMemcached as open, sleep, works } from "../support/stores.ts";
import { freePort, waitFor } from "../support/process.ts";

/** How much later than its deadline an operation may settle on a machine that has other work. */
const slackMilliseconds = 150;

const descriptors = () => fs.readdirSync("/proc/self/fd").length;

test("a server frozen under steady traffic: answers in time, waits that end, and recovery", async (t) => {
  const memcached = await startMemcached(t);
  const { store, downs, ups } = open(t, memcached.server);
  let answered = 0, failed = 0, latest = 0, slowAfterBreaker = 0, running = true;
  const traffic = Array.from({ length: 20 }, async (_, i) => {
    while (running) {
      const start = performance.now(), brokenAtStart = downs.length > ups.length;
      await store.put(`k${i}`, "v", 60, start + 300).then(() => answered++, (error) => {
        assert.ok(error instanceof StoreError);
        failed++;
      });
      latest = Math.max(latest, performance.now() - start);
      if (brokenAtStart && performance.now() - start > 100) slowAfterBreaker++;
      await sleep(5);
    }
  });
  await waitFor("traffic", () => answered > 200);
  assert.equal(failed, 0);
  memcached.freeze();
  await waitFor("the breaker to open", () => downs.length > 0, 3000);
  const failedBefore = failed;
  await sleep(2500);
  assert.ok(failed - failedBefore > 1000, `failing is fast now: ${failed - failedBefore} failures`);
  // Only probes wait: one at a time, each 300 ms and a second after the last.
  assert.ok(slowAfterBreaker <= 3, `${slowAfterBreaker} requests waited`);
  memcached.thaw();
  const before = answered;
  await waitFor("recovery", () => answered > before + 100, 5000);
  running = false;
  await Promise.all(traffic);
  assert.ok(latest < 300 + slackMilliseconds, `the slowest took ${latest} ms`);
  assert.equal(downs.length, 1, downs.join("\n"));
  assert.match(downs[0] ?? "", /^memcached:127\.0\.0\.1:\d+: no answer within \d+ ms$/);
  assert.equal(ups.length, 1);
});

test("a clean close with requests in flight fails them at once", async (t) => {
  const server = await faultyServer(t, (socket) => {
    socket.once("data", () => socket.end());
  });
  const { store } = open(t, server.port);
  const start = performance.now();
  const operations = Array.from({ length: 10 }, (_, i) => store.get(`k${i}`, soon(30_000)));
  for (const operation of operations) {
    assert.match((await failure(operation)).message, /closed the connection/);
  }
  assert.ok(performance.now() - start < 5000);
});

test("a reset with requests in flight fails them at once", async (t) => {
  const server = await faultyServer(t, (socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  const { store } = open(t, server.port);
  const start = performance.now();
  for (const key of ["a", "b"]) await failure(store.get(key, soon(30_000)));
  assert.ok(performance.now() - start < 5000);
});

test("half a reply and then nothing ends with the deadline, and the next connection is clean", async (t) => {
  const server = await faultyServer(t, (socket, connection) => {
    onRequest(socket, (request) => {
      const bytes = honestReply(request);
      socket.write(connection > 0 ? bytes : bytes.subarray(0, 30));
    });
  });
  const { store } = open(t, server.port);
  const start = performance.now();
  await failure(store.get("k", soon(300)));
  assert.ok(performance.now() - start < 300 + slackMilliseconds);
  assert.equal(await store.get("k", soon()), "value of k");
});

test("a server that hangs on one request only is replaced, and no other request waits for it", async (t) => {
  const server = await faultyServer(t, (socket, connection) => {
    onRequest(socket, (request) => {
      if (connection > 0 || request.key !== "hole") socket.write(honestReply(request));
    });
  });
  const { store, downs } = open(t, server.port);
  const hole = failure(store.get("hole", soon(300)));
  for (let i = 0; i < 20; i++) {
    assert.equal(await store.get(`k${i}`, soon()), `value of k${i}`);
    await sleep(5);
  }
  assert.match((await hole).message, /no answer/);
  assert.equal(await store.get("hole", soon()), "value of hole");
  assert.equal(server.connections, 2);
  assert.deepEqual(downs, []);
});

test("a slow server fails what is late, keeps its connection, and the late replies confuse nobody", async (t) => {
  let delay = 0;
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      setTimeout(() => socket.write(honestReply(request)), delay);
    });
  });
  const { store } = open(t, server.port);
  assert.equal(await store.get("first", soon()), "value of first");
  delay = 250;
  const short = failure(store.get("short", soon(100)));
  const long = store.get("long", soon());
  assert.match((await short).message, /no answer within 1\d\d ms/);
  assert.equal(await long, "value of long", "a short deadline does not fail its neighbours");
  delay = 0;
  assert.equal(await store.get("last", soon()), "value of last");
  assert.equal(server.connections, 1);
});

test("an answer that came in time counts, however late this process gets to read it", async (t) => {
  const memcached = await startMemcached(t);
  const { store } = open(t, memcached.server);
  await store.put("k", "v", 60, soon());
  memcached.freeze();
  const pending = store.get("k", soon(100));
  await sleep(20);
  // It answers while this process is busy until past the deadline.
  memcached.thaw();
  const end = performance.now() + 300;
  while (performance.now() < end);
  assert.equal(await pending, "v");
});

test("a refused connection fails at once, and a server that appears is found", async (t) => {
  const port = await freePort();
  const { store, downs, ups } = open(t, port);
  const start = performance.now();
  for (let i = 0; i < 5; i++) await failure(store.get("k", soon(30_000)));
  assert.ok(performance.now() - start < 1000, "at once");
  assert.equal(downs.length, 1);
  assert.match(downs[0] ?? "", /connection failed: .*ECONNREFUSED/);
  const error = await failure(store.get("k", soon(30_000)));
  assert.match(error.message, /^memcached:127\.0\.0\.1:\d+: down, not asked: connection failed/);
  await startMemcached(t, { port });
  await waitFor("recovery", async () => await works(store) && ups.length === 1, 5000);
});

test("a server whose name does not exist is a failure like any other", async (t) => {
  const { store } = open(t, "greylist-test.invalid:11211");
  await failure(store.get("k", soon(2000)));
});

test("a server restarted between requests is not noticed", async (t) => {
  const memcached = await startMemcached(t);
  const { store, downs } = open(t, memcached.server);
  await store.put("k", "v", 60, soon());
  await sleep(1100);
  await memcached.restart();
  await sleep(50);
  assert.equal(await store.get("k", soon()), undefined);
  await store.put("k", "w", 60, soon());
  assert.equal(await store.get("k", soon()), "w");
  await sleep(1100);
  // Nor does a close that nobody waited for count: it still takes three failures to be down.
  await memcached.stop();
  await sleep(50);
  for (let i = 0; i < 2; i++) await failure(store.get("k", soon()));
  assert.deepEqual(downs, []);
  await failure(store.get("k", soon()));
  assert.equal(downs.length, 1);
});

test("a server restarted under traffic is back without a restart of ours", async (t) => {
  const memcached = await startMemcached(t);
  const { store } = open(t, memcached.server);
  let running = true;
  const traffic = Array.from({ length: 10 }, async (_, i) => {
    while (running) await store.put(`k${i}`, "v", 60, soon(300)).catch(() => sleep(5));
  });
  for (let i = 0; i < 3; i++) {
    await sleep(100);
    await memcached.restart();
    await waitFor("recovery", () => works(store), 20_000);
  }
  running = false;
  await Promise.all(traffic);
});

test("100 connections to a hung server leave no descriptor behind", async (t) => {
  const server = await faultyServer(t, (socket) => {
    // Each connection answers once and then hangs.
    let first = true;
    onRequest(socket, (request) => {
      if (first) socket.write(honestReply(request));
      first = false;
    });
  });
  const before = descriptors();
  const stores: ReturnType<typeof open>[] = [];
  while (server.connections < 100) {
    // Each makes three and is then told to wait.
    const one = open(t, server.port, { timeoutMilliseconds: 10 });
    stores.push(one);
    for (let i = 0; one.downs.length === 0; i++) {
      assert.ok(i < 1000, "it is never called down");
      await one.store.get("k", soon(10)).catch(() => {});
    }
  }
  // The server's ends are this process's too, so both have to be gone.
  await waitFor("descriptors", () => descriptors() <= before + 4, 3000);
  for (const { store } of stores) await store.close();
  await waitFor("the last connection's end", () => server.open === 0, 3000);
});

test("1,000 operations against a frozen Memcached leave no descriptor behind", async (t) => {
  const memcached = await startMemcached(t);
  const { store } = open(t, memcached.server, { timeoutMilliseconds: 50 });
  await store.get("k", soon());
  const before = descriptors();
  memcached.freeze();
  for (let i = 0; i < 100; i++) {
    await Promise.allSettled(Array.from({ length: 10 }, () => store.get("k", soon(50))));
    await sleep(20);
  }
  assert.ok(descriptors() <= before + 2);
  await store.close();
  await waitFor("descriptors", () => descriptors() <= before, 3000);
});

test("closing while a connection is being made, or is needed, leaves nothing behind", async (t) => {
  const memcached = await startMemcached(t);
  const before = descriptors();
  for (let i = 0; i < 50; i++) {
    const { store } = open(t, memcached.server);
    const pending = failure(store.get("k", soon(30_000)));
    await store.close();
    assert.match((await pending).message, /the store is closed/);
  }
  await waitFor("descriptors", () => descriptors() <= before, 3000);
});

test("ping rejects with the server that does not answer", async (t) => {
  const memcached = await startMemcached(t);
  const dead = await freePort();
  const { store } = open(t, `${memcached.server},127.0.0.1:${dead}`);
  const error = await failure(store.ping(soon(2000)));
  assert.ok(error.message.startsWith(`memcached:127.0.0.1:${dead}: `), error.message);
});
