/**
 * Three MXs with three Memcached servers, each entry on two of them, of which one fails in every way: thousands of
 * known triplets are asked about before, meanwhile and afterwards, and mail of every kind goes on all the time.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import { type Memcached, startMemcached } from "../support/memcached.ts";
import { Senders, startMxs } from "../support/mxs.ts";
import { atEnd, type Cleanup, tempDir, waitFor } from "../support/process.ts";
import {
  dropped,
  type Fault,
  halved,
  late,
  type Proxy,
  reset,
  startProxy,
  swapped,
} from "../support/proxy.ts";
import { report } from "../support/report.ts";
import { heldMilliseconds } from "./harness.ts";

/** Half of them ask about the known mails, the others about mail of every kind. */
const connections = 20;

/** When the times have to be as usual again. */
const settledMilliseconds = 3000;

/** A usual time is some milliseconds; whoever waits for a server that is slow or gone takes longer than this. */
const usualMilliseconds = 200;

type Place = { readonly memcached: Memcached; readonly proxy: Proxy };
type Healing = () => unknown;

const behaving = (fault: () => Fault) => ({ proxy }: Place): Healing => {
  proxy.behave(fault());
  return () => proxy.behave();
};

const many = 10_000, some = 1000;

const faults: readonly [
  name: string,
  knownMails: number,
  direct: boolean,
  how: (place: Place) => unknown,
][] = [
  ["is killed", many, true, async ({ memcached }) => {
    await memcached.stop();
    return () => memcached.restart();
  }],
  ["is frozen", many, true, ({ memcached }) => {
    memcached.freeze();
    return () => memcached.thaw();
  }],
  ["is restarted empty", many, true, async ({ memcached }) => {
    await memcached.restart();
    return () => {};
  }],
  ["drops its replies", some, false, behaving(() => dropped)],
  ["sends half of its replies", some, false, behaving(() => halved)],
  ["resets its connections", some, false, behaving(() => reset)],
  ["swaps replies", some, false, behaving(swapped)],
  ["takes 300 ms", many, false, behaving(() => late(300))],
  ["takes a second", some, false, behaving(() => late(1000))],
];

const heading = [
  "one of three servers",
  "known mails",
  "answers",
  "p99 before",
  "p99 meanwhile",
  "p99 after",
];
const rows: (readonly (string | number)[])[] = [heading];

for (const [name, knownMails, direct, how] of faults) {
  test(`one of three servers ${name}: no known mail is deferred, and no new one passes`, async (t) => {
    const places: Place[] = [];
    for (let i = 0; i < 3; i++) {
      const memcached = await startMemcached(t, { args: ["-m", "64"] });
      places.push({ memcached, proxy: await startProxy(t, memcached.port) });
    }
    const servers = places.map((place) => (direct ? place.memcached : place.proxy).server);
    const mxs = await startMxs(t, 3, ["--store", `memcached:${servers.join(",")}`]);
    const senders = new Senders(t, mxs, connections / 2);
    const known = senders.mails(knownMails);
    await senders.makeKnown(known);
    const course = start(t, mxs, known);
    const [, second] = places;
    if (second === undefined) throw new Error("no second server");

    const before = await senders.askAbout(known);
    const began = performance.now();
    const heal = await how(second) as Healing;
    await new Promise((resolve) => setTimeout(resolve, heldMilliseconds));
    const meanwhile = await senders.askAbout(known);
    await waitFor("the times to settle", () => performance.now() > began + settledMilliseconds);
    const settled = await senders.askAbout(known);
    await heal();
    const after = await senders.askAbout(known);
    const all = await course();
    const wrong = [before, meanwhile, settled, after, all].flatMap((outcome) => outcome.wrong);
    const told = mxs.flatMap((mx) => mx.log().match(/^.*usable.*$/gm) ?? []);
    assert.deepEqual(wrong, [], told.join("\n"));
    const stalls = [before, meanwhile, settled, after, all].map(({ stalled }) => stalled);
    const p99 = percentile(settled.times);
    rows.push([
      name,
      knownMails,
      all.answers + 5 * knownMails,
      ...[before, settled, after].map(({ times }) => `${percentile(times).toFixed(0)} ms`),
    ]);
    report("one of three servers", `Three MXs, ${connections} connections.`, rows);
    t.diagnostic(`${rows.at(-1)}; too late to judge: ${stalls}`);
    const usual = Math.max(usualMilliseconds, 2 * percentile(before.times));
    assert.ok(p99 < usual, `${p99} ms at the 99th percentile after ${settledMilliseconds} ms`);
    for (const mx of mxs) {
      assert.doesNotMatch(mx.log(), /internal error|could not be read/);
      assert.ok(mx.alive);
    }
  });
}

test("servers come and go: no known mail is deferred, and no connection is dropped", async (t) => {
  const servers: Memcached[] = [];
  for (let i = 0; i < 4; i++) servers.push(await startMemcached(t, { args: ["-m", "64"] }));
  const file = path.join(tempDir(t), "greylist.conf");
  const write = (some: readonly Memcached[]) =>
    fs.writeFileSync(file, `store = memcached:${some.map(({ server }) => server).join(",")}\n`);
  write(servers.slice(0, 3));
  const mxs = await startMxs(t, 3, ["--config", file]);
  const senders = new Senders(t, mxs, connections / 2);
  const known = senders.mails(many);
  await senders.makeKnown(known);
  const course = start(t, mxs, known);
  const check = async () => assert.deepEqual((await senders.askAbout(known)).wrong, []);
  const reload = async (some: readonly Memcached[]) => {
    write(some);
    for (const mx of mxs) {
      const times = () => mx.log().split("took the new configuration").length;
      const before = times();
      process.kill(mx.pid, "SIGHUP");
      await waitFor("the new servers", () => times() > before);
      // For a while each MX has its own servers.
      await check();
    }
  };
  await check();
  await reload(servers);
  await servers[0]?.stop();
  await check();
  await reload(servers.slice(1));
  assert.deepEqual((await course()).wrong, []);
});

/** Mail that goes on until the function that is given is called, which gives what was seen. */
function start(t: Cleanup, mxs: Awaited<ReturnType<typeof startMxs>>, known: Mail[]) {
  const senders = new Senders(t, mxs, connections / 2, 1);
  let going = true;
  const course = senders.go(known, () => going);
  const stop = async () => {
    going = false;
    await course;
    return senders.outcome();
  };
  atEnd(t, () => void stop());
  return stop;
}

type Mail = ReturnType<Senders["mails"]>[number];

function percentile(times: readonly (readonly [number, number])[]): number {
  const sorted = times.map(([, took]) => took).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}
