/** The metrics of a running daemon, and that nothing that is done to their port is felt by Postfix. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import test from "node:test";
import { connect, type DaemonUnderTest, dunno, request, startDaemon } from "../support/greylist.ts";
import { atEnd, type Cleanup, waitFor } from "../support/process.ts";

const endpoint = "inet:127.0.0.1:0";

/** The metrics' port, as the daemon logged it. */
function portOf(daemon: DaemonUnderTest): number {
  const [, port] = /metrics are at inet:127\.0\.0\.1:(\d+)/.exec(daemon.stderr()) ?? [];
  return Number(port);
}

/** Sends bytes to a port, and gives all that comes back until the other side ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, "127.0.0.1").setEncoding("utf8");
  socket.on("error", () => {});
  let received = "";
  socket.on("data", (text: string) => received += text);
  socket.write(bytes);
  await once(socket, "close");
  return received;
}

const get = (port: number, path: string) =>
  exchange(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);

const descriptorsOf = (daemon: DaemonUnderTest) => fs.readdirSync(`/proc/${daemon.pid}/fd`).length;

/** The value of a series. */
function valueOf(page: string, series: string): number {
  const line = page.split("\n").find((line) => line.startsWith(`${series} `));
  assert.ok(line !== undefined, `${series} is not in ${page}`);
  return Number(line.slice(series.length));
}

/** Connections to a port that send the beginning of a request and then nothing. */
function halfRequests(t: Cleanup, port: number, number: number): net.Socket[] {
  return Array.from({ length: number }, () => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /metrics HT");
    atEnd(t, () => void socket.destroy());
    return socket;
  });
}

test("metrics tell what was decided, and health that it works and when it stops", async (t) => {
  const daemon = await startDaemon(t, ["--metrics", endpoint]);
  const port = portOf(daemon);
  const client = await connect(t, daemon.endpoints[0]);
  assert.match(await client.ask(request()), /DEFER/);
  assert.match(await client.ask(request()), /DEFER/);
  assert.equal(await client.ask(request({ protocol_state: "DATA" })), dunno);
  assert.equal(await client.ask(request({ client_address: "none" })), dunno);

  const page = await get(port, "/metrics");
  assert.match(page, /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; version=0\.0\.4/);
  const expected: readonly [string, number][] = [
    ['greylist_decisions_total{action="greylist",reason="new"}', 1],
    ['greylist_decisions_total{action="greylist",reason="early-retry"}', 1],
    ['greylist_decisions_total{action="pass",reason="client address unknown"}', 1],
    ['greylist_decisions_total{action="pass",reason="store failure"}', 0],
    ['greylist_not_asked_total{reason="not at RCPT"}', 1],
    ["greylist_answer_duration_seconds_count", 4],
    ['greylist_store_operation_duration_seconds_count{operation="read"}', 2],
    // Under the client's name, and under its address.
    ['greylist_entries_written_total{kind="waiting"}', 2],
    ["greylist_connections", 1],
    ["greylist_store_down", 0],
    ["greylist_log_lines_lost_total", 0],
  ];
  for (const [series, value] of expected) assert.equal(valueOf(page, series), value, series);

  const healthy = await get(port, "/healthz?verbose");
  assert.match(healthy, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\n/);
  const health = JSON.parse(healthy.slice(healthy.indexOf("\r\n\r\n")));
  assert.equal(health.status, "ok");
  assert.deepEqual(health.store, { name: "memory", down: [] });
  assert.equal(health.dns, "not asked");

  assert.match(await get(port, "/"), /^HTTP\/1\.1 404 /);
  assert.match(await exchange(port, "POST /metrics HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 405 /);
  assert.match(await exchange(port, "HEAD /metrics HTTP/1.0\r\n\r\n"), / 200 OK[^]*\r\n\r\n$/);
  assert.match(await exchange(port, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await exchange(port, "x".repeat(10_000)), /^HTTP\/1\.1 431 /);

  // Half a request keeps it from ending at once.
  client.send("request=smtpd_access_policy\n");
  client.socket.on("data", () => {});
  const stopped = daemon.stop();
  let stopping = "";
  await waitFor("health to tell of the end", async () => {
    stopping = await get(port, "/healthz");
    return stopping === "" || stopping.startsWith("HTTP/1.1 503 ");
  });
  assert.match(stopping, /"status":"stopping"/);
  assert.equal(await stopped, 0);
});

test("a thousand half requests to the metrics' port keep neither mail nor Prometheus waiting", async (t) => {
  const daemon = await startDaemon(t, ["--metrics", endpoint]);
  const port = portOf(daemon);
  const client = await connect(t, daemon.endpoints[0]);
  const [alone] = halfRequests(t, port, 1);
  const ended = new Promise<void>((resolve) => alone?.once("close", () => resolve()));
  const before = descriptorsOf(daemon);
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20_000))]);
  assert.ok(alone?.destroyed, "half a request has no end");

  const half = halfRequests(t, port, 1000);
  let most = 0;
  for (let n = 0; n < 100; n++) {
    assert.match(await client.ask(request({ sender: `a${n}@example.org` })), /DEFER/);
    most = Math.max(most, descriptorsOf(daemon));
  }
  // Sixteen connections, and what is accepted in one go before the oldest are closed.
  assert.ok(most < before + 16 + 64 + 16, `${most} descriptors, ${before} before`);
  // The kernel may let it wait for its turn.
  await waitFor("a page", async () => (await get(port, "/metrics")).includes(" 200 OK"), 60_000);
  for (const socket of half) socket.destroy();
  assert.equal(await daemon.stop(), 0);
});

test("a port that cannot be had is told, and mail is answered all the same", async (t) => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  atEnd(t, () => void taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const daemon = await startDaemon(t, ["--metrics", `inet:127.0.0.1:${port}`]);
  assert.match(daemon.stderr(), /Cannot serve metrics on inet:127\.0\.0\.1:\d+: .*EADDRINUSE/);
  const client = await connect(t, daemon.endpoints[0]);
  assert.match(await client.ask(request()), /DEFER/);
});
