/**
 * 0.1.0 and this version on one store, as during an upgrade and on the way back: random mail, each attempt at
 * either of them. Neither forgets what it cannot read, neither has an internal error, and a mail is deferred
 * once more than by one of them alone at most.
 *
 *     SEED=1234 deno run -A tools/test.ts tests/old_and_new      the same mail again
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type Clock, monotonicToo, standingClock } from "../support/clock.ts";
import { connect, request, startDaemon } from "../support/greylist.ts";
import { startMemcached, untilNoticed } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";
import { report } from "../support/report.ts";
import { release } from "./release.ts";

const mails = 400;
const seed = Number(process.env["SEED"] || Math.floor(Math.random() * 2 ** 31));

/** The most attempts that any mail could need. */
const mostAttempts = 10;

/** The defaults, in seconds. */
const delay = 300, maxAge = 35 * 86_400;

const letters = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz");

const mail = fc.record({
  attributes: fc.record({
    client_address: fc.oneof(
      fc.constantFrom("192.0.2.1", "192.0.2.9", "203.0.113.7", "2001:db8::1", "2001:db8::2"),
      fc.integer({ min: 1, max: 250 }).map((host) => `198.51.${host}.1`),
    ),
    client_name: fc.constantFrom("unknown", "mx1.example.org", "mx2.example.org", "mail.a.example"),
    sender: fc.oneof(
      fc.constantFrom(
        ...["alice@example.org", "Alice+x@Example.org", "prvs=0123456789=alice@example.org", ""],
        ...["bounce-12-robin=example.com@lists.example", "SRS0=HHH=TT=a.example=kim@b.example"],
      ),
      fc.tuple(letters, letters).map(([user, site]) => `${user}@${site}.example`),
    ),
    recipient: fc.constantFrom("robin@example.com", "robin+x@example.com", "kim@example.com"),
  }),
  /** When it comes, after the mail before. */
  pause: fc.constantFrom(0.25, 1, 60, 3600.5, 90_000),
  attempts: fc.array(
    fc.record({
      asks: fc.constantFrom("old", "new"),
      wait: fc.integer({ min: delay + 2, max: 3000 }),
    }),
    { minLength: mostAttempts, maxLength: mostAttempts },
  ),
});

const rows: (readonly [string, ...number[]])[] = [];

interface Opened {
  readonly store: string;
  /** Settles when the store's server knows the time. */
  readonly noticed?: (now: number) => Promise<void>;
}

async function deliverAll(t: Cleanup, name: string, open: (clock: Clock) => Promise<Opened>) {
  process.stderr.write(`seed ${seed}\n`);
  let now = 1_800_000_000.5;
  const clock = standingClock(t, now);
  const { store, noticed } = await open(clock);
  const later = async (seconds: number) => {
    clock.moveTo(now += seconds);
    await noticed?.(now);
  };
  const args = ["--store", store];
  const daemons = {
    old: await startDaemon(t, args, clock.env, release(t)),
    new: await startDaemon(t, args, clock.env),
  };
  for (const { pid } of Object.values(daemons)) clock.drives(pid);
  const connections = {
    old: await connect(t, daemons.old.endpoints[0]),
    new: await connect(t, daemons.new.endpoints[0]),
  };
  let requests = 0, deferrals = 0, extra = 0;
  const delivered = new Map<string, number>();
  for (const { attributes, pause, attempts } of fc.sample(mail, { seed, numRuns: mails })) {
    await later(pause);
    const course: string[] = [];
    for (const { asks, wait } of attempts) {
      const reply = await connections[asks as "old" | "new"].ask(request(attributes));
      course.push(`${asks}: ${reply.trim()}`);
      if (!reply.startsWith("action=DEFER_IF_PERMIT ")) break;
      await later(wait);
    }
    // Exactly the same mail again: both know it in whatever way they know mail.
    const same = JSON.stringify(attributes);
    const once = now - (delivered.get(same) ?? -Infinity) < maxAge ? 0 : 1;
    const times = course.length - 1;
    assert.ok(
      times <= once + 1,
      `seed ${seed}: ${same} was deferred ${times} times:\n${course.join("\n")}`,
    );
    requests += course.length;
    deferrals += times;
    if (times > once) extra++;
    delivered.set(same, now);
  }
  for (const [which, daemon] of Object.entries(daemons)) {
    await daemon.stop();
    const complaints = daemon.stderr().match(/^.*(?:could not be read|internal error).*$/gm) ?? [];
    assert.deepEqual(complaints, [], `seed ${seed}: the ${which} one`);
  }
  rows.push([name, mails, requests, deferrals, extra]);
  if (rows.length < 3) return;
  report("old and new", `Seed ${seed}; nothing was forgotten, and there was no internal error.`, [
    ["store", "mails", "requests", "deferrals", "mails deferred once more"],
    ...rows,
  ]);
}

test("0.1.0 and this version share one memcached, and mail hardly notices", (t) =>
  deliverAll(t, "memcached", async (clock) => {
    const memcached = await startMemcached(t, { clock: monotonicToo(clock) });
    const noticed = (now: number) => untilNoticed(memcached, now);
    return { store: `memcached:${memcached.server}`, noticed };
  }));

test("0.1.0 and this version share three memcacheds, and mail hardly notices", (t) =>
  deliverAll(t, "three memcacheds", async (clock) => {
    const memcacheds = await Promise.all(
      [0, 1, 2].map(() => startMemcached(t, { clock: monotonicToo(clock) })),
    );
    const noticed = async (now: number) => {
      await Promise.all(memcacheds.map((memcached) => untilNoticed(memcached, now)));
    };
    return { store: `memcached:${memcacheds.map(({ server }) => server).join(",")}`, noticed };
  }));

test("0.1.0 and this version share one SQLite file, and mail hardly notices", (t) =>
  deliverAll(
    t,
    "sqlite",
    () => Promise.resolve({ store: `sqlite:${path.join(tempDir(t), "state.db")}` }),
  ));
