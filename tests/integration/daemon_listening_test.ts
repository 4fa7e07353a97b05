/** Where a daemon listens: addresses, unix sockets, and that it goes on accepting. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import {
  type Client,
  connect,
  dunno,
  request,
  startDaemon,
  startProgram,
  underBun,
} from "../support/greylist.ts";
import {
  assertServes,
  deferred,
  logs,
  numbered,
  numberedReply,
  numberedRequest,
  numbers,
} from "../support/numbered.ts";
import { atEnd, freePort, start, tempDir, waitFor } from "../support/process.ts";

/** Whether this machine has IPv6. */
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = net.createServer().once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});

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

test("an address that another one covers is served by it, in whatever order they are named", async (t) => {
  const port = await freePort();
  const wildcards = hasIpv6 ? ["0.0.0.0", "[::]"] : ["0.0.0.0"];
  for (
    const hosts of [wildcards, [...wildcards].reverse(), ["127.0.0.1", ...wildcards, "localhost"]]
  ) {
    const named = hosts.map((host) => `inet:${host}:${port}`);
    const daemon = await startDaemon(t, named.flatMap((endpoint) => ["--listen", endpoint]));
    assert.deepEqual(daemon.endpoints, named);
    await assertServes(t, `inet:127.0.0.1:${port}`);
    if (hasIpv6) await assertServes(t, `inet:[::1]:${port}`);
    assert.equal(await daemon.stop(), 0);
  }
});

test("where [::] is IPv6 alone, 0.0.0.0 is listened on beside it", async (t) => {
  // In a network of its own, which is the only place to change this.
  const words = 'ip link set lo up && sysctl -qw net.ipv6.bindv6only=1 && exec "$@"';
  const inNetwork = ["unshare", "--net", "sh", "-c", words, "sh"];
  if (spawnSync(inNetwork[0] ?? "", [...inNetwork.slice(1), "true"]).status !== 0) {
    return t.skip("no network namespaces here");
  }
  const listen = ["inet:[::]:10023", "inet:0.0.0.0:10023"];
  const daemon = await startDaemon(
    t,
    listen.flatMap((endpoint) => ["--listen", endpoint]),
    inNetwork,
  );
  assert.deepEqual(daemon.endpoints, listen);
  for (const address of ["TCP4:127.0.0.1:10023", "TCP6:[::1]:10023"]) {
    const args = ["-t", String(daemon.pid), "--net", "socat", "-t2", "-", address];
    const asking = start(t, "nsenter", args);
    asking.child.stdin?.end(request({ protocol_state: "DATA" }));
    assert.equal(await asking.exited, 0, asking.stderr());
    assert.equal(asking.stdout(), dunno, address);
  }
});

test("localhost is 127.0.0.1", async (t) => {
  if (underBun) return t.skip("Bun prefers ::1");
  const daemon = await startDaemon(t, ["--listen", "inet:localhost:0"]);
  const port = /\d+$/.exec(daemon.endpoints[0] ?? "")?.[0];
  assert.equal(daemon.endpoints[0], `inet:localhost:${port}`);
  await assertServes(t, `inet:127.0.0.1:${port}`);
  if (hasIpv6) await assert.rejects(connect(t, `inet:[::1]:${port}`));
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
  await logs(first, /Cannot accept on unix:\S+: another server has taken its place/);
  assert.equal(await first.stop(), 0);
  await assertServes(t, second.endpoints[0]);
});

test("a socket file that somebody removed is there again soon", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, ["--listen", `unix:${file}`]);
  fs.rmSync(file);
  await waitFor("the file to be there", () => fs.existsSync(file), 20_000);
  await waitFor("it to be usable", () => (fs.statSync(file).mode & 0o777) === 0o666);
  await assertServes(t, daemon.endpoints[0]);
  assert.match(daemon.stderr(), /Cannot accept on unix:\S+: connections are not accepted any more/);
  assert.equal(await daemon.stop(), 0);
  assert.equal(fs.existsSync(file), false);
});

test("when it cannot listen again it ends with status 1, for its supervisor to see", async (t) => {
  const dir = path.join(tempDir(t), "run");
  fs.mkdirSync(dir);
  const listen = ["--listen", `unix:${dir}/socket`, "--listen", "inet:127.0.0.1:0"];
  const daemon = await startDaemon(t, listen);
  fs.rmSync(dir, { recursive: true });
  let status: number | string | undefined;
  void daemon.exited.then((value) => status = value);
  await waitFor("the daemon to end", () => status !== undefined, 20_000);
  assert.equal(status, 1);
  assert.match(daemon.stderr(), /Cannot listen on unix:/);
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

test("many that connect at once do not use up the descriptors", async (t) => {
  const daemon = await startDaemon(t, numbered, ["prlimit", "--nofile=256"]);
  const many = await Promise.all(numbers(400).map(() => connect(t, daemon.endpoints[0])));
  for (const client of many) client.socket.destroy();
  await assertServes(t, daemon.endpoints[0]);
  // Deno 2.6 runs out of them, says so, and goes on.
  assert.doesNotMatch(daemon.stderr(), /listening anew/);
});

test("a listener that has run out of descriptors accepts again, once there are some", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, ["--listen", "inet:127.0.0.1:0", "--listen", `unix:${file}`]);
  const limit = (files: string) =>
    assert.equal(
      spawnSync("prlimit", ["--pid", String(daemon.pid), `--nofile=${files}`]).status,
      0,
    );
  limit("8:4096");
  for (const endpoint of daemon.endpoints) await connect(t, endpoint);
  await new Promise((resolve) => setTimeout(resolve, 300));
  limit("4096:4096");
  for (const endpoint of daemon.endpoints) {
    await waitFor(`${endpoint} to be served`, async () => {
      const client = await connect(t, endpoint).catch(() => undefined);
      const reply = await client?.ask(numberedRequest(1), 500).catch(() => undefined);
      client?.socket.destroy();
      return reply?.startsWith("action=") ?? false;
    }, 30_000);
  }
  assert.equal(await daemon.stop(), 0);
});

test("who connects while there are no descriptors is answered once there are", async (t) => {
  const metrics = `inet:127.0.0.1:${await freePort()}`;
  const daemon = await startDaemon(t, ["--listen", "inet:127.0.0.1:0", "--metrics", metrics]);
  const limit = (files: string) => {
    const args = ["--pid", String(daemon.pid), `--nofile=${files}`];
    assert.equal(spawnSync("prlimit", args).status, 0);
  };
  limit("8:4096");
  const clients = await Promise.all(numbers(10).map(() => connect(t, daemon.endpoints[0])));
  const replies = Promise.all(
    clients.map((client) => client.ask(request({ protocol_state: "DATA" }), 5000)),
  );
  const check = await connect(t, metrics);
  check.socket.write("GET /healthz HTTP/1.1\r\n\r\n");
  let health = "";
  check.socket.on("data", (text) => health += text);
  await new Promise((resolve) => setTimeout(resolve, 300));
  limit("4096:4096");
  assert.deepEqual(new Set(await replies), new Set([dunno]));
  await waitFor("its health", () => health.startsWith("HTTP/1.1 200 OK"), 5000);
  assert.doesNotMatch(daemon.stderr(), /listening anew/);
});

test("looking whether it still accepts costs no client its connection, and no line", async (t) => {
  const file = path.join(tempDir(t), "socket");
  const daemon = await startDaemon(t, [
    ...["--listen", "inet:127.0.0.1:0", "--listen", `unix:${file}`],
    ...["--max-connections", "2", "--log-level", "debug"],
  ]);
  const before = daemon.stderr();
  const clients = [await connect(t, daemon.endpoints[0]), await connect(t, daemon.endpoints[1])];
  // It looks after 5 s.
  await new Promise((resolve) => setTimeout(resolve, 7500));
  assert.equal(daemon.stderr(), before);
  for (const client of clients) {
    assert.equal(await client.ask(request({ protocol_state: "DATA" })), dunno);
  }
});
