import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, dunno, request, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";

test("two daemons with one memcached see each other's entries at once", async (t) => {
  const memcached = await startMemcached(t);
  const store = ["--store", `memcached:${memcached.server}`, "--delay", "2s"];
  const [mx1, mx2] = await Promise.all([startDaemon(t, store), startDaemon(t, store)]);
  const [one, two] = [await connect(t, mx1.endpoints[0]), await connect(t, mx2.endpoints[0])];
  const deferred = /^action=DEFER_IF_PERMIT /;
  assert.match(await one.ask(request({ instance: "1" })), deferred);
  assert.match(await two.ask(request({ instance: "2" })), deferred);
  assert.match(mx2.stderr(), /reason=early-retry/);
  await new Promise((resolve) => setTimeout(resolve, 2100));
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
      const reply = await postfix.ask(
        request({ sender: `${"abcdefghij"[i % 10]}x${i}y@r${round}` }),
      );
      if (reply === dunno) through++;
    }
    return through;
  };
  assert.equal(await ask(1), 0);
  await servers[1].freeze();
  const through = await ask(2);
  assert.ok(through > 5 && through < 35, `${through} of 60 were let through`);
  assert.equal(mx.stderr().match(/is not usable/g)?.length, 1);
  await servers[1].thaw();
  let round = 3;
  const end = performance.now() + 10_000;
  while (await ask(round++) > 0) assert.ok(performance.now() < end, "it does not come back");
  assert.equal(mx.stderr().match(/is usable again/g)?.length, 1);
});
