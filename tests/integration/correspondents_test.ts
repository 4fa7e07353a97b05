/** Whom our users write to is learned beside the answer: nobody waits for it, but the end of the program. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Client,
  connect,
  dunno,
  request,
  startDaemon,
  startSpawned,
} from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, waitFor } from "../support/process.ts";
import { late, startProxy } from "../support/proxy.ts";

const user = "a user, \x1b[2J\xff";
const letter = (n = 0) =>
  request({ sasl_username: user, sender: "robin@example.com", recipient: `kim@b${n}.example` });
const answer = (n = 0) =>
  request({
    client_name: "mx.b.example",
    client_address: "198.51.100.7",
    sender: `kim@b${n}.example`,
    recipient: "robin@example.com",
  });

const learns = ["--learn-correspondents"];

/** A program in one of its modes, and what ends it as Postfix, or the system, does; gives its exit status. */
interface Started {
  readonly client: Client;
  end(): Promise<number | string>;
}

const modes: Record<string, (t: Cleanup, args: readonly string[]) => Promise<Started>> = {
  async spawn(t, args) {
    const { client, running } = await startSpawned(t, { args: [...args, "--log", "none"] });
    return { client, end: () => (client.socket.destroy(), running.exited) };
  },
  async daemon(t, args) {
    const daemon = await startDaemon(t, args);
    return { client: await connect(t, daemon.endpoints[0]), end: () => daemon.stop() };
  },
};

/** Asks a daemon of its own about an answer. */
async function isKnown(t: Cleanup, store: string, n = 0): Promise<boolean> {
  const { endpoints } = await startDaemon(t, [...learns, "--store", store]);
  return await (await connect(t, endpoints[0])).ask(answer(n)) === dunno;
}

for (const [mode, start] of Object.entries(modes)) {
  test(`${mode}: what the last letter taught is written before the program ends`, async (t) => {
    const memcached = await startMemcached(t);
    const proxy = await startProxy(t, memcached.port);
    const store = ["--store", `memcached:${proxy.server}`, "--store-timeout", "10s"];
    const { client, end } = await start(t, [...learns, ...store]);
    // Its connection is there.
    assert.equal(await client.ask(letter(1)), dunno);
    await waitFor("the connection to be used", () => proxy.connections > 0);
    proxy.behave(late(200));
    assert.equal(await client.ask(letter()), dunno);
    assert.equal(await end(), 0);
    assert.ok(await isKnown(t, `memcached:${memcached.server}`));
    assert.ok(!await isKnown(t, `memcached:${memcached.server}`, 2), "and nobody else");
  });

  test(`${mode}: with a store that hangs a letter is answered at once, and the end waits no longer than the store timeout`, async (t) => {
    const memcached = await startMemcached(t);
    const { client, end } = await start(t, [
      ...[...learns, "--store", `memcached:${memcached.server}`, "--store-timeout", "2500ms"],
    ]);
    memcached.freeze();
    const began = performance.now();
    for (let n = 0; n < 3; n++) assert.equal(await client.ask(letter(n)), dunno);
    const answered = performance.now() - began;
    assert.ok(answered < 2000, `answered after ${answered} ms`);
    assert.equal(await end(), 0);
    const ended = performance.now() - began;
    assert.ok(ended > 2000 && ended < 6000, `ended after ${ended} ms`);
  });
}

test("a flood of letters is answered while the store hangs, and costs neither memory nor what comes then", async (t) => {
  const memcached = await startMemcached(t);
  const args = [...learns, "--store", `memcached:${memcached.server}`, "--store-timeout", "5s"];
  const daemon = await startDaemon(t, args);
  const client = await connect(t, daemon.endpoints[0]);
  memcached.freeze();
  const letters = 20_000;
  for (let n = 0; n < letters; n += 1000) {
    client.send(Array.from({ length: 1000 }, (_, i) => letter(n + i)).join(""));
  }
  const replies = await client.replies(letters, 60_000);
  assert.ok(replies.every((reply) => reply === dunno));
  memcached.thaw();
  await waitFor("a letter to be learned", async () => {
    assert.equal(
      await client.ask(
        request({ sasl_username: "b", sender: "robin@example.com", recipient: "lee@b.example" }),
      ),
      dunno,
    );
    const reply = await client.ask(
      request({
        client_name: "mx.b.example",
        sender: "lee@b.example",
        recipient: "robin@example.com",
      }),
    );
    return reply === dunno;
  });
  assert.doesNotMatch(daemon.stderr(), /internal error/);
});

test("the log says once that a user has written to many, by a hash that no restart changes", async (t) => {
  const hashes = [];
  for (let run = 0; run < 2; run++) {
    const daemon = await startDaemon(t, learns);
    const client = await connect(t, daemon.endpoints[0]);
    for (let n = 0; n < 250; n++) assert.equal(await client.ask(letter(n)), dunno);
    assert.equal(await daemon.stop(), 0);
    const lines = daemon.stderr().split("\n").filter((line) => line.includes("many addresses"));
    assert.equal(lines.length, 1, lines.join("\n"));
    hashes.push(
      /user ([\w-]{22}) has written to many addresses: no more are learned/.exec(lines[0] ?? "")
        ?.[1],
    );
    assert.ok(!daemon.stderr().includes("a user"), "no name of theirs");
  }
  assert.ok(hashes[0] !== undefined && hashes[0] === hashes[1], hashes.join());
});
