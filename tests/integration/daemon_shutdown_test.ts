/** The end of a daemon in good order: what has arrived is answered, and nobody is waited for too long. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import { connect, dunno, request, sendInFlight, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { logs, numbered, numberedReply, numberedRequest, numbers } from "../support/numbered.ts";
import { tempDir, waitFor } from "../support/process.ts";

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
      const bytes = numberedRequest(n + 10);
      await new Promise((resolve) => client.socket.write(bytes, "latin1", resolve));
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
      assert.equal(client.received(), [0, n + 1, n + 10].map(numberedReply).join(""));
    }
    assert.equal(await stopped, 0);
    assert.ok(performance.now() - started < 5000);
    assert.match(daemon.stderr(), /stopped/);
  });
}

test("SIGTERM: what is in its sockets is answered, whether it was read, or even accepted", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, [
    ...["--listen", `unix:${file}`, "--listen", "inet:127.0.0.1:0", ...numbered],
  ]);
  const connectTwenty = () =>
    Promise.all(numbers(20).map((n) => connect(t, daemon.endpoints[n % 2])));
  const clients = await connectTwenty();
  for (const client of clients) await client.ask(numberedRequest(0));
  // So that it can read nothing before the signal.
  process.kill(daemon.pid, "SIGSTOP");
  clients.push(...await connectTwenty());
  for (const client of clients) {
    // In two pieces, of which the second waits behind the first.
    for (const some of [numbers(8), numbers(16).slice(8)]) {
      const bytes = some.map(numberedRequest).join("");
      await new Promise((resolve) => client.socket.write(bytes, "latin1", resolve));
    }
  }
  const stopped = daemon.stop("SIGTERM", 10_000);
  process.kill(daemon.pid, "SIGCONT");
  const expected = numbers(16).map(numberedReply).join("");
  for (const [n, client] of clients.entries()) {
    await client.closed;
    assert.equal(client.received(), (n < 20 ? numberedReply(0) : "") + expected);
  }
  assert.equal(await stopped, 0);
});

test("SIGTERM: a peer that asks on and on is answered, and left between two requests", async (t) => {
  const daemon = await startDaemon(t, numbered);
  const client = await connect(t, daemon.endpoints[0]);
  let asked = 0;
  const asking = (async () => {
    for (;; asked++) await client.ask(numberedRequest(1), 1000);
  })().catch(() => {/* it was closed */});
  await waitFor("some answers", () => asked > 20);
  const started = performance.now();
  assert.equal(await daemon.stop("SIGTERM", 10_000), 0);
  assert.ok(performance.now() - started < 3000);
  await asking;
  assert.equal(client.received(), numberedReply(1).repeat(asked));
});

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
