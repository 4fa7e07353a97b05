/**
 * All traffic through greylist: it reaches what has to be reached, and does what the document says. What the others
 * do is not measured again, `deno task bench:outcome --write` has left it in measured.json.
 * Needs the Debian package libfaketime.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { cases } from "./cases.ts";
import { missed, targetOf } from "./judge.ts";
import { play } from "./play.ts";
import { asking, greylist, playOn } from "./servers.ts";
import { type Measured, outcomeOf, tables, targetIn } from "./table.ts";
import { bot, host, mail, retries } from "./traffic.ts";

const read = (name: string) => fs.readFileSync(new URL(name, import.meta.url), "utf8");
const measured: Measured = JSON.parse(read("measured.json"));
const drifted = "run `deno task bench:outcome --write`";

for (const each of cases) {
  test(each.title, async (t) => {
    const outcome = await playOn(t, greylist, each);
    assert.deepEqual(missed(targetIn(measured, each), outcome), []);
    assert.deepEqual(outcome, outcomeOf(measured, each, "greylist"), drifted);
  });
}

for (const [name, contender] of asking) {
  for (const each of cases) {
    test(`${name}: ${each.title}`, async (t) => {
      const outcome = await playOn(t, contender, each);
      assert.deepEqual(outcome, outcomeOf(measured, each, name), drifted);
    });
  }
}

test("the document has the tables of what was measured", () => {
  assert.ok(read("../../doc/what-it-costs.md").includes(tables(measured)), drifted);
});

test("each case was measured, and has a title of its own", () => {
  assert.deepEqual(Object.keys(measured.outcomes), cases.map(({ title }) => title));
});

const someHost = host("192.0.2.1");
const traffic = [
  mail(0, someHost, "ada@firma.example", ["anna@example.org", "bela@example.org"]),
  bot(60, someHost, "ada@firma.example", "anna@example.org"),
];

/** A server that answers the nth question as `answers` says, and remembers when it was asked. */
function answering(answers: (n: number) => "dunno" | "defer_if_permit wait") {
  const times: number[] = [];
  let now = 0;
  return {
    times,
    moveTo: (seconds: number) => void (now = seconds),
    ask: () => Promise.resolve(`action=${answers(times.push(now) - 1)}\n\n`),
  };
}

test("a server that lets everything in defers nothing", async () => {
  const server = answering(() => "dunno");
  const outcome = { delayed: 0, deferrals: 0, lost: 0, letIn: 1 };
  assert.deepEqual(await play(traffic, server), outcome);
  assert.deepEqual(server.times, [0, 0, 60]);
});

test("a server that defers everything loses real mail after its last attempt, and stops bots", async () => {
  const server = answering(() => "defer_if_permit wait");
  const outcome = { delayed: 1, deferrals: retries.length, lost: 1, letIn: 0 };
  assert.deepEqual(await play(traffic, server), outcome);
  assert.equal(server.times.at(-1), retries.at(-1));
});

test("a mail waits while one of its recipients waits, who alone is asked for again", async () => {
  // Both; the bot; the one who waits, twice.
  const server = answering((n) => n === 1 || n === 3 ? "defer_if_permit wait" : "dunno");
  const outcome = { delayed: 1, deferrals: 2, lost: 0, letIn: 1 };
  assert.deepEqual(await play(traffic, server), outcome);
  assert.deepEqual(server.times, [0, 0, 60, ...retries.slice(1, 3)]);
});

test("letters are written when their time has come, before mails of that time", async () => {
  const server = answering(() => "dunno");
  const letters = [60, 30, 3600].map((at) => ({ at, sender: "a@b", recipient: "c@d" }));
  await play(traffic, server, letters);
  assert.deepEqual(server.times, [0, 0, 30, 60, 60]);
});

test("a case asks for the better of the others, for two deferrals, and for no neighbour", () => {
  const others = [{ delayed: 3, deferrals: 3, lost: 0, letIn: 7 }, {
    delayed: 9,
    deferrals: 9,
    lost: 0,
    letIn: 1,
  }];
  const each = { title: "", mails: traffic };
  assert.deepEqual(targetOf(each, others), { deferrals: 2, letIn: 1 });
  assert.deepEqual(targetOf({ ...each, deferrals: 5 }, others), { deferrals: 3, letIn: 1 });
  assert.deepEqual(targetOf({ ...each, neighbours: true }, others), { deferrals: 2, letIn: 0 });
  assert.deepEqual(targetOf({ ...each, shown: true }, others), {});
  assert.deepEqual(
    missed({ deferrals: 2, letIn: 1 }, { delayed: 3, deferrals: 3, lost: 1, letIn: 2 }),
    [
      "3 deferrals, 2 at most",
      "1 lost, none wanted",
      "2 bots let in, 1 at most",
    ],
  );
});
