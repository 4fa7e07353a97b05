/**
 * From 0.1.0 to this version and back, on one real store: no mail that 0.1.0 knows is deferred, before or after;
 * on the way back each mail that was learned since is deferred once at most; nothing is forgotten because it
 * could not be read, and nothing is an error.
 *
 * What 0.1.0 knows is what a second 0.1.0 says that has seen the same and writes nothing any more.
 *
 *     SEED=1234 deno test -A tests/old_and_new/upgrade_test.ts      the same mail again
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import type { Store } from "../../lib/stores/store.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";
import {
  current,
  type Judge,
  judge,
  opened,
  reasonOf,
  released,
  type Version,
} from "./versions.ts";

const seed = Number(process.env["SEED"] || Math.floor(Math.random() * 2 ** 31));

const delay = 300;

type Mail = Readonly<Record<"client_address" | "client_name" | "sender" | "recipient", string>>;

/** A client whose network earns the auto-whitelist of 0.1.0. */
const earning = { client_address: "198.18.0.1", client_name: "unknown" };

const mail = fc.record({
  client: fc.constantFrom(
    ...[["192.0.2.1", "mx1.firm.example"], ["192.0.2.77", "mx2.firm.example"]],
    ...[["198.51.100.1", "out3.pool.example"], ["203.0.113.1", "out4.pool.example"]],
    ...[["192.0.3.1", "unknown"], ["192.0.3.2", "192-0-3-2.dsl.example"], ["10.0.0.1", "unknown"]],
    ...[["2001:db8::1", "unknown"], ["2001:db8::2", "mail.a.example"], ["64:ff9b::1.2.3.4", ""]],
    ...[[earning.client_address, "unknown"], ["198.18.0.2", "new.earns.example"]],
  ),
  sender: fc.constantFrom(
    ...["alice@firm.example", "bob@firm.example", "kim+x@a.example", "Kim+y@A.example", ""],
    ...["prvs=0123456789=bob@firm.example", "SRS0=HHH=TT=a.example=kim@b.example"],
    ...["news-8f3e21bc@lists.example", "bounce-12-robin=example.com@lists.example"],
  ),
  recipient: fc.constantFrom("robin@example.com", "robin+x@example.com", "kim@example.com", "lee"),
}).map(({ client: [client_address = "", client_name = ""], sender, recipient }): Mail => {
  return { client_address, client_name, sender, recipient };
});

/** Some mails, and the seconds between them; others in each part of the course. */
function mails(part: number, count: number, longest: number) {
  const arbitrary = fc.record({ mail, later: fc.integer({ min: 0, max: longest }) });
  return fc.sample(arbitrary, { seed: seed + part, numRuns: count });
}

/** A store that is read only: what is written to it is not there. */
function readOnly(store: Store): Store {
  const nothing = () => Promise.resolve();
  return {
    name: store.name,
    forgetsBySize: false,
    get: (key, deadline) => store.get(key, deadline),
    getMany: (...args) => store.getMany(...args),
    put: nothing,
    delete: nothing,
    ping: nothing,
    close: nothing,
  };
}

async function upgradeAndBack(t: Cleanup, address: string): Promise<void> {
  // It begins now: 0.1.0 told Memcached, which goes by its own clock, at what time 35 days are over.
  const clock = { now: Math.floor(Date.now() / 1000) + 0.25 };
  const now = () => clock.now;
  const old = await released(t);
  const judges: Judge[] = [], complaints: (readonly string[])[] = [];
  const start = async (version: Version, where = address) => {
    const { store, complaints: own } = await opened(t, version, where, now);
    const started = await judge(version, store, now);
    judges.push(started);
    complaints.push(own);
    return { ...started, store };
  };
  const asserting = async (who: Judge, each: Mail, when: string) => {
    const { passes, decision } = await who.ask(each);
    assert.ok(passes, `seed ${seed}, ${when}: ${decision} ${JSON.stringify(each)}`);
  };

  // For a while there is only 0.1.0, and its double.
  const before = await start(old), double = await start(old, "memory");
  const learn = async (each: Mail) => {
    const { answer } = await before.ask(each);
    assert.equal((await double.ask(each)).answer, answer);
  };
  for (let hour = 0; hour < 5; hour++) {
    // One network earns the auto-whitelist.
    const sender = `${"abcde"[hour]}@earns.example`;
    const each = { ...earning, sender, recipient: "robin@example.com" };
    await learn(each);
    clock.now += delay + 1;
    await learn(each);
    clock.now += 3600;
  }
  for (const { mail, later } of mails(1, 200, 100)) {
    clock.now += later;
    await learn(mail);
  }
  const witness = await judge(old, readOnly(double.store), now);
  const known = async (mail: Mail) => (await witness.ask(mail)).passes;

  // Then this version. What had only just begun to wait passes after the delay.
  const after = await start(current);
  for (const { mail, later } of mails(2, 300, 300)) {
    clock.now += later;
    if (await known(mail)) await asserting(after, mail, "after the upgrade");
    else await after.ask(mail);
  }

  // And back to 0.1.0.
  const back = await start(old);
  const again = new Map<string, number>();
  for (const { mail, later } of mails(3, 300, 600)) {
    clock.now += later;
    if (await known(mail)) {
      await asserting(back, mail, "on the way back");
      continue;
    }
    if (!(await back.ask(mail)).passes) {
      clock.now += delay + 1;
      await asserting(back, mail, "on the way back, tried again");
      const name = JSON.stringify(mail);
      again.set(name, (again.get(name) ?? 0) + 1);
    }
  }
  for (const [name, times] of again) {
    assert.equal(times, 1, `seed ${seed}: on the way back ${name} was deferred ${times} times`);
  }

  // And once more this version: it knows all that has come in by either.
  const atLast = await start(current);
  for (const name of again.keys()) await asserting(atLast, JSON.parse(name), "once more");
  for (const { mail } of mails(1, 300, 0)) {
    if (await known(mail)) await asserting(atLast, mail, "once more");
  }

  // There was mail of every kind, and some to be learned.
  const kinds = new Set(witness.events.map(([, record]) => reasonOf(record)));
  for (const kind of ["triplet found", "client AWL", "new"]) assert.ok(kinds.has(kind), kind);
  assert.ok(again.size > 5, `${again.size} to be learned`);
  const events = judges.flatMap((judge) => judge.events).map(([method]) => method);
  assert.deepEqual([...new Set(events)].sort(), ["clientEarnedWhitelist", "decision"]);
  assert.deepEqual(complaints.flat(), []);
}

test("an upgrade and a way back with one memcached defer no mail that 0.1.0 knows", async (t) => {
  await upgradeAndBack(t, `memcached:${(await startMemcached(t)).server}`);
});

test("an upgrade and a way back with three memcacheds defer no mail that 0.1.0 knows", async (t) => {
  const memcacheds = await Promise.all([0, 1, 2].map(() => startMemcached(t)));
  await upgradeAndBack(t, `memcached:${memcacheds.map(({ server }) => server).join(",")}`);
});

test("an upgrade and a way back with one SQLite file defer no mail that 0.1.0 knows", async (t) => {
  await upgradeAndBack(t, `sqlite:${path.join(tempDir(t), "state.db")}`);
});
