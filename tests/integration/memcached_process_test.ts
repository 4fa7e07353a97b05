/** The Memcached adapter in a process of its own: silent, gone when done, deaf to its environment. */
import assert from "node:assert/strict";
import test from "node:test";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { faultyServer, onRequest, reply } from "../support/faulty_server.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, freePort, start, tempDir } from "../support/process.ts";

const child = fileURLToPath(new URL("../support/store_child.ts", import.meta.url));
const deno = "Deno" in globalThis;

/** Runs the child under the runtime that runs this test. */
function run(
  t: Cleanup,
  args: readonly string[],
  env: Record<string, string> = {},
  allow = ["-A"],
) {
  const runtime = deno ? ["run", "--no-prompt", "--quiet", "--no-check", ...allow] : [];
  // Deno's node:child_process adds -A behind its own path wherever it sees it among the arguments.
  return start(t, "sh", ["-c", 'exec "$RUNTIME" "$@"', "sh", ...runtime, child, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      RUNTIME: process.execPath,
      ...env,
    },
  });
}

async function silently(t: Cleanup, address: string, wanted: number) {
  const program = run(t, [address, "30", "close"]);
  assert.equal(await program.exited, wanted, program.stderr());
  assert.equal(program.stdout() + program.stderr(), "");
}

test("nothing is printed when Memcached works, is dead, frozen, closes, or is something else", async (t) => {
  const memcached = await startMemcached(t);
  await silently(t, `memcached:${memcached.server}`, 0);
  await silently(t, `memcached:127.0.0.1:${await freePort()}`, 3);
  await silently(t, "memcached:unix:/nonexistent/m.sock", 3);
  const web = await faultyServer(t, (socket) => {
    socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  await silently(t, `memcached:127.0.0.1:${web.port}`, 3);
  const closing = await faultyServer(t, (socket) => socket.end());
  await silently(t, `memcached:127.0.0.1:${closing.port}`, 3);
  // memjs logs every error that a server answers with, on the console unless it is told otherwise.
  const full = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => socket.write(reply(request, { status: 0x82 })));
  });
  await silently(t, `memcached:127.0.0.1:${full.port}`, 3);
  memcached.freeze();
  await silently(t, `memcached:${memcached.server}`, 3);
});

test("an open store keeps no process alive", async (t) => {
  const memcached = await startMemcached(t, { path: path.join(tempDir(t), "m.sock") });
  const hung = await faultyServer(t, () => {});
  const cases: [string, number, string][] = [
    // A timeout that would be noticed if something waited for it.
    [`memcached:${memcached.server}`, 0, "30000"],
    [`memcached:127.0.0.1:${hung.port}`, 3, "200"],
    [`memcached:127.0.0.1:${await freePort()}`, 3, "30000"],
  ];
  for (const [address, wanted, timeout] of cases) {
    const began = performance.now();
    const program = run(t, [address, "30", "leave", timeout]);
    assert.equal(await program.exited, wanted, program.stderr());
    assert.ok(performance.now() - began < 5000, address);
  }
});

test("variables that memjs would read change nothing", async (t) => {
  const memcached = await startMemcached(t);
  const asked: number[] = [];
  const server = await faultyServer(t, (socket) => {
    onRequest(socket, (request) => (asked.push(request.opcode), socket.write(reply(request))));
  });
  const env = Object.fromEntries(
    ["MEMCACHIER", "MEMCACHE"].flatMap((prefix) => [
      [`${prefix}_USERNAME`, "mallory"],
      [`${prefix}_PASSWORD`, "secret"],
      [`${prefix}_SERVERS`, `127.0.0.1:${server.port}`],
    ]),
  );
  const elsewhere = run(t, [`memcached:${memcached.server}`, "1"], env);
  assert.equal(await elsewhere.exited, 0, elsewhere.stderr());
  assert.equal(server.connections, 0, "the servers are those of the address");
  await run(t, [`memcached:127.0.0.1:${server.port}`, "1"], env).exited;
  assert.deepEqual([...new Set(asked)], [1, 0], "a put and a get, and no login");
});

// Only Deno can take them away.
const testUnderDeno: typeof test | (() => void) = deno ? test : () => {};
testUnderDeno("neither the environment nor the file system is needed", async (t) => {
  const memcached = await startMemcached(t);
  const allow = [`--allow-net=127.0.0.1:${memcached.port}`];
  const program = run(t, [`memcached:${memcached.server}`, "5"], {}, allow);
  assert.equal(await program.exited, 0, program.stderr());
  const denied = run(t, [`memcached:${memcached.server}`, "5"], {}, []);
  assert.equal(await denied.exited, 3, "without the network it is a StoreError");
  assert.equal(denied.stdout() + denied.stderr(), "");
});
