import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect, dunno, request, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { Senders, startMxs } from "../support/mxs.ts";
import { type Cleanup, tempDir, waitFor } from "../support/process.ts";

test("two daemons with one memcached see each other's entries at once", async (t) => {
  const memcached = await startMemcached(t);
  const store = ["--store", `memcached:${memcached.server}`, "--delay", "2s"];
  const [mx1, mx2] = await Promise.all([startDaemon(t, store), startDaemon(t, store)]);
  const [one, two] = [await connect(t, mx1.endpoints[0]), await connect(t, mx2.endpoints[0])];
  const deferred = /^action=DEFER_IF_PERMIT /;
  assert.match(await one.ask(request({ instance: "1" })), deferred);
  assert.match(await two.ask(request({ instance: "2" })), deferred);
  // The line follows the answer.
  await waitFor("the second one's line", () => mx2.stderr().includes("reason=early-retry"));
  await new Promise((resolve) => setTimeout(resolve, 3100));
  assert.match(await two.ask(request({ instance: "3" })), /^action=PREPEND X-Greylist: /);
  assert.equal(await one.ask(request({ instance: "4" })), dunno);
});

test("with one copy the loss of one of three servers costs its share and nobody else, until it is back", async (t) => {
  const servers = await Promise.all([startMemcached(t), startMemcached(t), startMemcached(t)]);
  const names = servers.map(({ server }) => server).join(",");
  // Whatever is not answered by the store is let through.
  const store = ["--store", `memcached:${names}`, "--store-copies", "1"];
  const mx = await startDaemon(t, [...store, "--auto-whitelist", "0"]);
  const postfix = await connect(t, mx.endpoints[0]);
  const ask = async (round: number) => {
    let through = 0;
    for (let i = 0; i < 60; i++) {
      // The sender's domain chooses the server.
      const reply = await postfix.ask(request({ sender: `alice@d${i}r${round}.example` }));
      if (reply === dunno) through++;
    }
    return through;
  };
  assert.equal(await ask(1), 0);
  await servers[1].freeze();
  const through = await ask(2);
  assert.ok(through > 5 && through < 35, `${through} of 60 were let through`);
  await waitFor("the line of the loss", () => mx.stderr().includes("is not usable"));
  await servers[1].thaw();
  let round = 3;
  const end = performance.now() + 10_000;
  while (await ask(round++) > 0) assert.ok(performance.now() < end, "it does not come back");
  await waitFor("the line of its return", () => mx.stderr().includes("is usable again"));
  for (const line of [/is not usable/g, /is usable again/g]) {
    assert.equal(mx.stderr().match(line)?.length, 1);
  }
});

const memcacheds = (t: Cleanup, count: number) =>
  Promise.all(Array.from({ length: count }, () => startMemcached(t)));

const storeOf = (servers: readonly { readonly server: string }[]) =>
  `memcached:${servers.map(({ server }) => server).join(",")}`;

/** Longer, and with every way of failing, in tests/faults/copies_test.ts. */
test("three MXs lose a server of three, get another, and lose one for good: no known mail waits", async (t) => {
  const servers = await memcacheds(t, 4), [first, second] = servers;
  const file = path.join(tempDir(t), "greylist.conf");
  const write = (servers: readonly { readonly server: string }[]) =>
    fs.writeFileSync(file, `store = ${storeOf(servers)}\n`);
  write(servers.slice(0, 3));
  const mxs = await startMxs(t, 3, ["--config", file]);
  const senders = new Senders(t, mxs, 9), others = new Senders(t, mxs, 9, 1);
  const known = senders.mails(200);
  await senders.makeKnown(known);
  /** Has other mail come, known and new, for as long as that takes. */
  const beside = async (how: () => Promise<void>) => {
    let going = true;
    const course = others.go(known, () => going);
    await how();
    going = false;
    await course;
  };
  /** Asks about all that is known; a connection that is closed counts as wrong. */
  const check = async () => assert.deepEqual((await senders.askAbout(known)).wrong, []);
  const logged = async (text: string, how: () => void) => {
    const times = () => mxs.map((mx) => mx.log().split(text).length);
    const before = times();
    how();
    await waitFor(text, () => times().every((count, i) => count > (before[i] ?? 0)));
    await check();
  };

  await beside(async () => {
    await logged("is not usable", () => second?.freeze());
    await logged("is usable again", () => second?.thaw());
  });
  const reload = (servers: readonly { readonly server: string }[]) =>
    logged("took the new configuration", () => {
      write(servers);
      for (const mx of mxs) process.kill(mx.pid, "SIGHUP");
    });
  // Other new mail than before: what was first tried while the second was away may be on the first alone.
  await beside(async () => {
    await reload(servers);
    await first?.stop();
    await check();
    await reload(servers.slice(1));
  });
  const { wrong, answers } = others.outcome();
  assert.deepEqual(wrong, []);
  assert.ok(answers > 100, `${answers} answers`);
  for (const mx of mxs) assert.doesNotMatch(mx.log(), /only a restart|internal error/);
});
