import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, dunno, request, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { waitFor } from "../support/process.ts";

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

test("with three servers the loss of one costs its share and nobody else, until it is back", async (t) => {
  const servers = await Promise.all([startMemcached(t), startMemcached(t), startMemcached(t)]);
  const names = servers.map(({ server }) => server).join(",");
  // Whatever is not answered by the store is let through.
  const mx = await startDaemon(t, ["--store", `memcached:${names}`, "--auto-whitelist", "0"]);
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
