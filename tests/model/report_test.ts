/**
 * What `greylist report` says of the log of the real program is what the reference has answered: how many mails waited,
 * how long, and how many of them never came back.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { environment, program } from "../support/greylist.ts";
import { tempDir, waitFor } from "../support/process.ts";
import { Expectation } from "./expectation.ts";
import { mails } from "./mails.ts";
import type { Settings } from "./reference.ts";
import { World } from "./world.ts";

const window = 172_800, beginning = 1_800_000_000.25;

const settings: Settings = {
  delay: 300,
  "retry-window": window,
  "max-age": 35 * 86_400,
  "auto-whitelist": 5,
  "auto-whitelist-senders": 1,
  "auto-whitelist-domains": 3,
  "client-identity": "name",
  "identify-by": "client,sender,recipient",
  "learn-correspondents": "no",
  greylist: "all",
  spf: "no",
};

const steps = 600;

test("a report of the program's log has the figures that the reference has", async (t) => {
  // With JSON lines, because those tell the time whatever takes them.
  const asJson = { ...settings, "log-format": "json" };
  const world = await World.open(t, "memory", asJson, beginning);
  const expectation = new Expectation(settings);
  const seed = Math.floor(Math.random() * 2 ** 31), options = { seed, numRuns: steps };
  const random = fc.sample(mails.filter(({ exempt }) => !exempt), options);
  const later = fc.sample(fc.constantFrom(0, 1, 60, 299, 300, 900, 7200, 50_000), options);
  const wanted = { deferred: 0, accepted: 0, letThrough: 0 }, waits: number[] = [];
  const since = new Map<string, number>();
  let now = beginning, neverCameBack = 0;
  for (const [n, mail] of random.entries()) {
    await world.moveClock(now += later[n] ?? 0);
    const answer = await world.ask(mail, `${n}`);
    assert.deepEqual(expectation.take(mail, `${n}`, now, answer, false), [], `seed ${seed}`);
    const { client: { known, host }, sender, recipient } = mail;
    const client = sender.is === "" ? host : known?.as ?? host;
    const which = [client, sender.is, recipient.is].join(" "), first = since.get(which);
    const isWaiting = first !== undefined && now - first <= window;
    const [verdict, told] = answer.split(" ");
    if (verdict === "defer") {
      wanted.deferred++;
      if (first !== undefined && !isWaiting) neverCameBack++;
      if (!isWaiting) since.set(which, now);
      continue;
    }
    since.delete(which);
    // Without a header it has come back, too, if it waited: before its time, and was trusted meanwhile.
    const waited = told ?? (isWaiting ? Math.floor(now - first) : undefined);
    if (first !== undefined && waited === undefined) neverCameBack++;
    if (waited !== undefined) waits.push(Number(waited));
    wanted[waited === undefined ? "letThrough" : "accepted"]++;
  }
  const over = [...since.values()].filter((first) => now - first > window).length;
  waits.sort((a, b) => a - b);
  const rank = (share: number) => waits[Math.ceil(share * waits.length) - 1];

  const isLogged = () => world.log().split('"action":').length - 1 === steps;
  await waitFor("every decision to be logged", isLogged);
  const log = path.join(tempDir(t), "log");
  fs.writeFileSync(log, world.log());
  const words = [...program, "report", "--json", log];
  const printed = execFileSync("env", words, { env: environment(), encoding: "utf8" });
  const { decisions: { all, ...decisions }, waiting, waits: told } = JSON.parse(printed);
  assert.ok(waits.length > 20 && wanted.letThrough > 20 && since.size > 0, `seed ${seed}`);
  assert.deepEqual(decisions, wanted, `seed ${seed}`);
  assert.equal(all, steps);
  assert.deepEqual(waiting, {
    mails: waits.length + neverCameBack + since.size,
    cameBack: waits.length,
    neverCameBack: neverCameBack + over,
    mayStillCome: since.size - over,
    retryWindowSeconds: window,
  }, `seed ${seed}`);
  assert.deepEqual(
    [told.median, told.p90, told.p99, told.longest],
    [rank(0.5), rank(0.9), rank(0.99), waits.at(-1)],
    `seed ${seed}`,
  );
});
