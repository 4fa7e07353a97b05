import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Connection } from "../../../lib/server/connection.ts";
import type { Policy } from "../../../lib/greylist/policy.ts";
import type { Action } from "../../../lib/protocol/codec.ts";
import { recordingLog, scene } from "../../support/policy.ts";

/** A connection whose other end is this test. */
function connect(
  policy: Policy,
  log = recordingLog(),
  maxRequestSize = 64 * 1024,
  now: () => number = () => 0,
) {
  const sent: string[] = [], calls: string[] = [];
  const connection = new Connection({
    name: "peer",
    send: (reply) => void sent.push(reply),
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    end: () => void calls.push("end"),
  }, { policy: () => policy, log: log.log, maxRequestSize, now });
  return { connection, sent, calls, events: log.events };
}

/** Lets everything that waits for nothing but promises happen. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * A dialogue is a text file: `> ` a line to the server, `< ` a line that it answers with, `+N` N seconds
 * pass, `eof` the end of input, `closed` the server has closed, `# ` a comment. What stands behind `> `
 * may have \xHH in it.
 */
async function play(file: URL): Promise<void> {
  const on = scene();
  const { connection, sent, calls } = connect(on.policy);
  let expected = "", number = 0;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    number++;
    const at = `line ${number}: ${line}`;
    if (line.startsWith("<")) {
      expected += `${line.slice(2)}\n`;
      continue;
    }
    await settle();
    assert.equal(sent.join(""), expected, `before ${at}`);
    if (line.startsWith(">")) {
      const bytes = line.slice(2).replace(
        /\\x(..)/g,
        (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
      );
      connection.receive(`${bytes}\n`);
    } else if (line.startsWith("+")) on.clock.now += Number(line.slice(1));
    else if (line === "eof") connection.finish();
    else if (line === "closed") assert.equal(calls.at(-1), "end", at);
    else assert.ok(line === "" || line.startsWith("#"), `no dialogue: ${at}`);
  }
  await settle();
  assert.equal(sent.join(""), expected);
}

const dialogues = new URL("../../dialogues/", import.meta.url);
for (const name of readdirSync(dialogues).sort()) {
  test(`dialogue: ${name.replace(/\.txt$/, "").replaceAll("-", " ")}`, () =>
    play(new URL(name, dialogues)));
}

/** A policy whose answers are given by hand, in any order. */
function manualPolicy() {
  const waiting: ((action: Action) => void)[] = [];
  const answer = () => new Promise<Action>((resolve) => void waiting.push(resolve));
  return { policy: { answer }, waiting };
}

const rcpt = "request=smtpd_access_policy\nprotocol_state=RCPT\n\n";

test("requests are answered one at a time and in order, however many arrive at once", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, sent } = connect(policy);
  connection.receive(rcpt + rcpt + rcpt);
  await settle();
  for (const text of ["1", "2", "3"]) {
    assert.equal(waiting.length, 1, "the next is not asked before this one is answered");
    waiting.shift()?.({ kind: "defer", keyword: "450", text });
    await settle();
  }
  assert.deepEqual(sent, ["1", "2", "3"].map((text) => `action=450 ${text}\n\n`));
});

test("a peer that sends more than it is answered is asked to pause, and to go on later", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, calls } = connect(policy);
  connection.receive(rcpt);
  connection.receive(rcpt);
  assert.deepEqual(calls, ["pause"]);
  await settle();
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  assert.deepEqual(calls, ["pause"]);
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  assert.deepEqual(calls, ["pause", "resume"]);
});

test("what has arrived before the end of input is answered before the end", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, sent, calls } = connect(policy);
  connection.receive(rcpt + rcpt);
  connection.finish();
  for (let i = 0; i < 2; i++) {
    await settle();
    assert.deepEqual(calls, []);
    waiting.shift()?.({ kind: "dunno" });
  }
  await settle();
  assert.equal(sent.length, 2);
  assert.deepEqual(calls, ["end"]);
});

test("nothing is sent to a peer that went away while its request was answered", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, sent } = connect(policy);
  connection.receive(rcpt);
  await settle();
  connection.abort();
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  assert.deepEqual(sent, []);
  assert.equal(connection.busy, false);
});

test("a request that is too large, and whatever follows it, gets no answer", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, sent, calls, events } = connect(policy, recordingLog(), 100);
  connection.receive("x=" + "y".repeat(200));
  connection.receive(rcpt);
  await settle();
  assert.deepEqual([sent, waiting, calls], [[], [], ["end"]]);
  assert.deepEqual(events, [["protocolError", "peer", "request of more than 100 bytes"]]);
});

test("an action that cannot be sent closes the connection instead of misleading Postfix", async () => {
  const policy = { answer: () => Promise.resolve({ kind: "prepend", header: "" } as const) };
  const { connection, sent, calls, events } = connect(policy);
  connection.receive(rcpt);
  await settle();
  assert.deepEqual([sent, calls], [[], ["end"]]);
  assert.equal(events[0]?.[0], "internalError");
});

test("input that ends within a request is told", async () => {
  const { connection, calls, events } = connect(scene().policy);
  connection.receive("request=smtpd_access_policy\n");
  connection.finish();
  await settle();
  assert.deepEqual(calls.at(-1), "end");
  assert.deepEqual(events, [["protocolError", "peer", "ended after 28 bytes of a request"]]);
});

test("one that sends many requests at once lets the event loop go on between them", async () => {
  const policy = { answer: () => Promise.resolve({ kind: "dunno" } as const) };
  let now = 0;
  const { connection, sent } = connect(policy, undefined, undefined, () => now += 0.1);
  connection.receive(rcpt.repeat(1000));
  // Without that, all would be answered before any timer, or any other connection, gets its turn.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(sent.length > 0 && sent.length < 1000, `${sent.length} of 1000 are answered`);
  assert.ok(connection.busy);
  while (connection.busy) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(sent.length, 1000);
});

test("a flood that comes in pieces has one turn for all of them, one request at a time has its own", async () => {
  const policy = { answer: () => Promise.resolve({ kind: "dunno" } as const) };
  for (const [requests, lets] of [[3, true], [1, false]] as const) {
    let now = 0;
    const { connection } = connect(policy, undefined, undefined, () => now += 0.1);
    for (let piece = 0; piece < 100 && !connection.busy; piece++) {
      connection.receive(rcpt.repeat(requests));
      // No timer, and nothing else, gets its turn here.
      for (let n = 0; n < 100; n++) await Promise.resolve();
    }
    assert.equal(connection.busy, lets);
    while (connection.busy) await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

test("one that goes away while the others have their turn is not answered any more", async () => {
  let asked = 0;
  const answer = () => (asked++, Promise.resolve({ kind: "dunno" } as const));
  let now = 0;
  const { connection } = connect({ answer }, undefined, undefined, () => now += 0.1);
  connection.receive(rcpt.repeat(1000));
  await settle();
  connection.abort();
  const before = asked;
  while (connection.busy) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(asked, before);
});

test("one that is to end when it is quiet ends at the second look that finds nothing", async () => {
  const { policy, waiting } = manualPolicy();
  const { connection, sent, calls } = connect(policy);
  connection.endWhenQuiet(false);
  connection.receive(rcpt);
  await settle();
  for (let look = 0; look < 3; look++) connection.endWhenQuiet(false);
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  assert.equal(sent.length, 1);
  connection.endWhenQuiet(false);
  assert.deepEqual(calls, ["resume"]);
  connection.endWhenQuiet(false);
  assert.deepEqual(calls, ["resume", "end"]);
});

test("one that is to end soon does not wait for quiet, but for what it has held back", async () => {
  const { policy, waiting } = manualPolicy();
  const asking = connect(policy);
  asking.connection.receive(rcpt);
  asking.connection.endWhenQuiet(true);
  await settle();
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  assert.deepEqual([asking.sent.length, asking.calls], [1, ["end"]]);

  const flooding = connect(policy);
  flooding.connection.receive(rcpt);
  flooding.connection.receive(rcpt);
  flooding.connection.endWhenQuiet(true);
  for (let answered = 0; answered < 2; answered++) {
    await settle();
    waiting.shift()?.({ kind: "dunno" });
  }
  await settle();
  flooding.connection.endWhenQuiet(true);
  assert.deepEqual(flooding.calls, ["pause", "resume"]);
  // What was in its socket comes now.
  flooding.connection.receive(rcpt);
  await settle();
  waiting.shift()?.({ kind: "dunno" });
  await settle();
  flooding.connection.endWhenQuiet(true);
  flooding.connection.endWhenQuiet(true);
  assert.deepEqual([flooding.sent.length, flooding.calls.at(-1)], [3, "end"]);
});
