/** Bytes that a Memcached, or something in its place, must not send: none of them is believed. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test from "node:test";
import { StoreError } from "../../lib/stores/store.ts";
import { soon } from "../support/store_contract.ts";
import {
  faultyServer,
  honestReply,
  onRequest,
  reply,
  type Request,
} from "../support/faulty_server.ts";
import { startMemcached } from "../support/memcached.ts";
import { failure, openMemcached as open, sleep } from "../support/stores.ts";
import { waitFor } from "../support/process.ts";

test("half a reply and then a drop poisons nothing", async (t) => {
  for (const cut of [1, 10, 24, 30]) {
    const server = await faultyServer(t, (socket, connection) => {
      onRequest(socket, (request) => {
        if (connection > 0) socket.write(honestReply(request));
        else socket.end(honestReply(request).subarray(0, cut));
      });
    });
    const { store } = open(t, server.port);
    await failure(store.get("k", soon(30_000)));
    assert.equal(await store.get("k", soon()), "value of k", `cut after ${cut} bytes`);
    assert.equal(await store.get("l", soon()), "value of l");
  }
});

test("a reply that arrives byte by byte is a reply", async (t) => {
  const server = await faultyServer(t, (socket) => {
    socket.setNoDelay(true);
    onRequest(socket, async (request) => {
      for (const byte of honestReply(request)) {
        socket.write(Buffer.of(byte));
        await sleep(0);
      }
    });
  });
  const { store } = open(t, server.port);
  assert.equal(await store.get("k", soon()), "value of k");
});

const lies: Record<string, (request: Request) => Buffer> = {
  "another key's value": (r) => reply(r, { value: "other value of other" }),
  "a longer key's value": (r) => reply(r, { value: `${r.key}x value` }),
  "a value without a key": (r) => reply(r, { value: "value" }),
  "an empty value": (r) => reply(r, { value: "" }),
  "a reply to another request": (r) =>
    reply({ ...r, opaque: r.opaque + 1 }, { value: `${r.key} v` }),
  "a reply to another command": (r) => reply({ ...r, opcode: 1 }),
  "a reply of the wrong magic behind a good one": (r) =>
    Buffer.concat([
      reply({ opcode: 0x21, opaque: 0 }),
      reply(r, { magic: 0x80, value: `${r.key} v` }),
    ]),
  "a reply that asks for a login": (r) =>
    reply({ opcode: 0x20, opaque: r.opaque }, { value: "PLAIN" }),
};

for (const [what, lie] of Object.entries(lies)) {
  test(`another request's bytes are never believed: ${what}`, async (t) => {
    const server = await faultyServer(t, (socket, connection) => {
      onRequest(socket, (request) => {
        socket.write(connection === 0 ? lie(request) : honestReply(request));
      });
    });
    const { store } = open(t, server.port);
    const start = performance.now();
    await failure(store.get("k", soon(30_000)));
    assert.ok(performance.now() - start < 5000, "at once");
    assert.equal(await store.get("k", soon()), "value of k", "and the connection was replaced");
    assert.equal(server.connections, 2);
  });
}

test("replies in the wrong order reach who asked", async (t) => {
  const server = await faultyServer(t, (socket) => {
    const held: Request[] = [];
    onRequest(socket, (request) => {
      held.push(request);
      if (held.length === 5) socket.write(Buffer.concat(held.reverse().map(honestReply)));
    });
  });
  const { store } = open(t, server.port);
  const keys = ["a", "b", "c", "d", "e"];
  const values = await Promise.all(keys.map((key) => store.get(key, soon())));
  assert.deepEqual(values, keys.map((key) => `value of ${key}`));
});

/** The opcodes of a get that is answered only if there is something, and of what ends several of them. */
const quiet = 0x09, end = 0x0a;

const liesAboutMany: Record<string, (asked: readonly Request[]) => readonly Buffer[]> = {
  "one of them twice": ([a, b]) => [hit(a), hit(a), hit(b)],
  "the first behind the second": ([a, b]) => [hit(b), hit(a)],
  "the first with the second's value": ([a, b]) => [reply(a!, { value: `${b!.key} v` })],
  "the first like a lonely get": ([a]) => [reply({ ...a!, opcode: 0 }, { value: `${a!.key} v` })],
  "one more than were asked for": ([a, b]) => [hit(b), hit({ ...a!, opaque: b!.opaque + 1 })],
};

function hit(request: Request | undefined): Buffer {
  return request === undefined ? Buffer.alloc(0) : reply(request, { value: `${request.key} v` });
}

for (const [what, lie] of Object.entries(liesAboutMany)) {
  test(`of keys that are read together none is believed when a server sends ${what}`, async (t) => {
    const server = await faultyServer(t, (socket, connection) => {
      const asked: Request[] = [];
      onRequest(socket, (request) => {
        if (request.opcode === quiet) return void asked.push(request);
        const hits = connection === 0 ? lie(asked.splice(0)) : asked.splice(0).map(hit);
        assert.equal(request.opcode, end);
        socket.write(Buffer.concat([...hits, reply(request)]));
      });
    });
    const { store } = open(t, server.port);
    const read = () =>
      new Promise<unknown[]>((resolve) => {
        const answers: unknown[] = [];
        store.getMany(["a", "b"], soon(30_000), (place, answer) => {
          answers[place] = answer;
          if (Object.keys(answers).length === 2) resolve(answers);
        });
      });
    for (const answer of await read()) assert.ok(answer instanceof StoreError, `${answer}`);
    assert.deepEqual(await read(), ["v", "v"], "and the connection was replaced");
    assert.equal(server.connections, 2);
  });
}

test("a put that is answered like a get is not believed", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => socket.write(reply({ ...request, opcode: 0 })));
  });
  const { store } = open(t, server.port);
  await failure(store.put("k", "v", 60, soon(30_000)));
});

const strangers: Record<string, string> = {
  "a web server": "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
  "Redis": "-ERR unknown command\r\n",
  "Memcached that was told to speak text only": "ERROR\r\n",
};

for (const [what, answer] of Object.entries(strangers)) {
  test(`an answer from ${what} is named for what it is, once`, async (t) => {
    const server = await faultyServer(t, (socket) => {
      socket.on("data", () => socket.write(answer));
    });
    const { store, downs } = open(t, server.port);
    for (let i = 0; i < 10; i++) await failure(store.get("k", soon(30_000)));
    const start = answer.slice(0, 20).trim();
    assert.equal(downs.length, 1);
    assert.match(downs[0] ?? "", /answers with something else than Memcached's binary protocol/);
    assert.ok(downs[0]?.includes(start), downs[0]);
  });
}

test("a server that speaks first is named for what it is", async (t) => {
  const server = await faultyServer(
    t,
    (socket) => socket.write("220 mx.example.org ESMTP\x1b\r\n"),
  );
  const { store } = open(t, server.port);
  const error = await failure(store.get("k", soon(30_000)));
  assert.match(error.message, /something else .*: "220 mx\.example\.org ESMTP"$/);
});

test("a real Memcached without the binary protocol is named for what it is", async (t) => {
  const memcached = await startMemcached(t, { args: ["-B", "ascii"] });
  const { store } = open(t, memcached.server);
  const error = await failure(store.get("k", soon(300)));
  assert.match(error.message, /something else than Memcached's binary protocol|closed|no answer/);
});

test("a reply that announces more than any of ours can be is not waited for", async (t) => {
  for (const announced of [8193, 2 ** 31, 2 ** 32 - 1]) {
    let taken = 0, closed = false;
    const server = await faultyServer(t, (socket) => {
      onRequest(socket, async (request) => {
        const head = reply(request, { value: "" }).subarray(0, 24);
        head.writeUInt32BE(announced, 8);
        socket.write(head);
        socket.once("close", () => closed = true);
        const block = Buffer.alloc(65_536);
        for (let i = 0; i < 200 && !closed; i++) {
          if (!socket.write(block)) await sleep(5);
          taken += block.length;
        }
      });
    });
    const { store } = open(t, server.port);
    const began = performance.now();
    const error = await failure(store.get("k", soon(30_000)));
    assert.ok(performance.now() - began < 5000, "at once");
    assert.match(
      error.message,
      new RegExp(`announced a reply of ${announced} bytes, wanted 8192 at`),
    );
    await waitFor("the server to notice", () => closed);
    assert.ok(taken < 200 * 65_536, `${taken} bytes were sent`);
  }
});

test("the longest key with the longest value comes back", async (t) => {
  const memcached = await startMemcached(t);
  const { store } = open(t, memcached.server);
  const key = "k".repeat(250), value = "\xff".repeat(4096);
  await store.put(key, value, 60, soon());
  assert.equal(await store.get(key, soon()), value);
});

test("a reply whose parts are longer than the whole is not waited for", async (t) => {
  for (const [at, length] of [[2, 5], [4, 9]] as const) {
    const server = await faultyServer(t, (socket) => {
      onRequest(socket, (request) => {
        const bytes = reply(request, { value: "" });
        bytes.writeUInt8(length, at);
        socket.write(bytes);
      });
    });
    const { store } = open(t, server.port);
    const began = performance.now();
    const error = await failure(store.get("k", soon(30_000)));
    assert.ok(performance.now() - began < 5000, "at once");
    assert.match(error.message, /sent a reply that contradicts itself/);
  }
});

test("a server that keeps asking for the password gets it once for each connection", async (t) => {
  let logins = 0;
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      if (request.opcode === 0x21) logins++;
      socket.write(reply({ ...request, opcode: 0x20 }));
    });
  });
  const { store } = open(t, server.port, { auth: { username: "u", password: "p" } });
  const error = await failure(store.get("k", soon(2000)));
  assert.match(error.message, /sent a reply that nobody asked for/);
  assert.equal(logins, 1);
});

test("a login that nobody began is not believed to have succeeded", async (t) => {
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => {
      socket.write(reply({ opcode: 0x21, opaque: 0 }));
      setTimeout(() => socket.write(honestReply(request)), 50);
    });
  });
  const { store } = open(t, server.port);
  assert.match((await failure(store.get("k", soon(2000)))).message, /that nobody asked for/);
});
