/** A Memcached that answers, and yet is no good: what is called down, what is not, and how often. */
import assert from "node:assert/strict";
import test from "node:test";
import { soon } from "../support/store_contract.ts";
import { faultyServer, honestReply, onRequest, reply } from "../support/faulty_server.ts";
import { startMemcached } from "../support/memcached.ts";
import { failure, openMemcached as open, sleep, works } from "../support/stores.ts";
import { waitFor } from "../support/process.ts";

/** Statuses of the binary protocol with which a server may refuse a write, and then some. */
const statuses = [
  0x01,
  0x02,
  0x03,
  0x04,
  0x05,
  0x06,
  0x07,
  0x81,
  0x82,
  0x83,
  0x84,
  0x85,
  0x86,
  0x99,
];

test("a server that answers every write with an error is down for writing, and is read", async (t) => {
  await Promise.all(statuses.map(async (status) => {
    let refuses = true;
    const server = await faultyServer(t, (socket) => {
      onRequest(socket, (request) => {
        const refused = refuses && request.opcode === 1;
        socket.write(refused ? reply(request, { status }) : honestReply(request));
      });
    });
    const { store, downs, ups } = open(t, server.port);
    const put = () => store.put("k", "v", 60, soon());
    for (let i = 0; i < 3; i++) {
      await failure(put());
      for (let n = 0; n < 5; n++) assert.equal(await store.get("k", soon()), "value of k");
    }
    assert.equal(downs.length, 1, `status ${status}: ${downs.join("; ")}`);
    assert.match(downs[0] ?? "", /^memcached:127\.0\.0\.1:\d+ \(writing\): answers with an error/);
    assert.match((await failure(put())).message, /: down, not asked: answers with an error/);
    assert.equal(server.connections, 1);
    refuses = false;
    const usable = async () => (await put().catch(() => {}), ups.length > 0);
    await waitFor("writing to be usable", usable, 5000);
    assert.match(ups[0] ?? "", /^memcached:127\.0\.0\.1:\d+ \(writing\): true$/);
    assert.equal(downs.length, 1);
  }));
});

test("a server that answers every read with an error is down for reading, and written to", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      socket.write(request.opcode === 0 ? reply(request, { status: 0x86 }) : honestReply(request));
    });
  });
  const { store, downs } = open(t, server.port);
  for (let i = 0; i < 4; i++) {
    await failure(store.get("k", soon()));
    for (let n = 0; n < 5; n++) await store.put("k", "v", 60, soon());
  }
  assert.equal(downs.length, 1);
  assert.match(downs[0] ?? "", /\(reading\): answers with an error, 0x0086 ""$/);
});

test("a Memcached that is full and may not forget is down for writing, and is read", async (t) => {
  const memcached = await startMemcached(t, { args: ["-M", "-m", "2"] });
  const { store, downs } = open(t, memcached.server);
  await store.put("first", "v", 60, soon());
  const value = "v".repeat(4000);
  for (let i = 0; downs.length === 0; i++) {
    assert.ok(i < 10_000, "it is never full");
    await store.put(`k${i}`, value, 60, soon()).catch(() => {});
  }
  assert.match(downs[0] ?? "", /\(writing\): answers with an error, 0x0082 "Out of memory/);
  assert.equal(await store.get("first", soon()), "v");
  assert.equal(await works(store, "k1"), true);
  assert.equal(downs.length, 1);
  assert.match((await failure(store.ping(soon()))).message, /down, not asked: .*Out of memory/);
});

test("a server at the edge of its time is called down a few times, not with every request", async (t) => {
  // In order, as Memcached answers, each reply 100 to 490 ms after its request.
  const server = await faultyServer(t, (socket) => {
    let last = Promise.resolve();
    onRequest(socket, (request) => {
      const due = sleep(100 + Math.random() * 390);
      last = Promise.all([last, due]).then(() => void socket.write(honestReply(request)));
    });
  });
  const { store, downs, ups } = open(t, server.port, { timeoutMilliseconds: 500 });
  const end = performance.now() + 8000;
  // As the policy asks: two reads at once, one with half the time, and then a write.
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    await sleep(Math.random() * 500);
    while (performance.now() < end) {
      const deadline = soon(500);
      const reads = [store.get(`k${i}`, deadline), store.get(`c${i}`, deadline - 250)];
      const [triplet] = await Promise.allSettled(reads);
      if (triplet?.status === "fulfilled") {
        await store.put(`k${i}`, "v", 60, deadline).catch(() => {});
      }
      await sleep(5 + Math.random() * 50);
    }
  }));
  const told = [...downs, ...ups];
  assert.ok(downs.length > 0);
  assert.ok(told.length <= 12, `${told.length} lines in 8 s:\n${told.join("\n")}`);
});

test("reads that work do not hide writes that are too late", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      setTimeout(() => socket.write(honestReply(request)), request.opcode === 1 ? 200 : 0);
    });
  });
  const { store, downs } = open(t, server.port, { timeoutMilliseconds: 1000 });
  for (let i = 0; i < 3; i++) {
    await failure(store.put("k", "v", 60, soon(100)));
    await sleep(200);
    for (let n = 0; n < 5; n++) assert.equal(await store.get("k", soon()), "value of k");
  }
  assert.equal(downs.length, 1);
  assert.match(downs[0] ?? "", /\(writing\): no answer within \d+ ms$/);
  assert.equal(server.connections, 1);
});

test("a few milliseconds that were left of a request say nothing about a server", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      setTimeout(() => socket.write(honestReply(request)), 100);
    });
  });
  const { store, downs } = open(t, server.port, { timeoutMilliseconds: 1000 });
  for (let i = 0; i < 5; i++) await failure(store.put("k", "v", 60, soon(10)));
  await store.put("k", "v", 60, soon());
  assert.deepEqual(downs, []);
});

test("one slow read with little time takes no other read with it", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      setTimeout(() => socket.write(honestReply(request)), 300);
    });
  });
  const { store } = open(t, server.port, { timeoutMilliseconds: 500 });
  const deadline = soon(500);
  const long = store.get("triplet", deadline);
  await failure(store.get("client", deadline - 250));
  assert.equal(await long, "value of triplet");
  assert.equal(server.connections, 1);
});

/** How a server may spoil each connection after a good answer. */
const spoilers: Record<string, (socket: import("node:net").Socket, bytes: Uint8Array) => void> = {
  "sends every reply twice": (socket, bytes) => (socket.write(bytes), socket.write(bytes)),
  "sends every reply once more, a little later": (socket, bytes) => {
    socket.write(bytes);
    setTimeout(() => socket.write(bytes), 20);
  },
  "closes each connection after its first reply": (socket, bytes) => socket.end(bytes),
};

for (const [what, spoil] of Object.entries(spoilers)) {
  test(`a server that ${what} is not connected to again and again`, async (t) => {
    const server = await faultyServer(t, (socket) => {
      onRequest(socket, (request) => spoil(socket, honestReply(request)));
    });
    const { store, downs } = open(t, server.port);
    const end = performance.now() + 3000;
    let answered = 0;
    while (performance.now() < end) {
      await store.get("k", soon(300)).then(() => answered++, () => {});
      await sleep(2);
    }
    assert.ok(server.connections <= 20, `${server.connections} connections in 3 s`);
    assert.ok(answered > 0);
    assert.ok(downs.length >= 1 && downs.length <= 4, downs.join("\n"));
    assert.match(
      downs[0] ?? "",
      /^memcached:127\.0\.0\.1:\d+: (sent a reply that nobody asked for|closed the connection)$/,
    );
  });
}

test("a server that spoils one connection in a hundred requests is not connected to all the time", async (t) => {
  let replies = 0;
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      const bytes = honestReply(request);
      socket.write(bytes);
      if (++replies % 100 === 0) socket.write(bytes);
    });
  });
  const { store, downs } = open(t, server.port);
  const end = performance.now() + 5000;
  while (performance.now() < end) await store.get("k", soon(300)).catch(() => sleep(2));
  assert.ok(
    server.connections > 3 && server.connections <= 20,
    `${server.connections} connections`,
  );
  assert.ok(downs.length <= 4);
});
