/** Mode daemon with real processes and sockets: connections, and what the peers get when something is broken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import * as path from "node:path";
import test from "node:test";
import {
  connect,
  dunno,
  flood,
  request,
  residentKilobytes,
  sendInFlight,
  startDaemon,
} from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import {
  deferred,
  logs,
  numbered,
  numberedReply,
  numberedRequest,
  numbers,
} from "../support/numbered.ts";
import { atEnd, tempDir, waitFor } from "../support/process.ts";

test("many requests in one write are answered one by one, in their order", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, ["--store", `memcached:${memcached.server}`, ...numbered]);
  const client = await connect(t, daemon.endpoints[0]);
  const other = await connect(t, daemon.endpoints[0]);
  // Every third needs no store and could overtake the others.
  const easy = (n: number) => n % 3 === 2;
  const all = numbers(1000);
  client.send(
    all.map((n) => easy(n) ? request({ sasl_username: "u" }) : numberedRequest(n)).join(""),
  );
  other.send(all.map((n) => numberedRequest(n)).join(""));
  const replies = await client.replies(all.length);
  assert.deepEqual(replies, all.map((n) => easy(n) ? dunno : numberedReply(n)));
  assert.deepEqual(await other.replies(all.length), all.map(numberedReply));
  client.socket.end();
  await client.closed;
  assert.equal(client.received(), replies.join(""), "not a byte besides the replies");
});

test("bursts of requests over a unix socket arrive whole, and in their order", async (t) => {
  const listen = `unix:${path.join(tempDir(t), "socket")}`;
  const daemon = await startDaemon(t, [...numbered, "--store", "memory", "--listen", listen]);
  const client = await connect(t, daemon.endpoints[0]);
  const size = 4000;
  for (let asked = size; asked <= 4 * size; asked += size) {
    const burst = numbers(size).map((n) => numberedRequest(asked - size + n));
    client.send(burst.join(""));
    await client.replies(asked, 60_000);
  }
  assert.deepEqual(await client.replies(4 * size), numbers(4 * size).map(numberedReply));
});

test("requests that arrive byte by byte are answered, each as soon as it is whole", async (t) => {
  const daemon = await startDaemon(t, numbered);
  const client = await connect(t, daemon.endpoints[0]);
  client.socket.setNoDelay(true);
  for (const n of numbers(3)) {
    const bytes = numberedRequest(n);
    for (const byte of bytes.slice(0, -1)) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(client.received(), numbers(n).map(numberedReply).join(""));
    assert.equal(await client.ask("\n"), numberedReply(n));
  }
});

test("a peer that floods and reads nothing is made to wait, and nobody else is", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, ["--listen", `unix:${file}`, ...numbered]);
  const other = await connect(t, daemon.endpoints[0]);
  await other.ask(request());
  const before = residentKilobytes(daemon.pid);
  const flooding = net.connect({ path: file });
  atEnd(t, () => void flooding.destroy());
  await once(flooding, "connect");
  const sent = await flood(flooding, numberedRequest);

  for (const n of numbers(20)) {
    const started = performance.now();
    assert.equal(await other.ask(numberedRequest(n), 1000), numberedReply(n));
    assert.ok(performance.now() - started < 500, "another connection has to wait");
  }
  const grown = residentKilobytes(daemon.pid) - before;
  assert.ok(grown < 100_000, `${grown} kB more after ${sent} requests`);

  // When it reads at last, it gets every answer, in order.
  let received = "";
  flooding.setEncoding("latin1").on("data", (text: string) => received += text);
  const expected = numbers(sent).map(numberedReply).join("");
  await waitFor("the flood's answers", () => received.length >= expected.length);
  assert.ok(received === expected, "the answers are not the right ones in the right order");
});

test("peers that ask without end keep nobody waiting", async (t) => {
  const daemon = await startDaemon(t, numbered);
  const other = await connect(t, daemon.endpoints[0]);
  await other.ask(request());
  const batch = numbers(500).map(numberedRequest).join("");
  for (let n = 0; n < 3; n++) {
    const { socket } = await connect(t, daemon.endpoints[0]);
    socket.removeAllListeners("data").resume();
    const pour = () => {
      while (socket.write(batch, "latin1")) { /* until it takes no more */ }
    };
    socket.on("drain", pour);
    pour();
  }
  const times: number[] = [];
  for (const n of numbers(50)) {
    const started = performance.now();
    assert.equal(await other.ask(numberedRequest(n)), numberedReply(n));
    times.push(performance.now() - started);
  }
  const median = times.sort((a, b) => a - b)[25] ?? NaN;
  assert.ok(median < 100, `half of the answers took more than ${median} ms`);
});

test("a connection that completes no request within idle-timeout is closed", async (t) => {
  const daemon = await startDaemon(t, ["--idle-timeout", "1s", "--log-level", "debug"]);
  const silent = await connect(t, daemon.endpoints[0]);
  const trickling = await connect(t, daemon.endpoints[0]);
  const used = await connect(t, daemon.endpoints[0]);
  let over = 0;
  void silent.closed.then(() => over++);
  void trickling.closed.then(() => over++);
  const trickle = setInterval(() => trickling.socket.writable && trickling.send("a"), 50);
  atEnd(t, () => clearInterval(trickle));
  let asked = 0;
  await waitFor("the idle ones to be closed", async () => {
    assert.equal(await used.ask(request({ protocol_state: "DATA" })), dunno);
    asked++;
    return over === 2;
  }, 5000);
  assert.ok(asked > 5, `asked ${asked} times`);
  assert.equal(silent.received() + trickling.received(), "");
  await logs(daemon, "idle for too long");
  assert.equal(await used.ask(request({ protocol_state: "DATA" })), dunno);
});

test("a request that the store keeps waiting is not idle", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, [
    ...["--store", `memcached:${memcached.server}`, "--store-timeout", "1500ms"],
    ...["--idle-timeout", "500ms", "--on-store-failure", "defer"],
  ]);
  const client = await connect(t, daemon.endpoints[0]);
  await client.ask(request());
  memcached.freeze();
  assert.match(await client.ask(request()), /^action=DEFER_IF_PERMIT /);
});

test("at max-connections the one that is idle longest makes room", async (t) => {
  const daemon = await startDaemon(t, ["--max-connections", "2", ...numbered]);
  const [a, b] = [
    await connect(t, daemon.endpoints[0]),
    await connect(t, daemon.endpoints[0]),
  ];
  assert.equal(await b.ask(numberedRequest(1)), numberedReply(1));
  assert.equal(await a.ask(numberedRequest(2)), numberedReply(2));
  const c = await connect(t, daemon.endpoints[0]);
  assert.equal(await c.ask(numberedRequest(3)), numberedReply(3));
  await b.closed;
  assert.equal(b.received(), numberedReply(1));
  assert.equal(await a.ask(numberedRequest(4)), numberedReply(4));
  assert.doesNotMatch(daemon.stderr(), /refused a connection/);
});

test("at max-connections, when all are at work, a new one is refused and logged", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, [
    ...["--store", `memcached:${memcached.server}`, "--store-timeout", "30s"],
    ...["--max-connections", "2", ...numbered],
  ]);
  const clients = [
    await connect(t, daemon.endpoints[0]),
    await connect(t, daemon.endpoints[0]),
  ];
  for (const client of clients) await client.ask(numberedRequest(0));
  memcached.freeze();
  for (const [n, client] of clients.entries()) {
    await sendInFlight(client, numberedRequest(n + 1), memcached.port);
  }
  const refused = await connect(t, daemon.endpoints[0]);
  refused.send(numberedRequest(3));
  await refused.closed;
  assert.equal(refused.received(), "");
  await logs(daemon, /refused a connection: all of max-connections \(2\) are at work/);
  memcached.thaw();
  for (const [n, client] of clients.entries()) {
    assert.equal((await client.replies(2))[1], numberedReply(n + 1));
  }
});

test("a peer that has closed its half still gets the answers to what it sent", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, ["--store", `memcached:${memcached.server}`, ...numbered]);
  const client = await connect(t, daemon.endpoints[0]);
  client.socket.end(numbers(50).map(numberedRequest).join(""), "latin1");
  await client.closed;
  assert.equal(client.received(), numbers(50).map(numberedReply).join(""));
  assert.doesNotMatch(daemon.stderr(), /closed 127/);
});

test("it goes on accepting, however many connections have come and gone", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, ["--listen", `unix:${file}`, "--listen", "inet:127.0.0.1:0"]);
  for (const endpoint of daemon.endpoints) {
    // More than any queue of a listener was ever made for.
    for (let i = 0; i < 600; i++) {
      const client = await connect(t, endpoint);
      if (i % 50 === 0) await client.ask(request());
      client.socket.destroy();
    }
    const last = await connect(t, endpoint);
    assert.match(await last.ask(request()), /^action=/);
  }
});

test("a request that is none gets no reply, is logged and closed; others go on", async (t) => {
  const daemon = await startDaemon(t, ["--max-request-size", "16 KiB", ...numbered]);
  const other = await connect(t, daemon.endpoints[0]);
  await other.ask(numberedRequest(0));
  const broken: readonly [string, RegExp][] = [
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", /closed 127\.0\.0\.1:\d+: request is not smtpd_access/],
    [request({ request: "junk" }), /request is not smtpd_access_policy/],
    ["\n".repeat(16_385), /request of more than 16384 bytes/],
    [request({ helo_name: "x".repeat(16_384) }), /request of more than 16384 bytes/],
    // One that never ends is not waited for.
    [
      `request=smtpd_access_policy\nhelo_name=${"x".repeat(17_000)}`,
      /request of more than 16384 bytes/,
    ],
    [String.fromCharCode(...numbers(256)) + "\n\n", /request is not smtpd_access_policy/],
  ];
  for (const [bytes, line] of broken) {
    const client = await connect(t, daemon.endpoints[0]);
    // What came before is answered; what comes behind is not.
    assert.equal(await client.ask(numberedRequest(1)), numberedReply(1));
    client.send(bytes + numberedRequest(2));
    await client.closed;
    assert.equal(client.received(), numberedReply(1), JSON.stringify(bytes.slice(0, 40)));
    await logs(daemon, line);
    assert.equal(await other.ask(numberedRequest(3)), numberedReply(3));
  }
  const cut = await connect(t, daemon.endpoints[0]);
  cut.socket.end("request=smtpd_access_policy\n", "latin1");
  await cut.closed;
  assert.equal(cut.received(), "");
  await logs(daemon, "ended after 28 bytes of a request");
  assert.equal(await other.ask(numberedRequest(4)), numberedReply(4));
});

test("peers that vanish in the middle of anything hurt nobody", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, [
    ...["--store", `memcached:${memcached.server}`, "--store-timeout", "300ms", ...numbered],
  ]);
  const other = await connect(t, daemon.endpoints[0]);
  await other.ask(numberedRequest(0));
  for (const n of numbers(30)) {
    const client = await connect(t, daemon.endpoints[0]);
    client.send(numbers(n).map(numberedRequest).join("") + numberedRequest(n).slice(0, n * 5));
    if (n % 2 === 0) client.socket.resetAndDestroy();
    else client.socket.destroy();
  }
  memcached.freeze();
  const vanishing = await connect(t, daemon.endpoints[0]);
  await sendInFlight(vanishing, numberedRequest(1), memcached.port);
  vanishing.socket.resetAndDestroy();
  memcached.thaw();
  assert.equal(await other.ask(numberedRequest(1)), numberedReply(1));
  assert.doesNotMatch(daemon.stderr(), /internal error/);
  assert.equal(await daemon.stop(), 0);
});

test("with memcached frozen or gone, answers come within store-timeout", async (t) => {
  const memcached = await startMemcached(t);
  for (const [policy, reply] of [["accept", /^action=DUNNO\n\n$/], ["defer", deferred]] as const) {
    const daemon = await startDaemon(t, [
      ...["--store", `memcached:${memcached.server}`, "--store-timeout", "300ms"],
      ...["--on-store-failure", policy],
    ]);
    const client = await connect(t, daemon.endpoints[0]);
    assert.match(await client.ask(request({ sender: `${policy}@example.org` })), deferred);
    const asked = async () => {
      const started = performance.now();
      assert.match(await client.ask(request()), reply);
      return performance.now() - started;
    };
    memcached.freeze();
    for (let n = 0; n < 5; n++) assert.ok(await asked() < 800);
    await logs(daemon, /store memcached:\S+ is not usable: /);
    memcached.thaw();
    await waitFor("the store to be used again", async () => {
      await client.ask(request());
      return /store memcached:\S+ is usable again/.test(daemon.stderr());
    });
    await memcached.stop();
    for (let n = 0; n < 5; n++) assert.ok(await asked() < 800);
    await memcached.restart();
    assert.equal(await daemon.stop(), 0);
  }
});
