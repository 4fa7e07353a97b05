/**
 * Mode daemon with real processes and sockets: listeners, connections, and the end in good order; and what
 * the peers get when something is broken.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import {
  type Client,
  connect,
  dunno,
  flood,
  request,
  residentKilobytes,
  sendInFlight,
  startDaemon,
  startProgram,
} from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, type Running, tempDir, waitFor } from "../support/process.ts";

/** Replies carry the recipient's domain, so that it can be told which request they answer. */
const numbered = ["--text", "4.2.0 for %r"];
const numberedRequest = (n: number) => request({ recipient: `bob@r${n}.example` });
const numberedReply = (n: number) => `action=DEFER_IF_PERMIT 4.2.0 for r${n}.example\n\n`;
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

const deferred = /^action=DEFER_IF_PERMIT 4\.2\.0 Greylisted, .*30[01] seconds\n\n$/;

/** A port that the kernel has for us at ::1, if this machine has IPv6. */
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = net.createServer().once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});

const logs = (daemon: Running, text: string | RegExp) =>
  waitFor(`the log to say ${text}`, () => new RegExp(text).test(daemon.stderr()));

/** Asserts that the daemon answers a new connection as it should. */
async function assertServes(t: Parameters<typeof connect>[0], endpoint: string | undefined) {
  const client = await connect(t, endpoint);
  assert.equal(await client.ask(request({ protocol_state: "DATA" }), 2000), dunno);
  client.socket.destroy();
}

test("it listens on several endpoints, and logs the ports it really has", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const args = ["--listen", "inet:127.0.0.1:0", "--listen", `unix:${file}`];
  if (hasIpv6) args.push("--listen", "inet:[::1]:0");
  const daemon = await startDaemon(t, args);
  const [first, second, third] = daemon.endpoints;
  assert.match(first ?? "", /^inet:127\.0\.0\.1:[1-9]\d+$/);
  assert.equal(second, `unix:${file}`);
  if (hasIpv6) assert.match(third ?? "", /^inet:\[::1\]:[1-9]\d+$/);
  assert.equal(daemon.endpoints.length, hasIpv6 ? 3 : 2);
  for (const [n, endpoint] of daemon.endpoints.entries()) {
    const client = await connect(t, endpoint);
    // The same state is behind all of them.
    const reply = await client.ask(request());
    assert.match(reply, n === 0 ? deferred : /^action=DEFER_IF_PERMIT 4\.2\.0 Greylisted/);
  }
  assert.equal((daemon.stderr().match(/reason=new/g) ?? []).length, 1);
});

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
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n", /closed 127\.0\.0\.1:\d+: line 1 is not name=value/],
    [request({ request: "junk" }), /request is not smtpd_access_policy/],
    ["\n", /request without attributes/],
    [request({ helo_name: "x".repeat(16_384) }), /request of more than 16384 bytes/],
    // One that never ends is not waited for.
    [
      `request=smtpd_access_policy\nhelo_name=${"x".repeat(17_000)}`,
      /request of more than 16384 bytes/,
    ],
    [String.fromCharCode(...numbers(256)) + "\n\n", /is not name=value/],
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

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal}: what is in flight is answered, then it exits with 0`, async (t) => {
    const memcached = await startMemcached(t);
    const file = path.join(tempDir(t), "socket");
    const daemon = await startDaemon(t, [
      ...["--store", `memcached:${memcached.server}`, "--store-timeout", "30s", ...numbered],
      ...["--listen", `unix:${file}`, "--listen", "inet:127.0.0.1:0"],
    ]);
    const [unix, inet] = daemon.endpoints;
    const clients = [await connect(t, unix), await connect(t, inet)];
    for (const client of clients) await client.ask(numberedRequest(0));
    const idle = await connect(t, inet);
    memcached.freeze();
    for (const [n, client] of clients.entries()) {
      await sendInFlight(client, numberedRequest(n + 1), memcached.port);
      client.send(numberedRequest(n + 10));
    }
    const started = performance.now();
    const stopped = daemon.stop(signal, 10_000);
    await logs(daemon, `${signal}: finishing what is in flight`);
    await idle.closed;
    assert.equal(idle.received(), "");
    await waitFor("nobody to be let in", () => !fs.existsSync(file));
    await assert.rejects(connect(t, inet));
    memcached.thaw();
    for (const [n, client] of clients.entries()) {
      await client.closed;
      // The second was there, or was not: it is answered rightly or not at all.
      const all = [0, n + 1, n + 10].map(numberedReply);
      assert.ok(
        [all.join(""), all.slice(0, 2).join("")].includes(client.received()),
        client.received(),
      );
    }
    assert.equal(await stopped, 0);
    assert.ok(performance.now() - started < 5000);
    assert.match(daemon.stderr(), /stopped/);
  });
}

test("SIGTERM with nothing in flight: it is gone at once, whatever connections it had", async (t) => {
  const daemon = await startDaemon(t, []);
  const idle = await connect(t, daemon.endpoints[0]);
  await idle.ask(request());
  const left = await connect(t, daemon.endpoints[0]);
  await left.ask(request());
  left.socket.end();
  await left.closed;
  const started = performance.now();
  assert.equal(await daemon.stop(), 0);
  assert.ok(performance.now() - started < 1500);
});

test("SIGTERM with a store that does not answer: the timeout's answer, then exit 0", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, ["--store", `memcached:${memcached.server}`]);
  const client = await connect(t, daemon.endpoints[0]);
  await client.ask(request());
  memcached.freeze();
  await sendInFlight(client, request(), memcached.port);
  assert.equal(await daemon.stop("SIGTERM", 10_000), 0);
  assert.equal((await client.replies(2))[1], dunno);
});

test("a second signal does not cut off what the first lets finish", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, ["--store", `memcached:${memcached.server}`]);
  const client = await connect(t, daemon.endpoints[0]);
  await client.ask(request());
  memcached.freeze();
  await sendInFlight(client, request(), memcached.port);
  const stopped = daemon.stop("SIGTERM", 10_000);
  await logs(daemon, "SIGTERM: finishing what is in flight");
  for (const signal of ["SIGHUP", "SIGTERM", "SIGINT"] as const) process.kill(daemon.pid, signal);
  assert.equal(await stopped, 0);
  assert.equal((await client.replies(2))[1], dunno);
});

test("SIGTERM with peers that take no answers: exit 0 within 5 s all the same", async (t) => {
  const memcached = await startMemcached(t);
  const daemon = await startDaemon(t, [
    ...["--store", `memcached:${memcached.server}`, "--store-timeout", "60s"],
  ]);
  const client = await connect(t, daemon.endpoints[0]);
  await client.ask(request());
  memcached.freeze();
  await sendInFlight(client, request(), memcached.port);
  const started = performance.now();
  assert.equal(await daemon.stop("SIGTERM", 10_000), 0);
  const took = performance.now() - started;
  assert.ok(took < 5000, `took ${took} ms`);
  await client.closed;
});

test("its unix socket is open to other users whatever the umask, and gone at the end", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const umask = process.umask(0o077);
  let daemon;
  try {
    daemon = await startDaemon(t, ["--listen", `unix:${file}`]);
  } finally {
    process.umask(umask);
  }
  assert.equal(fs.statSync(file).mode & 0o777, 0o666);
  await assertServes(t, daemon.endpoints[0]);
  assert.equal(await daemon.stop(), 0);
  assert.equal(fs.existsSync(file), false);
});

test("a socket file that a killed server left behind is replaced", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const killed = await startDaemon(t, ["--listen", `unix:${file}`]);
  assert.equal(await killed.stop("SIGKILL"), "SIGKILL");
  assert.ok(fs.existsSync(file), "SIGKILL leaves it there");
  const next = await startDaemon(t, ["--listen", `unix:${file}`]);
  await assertServes(t, next.endpoints[0]);
});

test("a socket with a living server behind it is left to that server", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const first = await startDaemon(t, ["--listen", `unix:${file}`]);
  const second = startProgram(t, ["--mode", "daemon", "--listen", `unix:${file}`]);
  assert.equal(await second.exited, 1);
  assert.match(second.stderr(), /Cannot listen on unix:\S+\/socket: another server is listening/);
  await assertServes(t, first.endpoints[0]);
});

test("what it stops for does not touch the socket of the server that took its place", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const first = await startDaemon(t, ["--listen", `unix:${file}`]);
  fs.rmSync(file);
  const second = await startDaemon(t, ["--listen", `unix:${file}`]);
  assert.equal(await first.stop(), 0);
  await assertServes(t, second.endpoints[0]);
});

test("a file that is no socket is not replaced", async (t) => {
  const file = path.join(tempDir(t), "precious");
  fs.writeFileSync(file, "data");
  const daemon = startProgram(t, ["--mode", "daemon", "--listen", `unix:${file}`]);
  assert.equal(await daemon.exited, 1);
  assert.match(daemon.stderr(), /Cannot listen on unix:\S+: \S+ is there, and is no socket/);
  assert.equal(fs.readFileSync(file, "latin1"), "data");
});

test("a port that is taken is said so, and none of the other endpoints stays", async (t) => {
  const server = net.createServer();
  atEnd(t, () => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const file = path.join(tempDir(t), "socket");
  const daemon = startProgram(t, [
    ...["--mode", "daemon", "--store", "memory"],
    ...["--listen", `unix:${file}`, "--listen", `inet:127.0.0.1:${port}`],
  ]);
  assert.equal(await daemon.exited, 1);
  assert.match(
    daemon.stderr(),
    new RegExp(`Cannot listen on inet:127.0.0.1:${port}: .*(in use|INUSE)`),
  );
  assert.equal(fs.existsSync(file), false);
});

test("that it cannot start is told on standard error, too, when the log is elsewhere", async (t) => {
  const dir = tempDir(t);
  fs.writeFileSync(path.join(dir, "precious"), "");
  const log = path.join(dir, "log");
  const daemon = startProgram(t, [
    ...["--mode", "daemon", "--store", "memory", "--log", `file:${log}`],
    ...["--listen", `unix:${dir}/precious`],
  ]);
  assert.equal(await daemon.exited, 1);
  assert.match(daemon.stderr(), /^greylist: Cannot listen on unix:/);
  assert.match(fs.readFileSync(log, "latin1"), /Cannot listen on unix:/);
});

test("with few descriptors it takes fewer connections, rather than to run out of them", async (t) => {
  const daemon = await startDaemon(t, numbered, ["prlimit", "--nofile=200"]);
  await logs(
    daemon,
    /max-connections is \d+, not 1000: more would exceed the limit of open files/,
  );
  const clients: Client[] = [];
  for (const n of numbers(250)) {
    const client = await connect(t, daemon.endpoints[0]);
    assert.equal(await client.ask(numberedRequest(n)), numberedReply(n));
    clients.push(client);
  }
  // Connections that come all at once, too.
  const many = await Promise.all(numbers(50).map(() => connect(t, daemon.endpoints[0])));
  for (const client of many.slice(-10)) {
    assert.equal(await client.ask(numberedRequest(1)), numberedReply(1));
  }
  for (const client of [...clients, ...many]) client.socket.destroy();
  await assertServes(t, daemon.endpoints[0]);
  assert.doesNotMatch(daemon.stderr(), /Cannot accept/);
  assert.equal(await daemon.stop(), 0);
});
