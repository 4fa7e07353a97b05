/**
 * Many writers of one store: 20 children of spawn(8) and 2 daemons are asked about 100 triplets, by whichever is
 * next. No mail passes early, and once one of them has said that it passes, none defers it any more.
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import { test } from "node:test";
import {
  type Client,
  connect,
  dunno,
  request,
  startDaemon,
  startSpawned,
} from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";
import { report } from "../support/report.ts";

const children = 20, daemons = 2, triplets = 100;

const delaySeconds = 3;

/** How long each triplet is asked about again after its first pass: often, and by whoever is next. */
const asksAfterPass = 20;

/** Everybody who can be asked. */
async function writers(t: Cleanup, store: string): Promise<Client[]> {
  const args = ["--store", store, "--delay", `${delaySeconds}`, "--header", "none"];
  // Many share one machine here: nobody is to take the store for broken because it is busy.
  args.push("--auto-whitelist", "0", "--auto-whitelist-domains", "0", "--store-timeout", "20s");
  const log = ["--log", `file:${path.join(tempDir(t), "log")}`];
  const endpoints = await Promise.all(
    Array.from({ length: daemons }, async () => (await startDaemon(t, args)).endpoints[0]),
  );
  const spawned = await Promise.all(
    Array.from({ length: children }, () => startSpawned(t, { args: [...args, ...log] })),
  );
  return [
    ...await Promise.all(endpoints.map((endpoint) => connect(t, endpoint))),
    ...spawned.map(({ client }) => client),
  ];
}

/** What is known of a triplet from outside; times are those of performance.now(). */
interface Triplet {
  readonly sender: string;
  /** When somebody was asked about it for the first time. */
  triedAt: number | undefined;
  /** When the first pass was answered. */
  passedAt: number | undefined;
  asksLeft: number;
}

async function ask(client: Client, triplet: Triplet): Promise<void> {
  const askedAt = performance.now();
  triplet.triedAt ??= askedAt;
  const passedBefore = triplet.passedAt !== undefined;
  const reply = await client.ask(request({ sender: triplet.sender }), 60_000);
  const answeredAt = performance.now();
  if (reply === dunno) {
    const waited = (answeredAt - triplet.triedAt) / 1000;
    assert.ok(waited >= delaySeconds, `${triplet.sender} passes after ${waited} s`);
    triplet.passedAt ??= answeredAt;
    triplet.asksLeft--;
  } else {
    assert.match(reply, /^action=DEFER_IF_PERMIT /);
    const since = performance.now() - (triplet.passedAt ?? 0);
    assert.ok(!passedBefore, `${triplet.sender} is deferred ${Math.round(since)} ms after a pass`);
  }
}

const rows: (readonly [string, number, number])[] = [];

async function askAll(name: string, clients: readonly Client[]): Promise<void> {
  const all = Array.from({ length: triplets }, (_, i): Triplet => {
    // Numbers would be one sender to greylist.
    const sender = `${"abcdefghij"[i % 10]}${"abcdefghij"[Math.floor(i / 10)]}@example.org`;
    return { sender, triedAt: undefined, passedAt: undefined, asksLeft: asksAfterPass };
  });
  let next = 0, asks = 0;
  await Promise.all(clients.map(async (client) => {
    for (;;) {
      const left = all.filter(({ asksLeft }) => asksLeft > 0);
      const triplet = left[next++ % left.length];
      if (triplet === undefined) return;
      await ask(client, triplet);
      asks++;
    }
  }));
  const waits = all.map(({ triedAt = NaN, passedAt = NaN }) => (passedAt - triedAt) / 1000);
  rows.push([name, asks, Math.min(...waits)]);
  if (rows.length < 2) return;
  report(
    "writers",
    `${children} children, ${daemons} daemons, ${triplets} triplets, a delay of ${delaySeconds} s.`,
    [
      ["store", "questions", "seconds until the first pass"],
      ...rows.map(([store, asks, first]) => [store, asks, first.toFixed(2)]),
    ],
  );
}

const title = (store: string) =>
  `${children} children and ${daemons} daemons with one ${store}: no mail is early, none deferred again`;

test(title("memcached"), async (t) => {
  const { server } = await startMemcached(t);
  await askAll("memcached", await writers(t, `memcached:${server}`));
});

test(title("sqlite file"), async (t) => {
  await askAll("sqlite", await writers(t, `sqlite:${path.join(tempDir(t), "state.db")}`));
});
