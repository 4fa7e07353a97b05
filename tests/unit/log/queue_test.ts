/** What waits for a log that is slow, stuck, or refuses: how it is written, how much of it is kept, what is told. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { LineQueue } from "../../../lib/log/queue.ts";
import { keptLog } from "../../support/log.ts";
import { waitFor } from "../../support/process.ts";

function open() {
  const kept = keptLog(), clock = { now: 0 }, problems: string[] = [];
  const queue = new LineQueue(kept.destination, {
    lossLine: (lines) => `lost ${lines}`,
    onFailure: (problem) => problems.push(problem),
    now: () => clock.now,
  });
  const push = (text: string, times = 1) => {
    for (let n = 0; n < times; n++) queue.push(text, "info", new Date());
  };
  return { kept, clock, problems, queue, push };
}

/** A destination's answer that comes when it is let go. */
function hang(kept: ReturnType<typeof keptLog>): () => void {
  let letGo = () => {};
  const hanging = new Promise<void>((resolve) => letGo = resolve);
  kept.broken = () => hanging.then(() => undefined);
  return () => (kept.broken = undefined, letGo());
}

test("what waits is written in one go, in order", async () => {
  const { kept, queue, push } = open();
  for (let n = 0; n < 1000; n++) push(String(n));
  await queue.flush(5000);
  assert.deepEqual(kept.lines, Array.from({ length: 1000 }, (_, n) => String(n)));
  assert.ok(kept.writes.length <= 2, `${kept.writes.length} writes`);
});

test("the first line is written at once, and those that come right behind it in one go", async () => {
  const { kept, queue, push } = open();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  push("first");
  await turn();
  assert.equal(kept.writes.length, 1);
  const began = performance.now();
  for (let n = 0; n < 20; n++) {
    push(String(n));
    await turn();
  }
  await waitFor("all lines", () => kept.lines.length === 21);
  const most = 2 + (performance.now() - began) / 5;
  assert.ok(kept.writes.length <= most, `${kept.writes.length} writes`);
  push("last");
  await queue.flush(5000);
  assert.equal(kept.lines.at(-1), "last");
});

test("lines that are refused are counted, and told when one was taken", async () => {
  const { kept, queue, push, problems } = open();
  kept.broken = () => Promise.reject(new Error("disk full"));
  push("a", 7);
  await queue.flush(5000);
  kept.broken = undefined;
  push("b");
  await queue.flush(5000);
  assert.deepEqual(kept.lines, ["b", "lost 7"]);
  push("c");
  await queue.flush(5000);
  assert.deepEqual(kept.lines, ["b", "lost 7", "c"], "told once");
  assert.deepEqual(problems, ["disk full"]);
});

test("a destination that takes some lines is given the others again", async () => {
  const { kept, queue, push } = open();
  push("first");
  const answers = [1, 2, 0, 3];
  kept.broken = () => Promise.resolve(answers.shift() ?? 1);
  for (const text of "abcdef") push(text);
  await queue.flush(5000);
  assert.deepEqual(kept.lines, ["first", ..."abcdef"]);
});

test("a stuck destination is asked less and less, and at once when the process ends", async () => {
  const { kept, queue, push } = open();
  kept.broken = () => Promise.resolve(0);
  push("a");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  // After 100, 300, and 700 ms.
  assert.ok(kept.writes.length >= 2 && kept.writes.length <= 4, `${kept.writes.length} writes`);
  kept.broken = undefined;
  const started = performance.now();
  await queue.flush(5000);
  assert.deepEqual(kept.lines, ["a"]);
  assert.ok(performance.now() - started < 500);
});

test("40,000 lines wait for a destination that hangs; the rest is counted", async () => {
  const { kept, queue, push, problems } = open();
  const letGo = hang(kept);
  push("a", 40_500);
  const started = performance.now();
  await queue.flush(20);
  assert.ok(performance.now() - started < 1000, "flush gives up");
  letGo();
  await queue.flush(5000);
  push("b");
  await queue.flush(5000);
  assert.equal(kept.lines.filter((line) => line === "a").length, 40_000);
  assert.deepEqual(kept.lines.filter((line) => line.startsWith("lost")), ["lost 500"]);
  assert.equal(kept.lines.at(-1), "b");
  assert.deepEqual(problems, ["lines come faster than they can be written"]);
});

test("of long lines as many wait as make 8 MiB, and memory does not grow with the rest", async () => {
  const { kept, queue, push } = open();
  const letGo = hang(kept);
  const before = process.memoryUsage().rss;
  push("x".repeat(60_000), 10_000);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 50 * 1024 ** 2, `${grown} bytes more`);
  letGo();
  await queue.flush(5000);
  const written = kept.lines.filter((line) => line.startsWith("x"));
  const kib = written.join("").length / 1024;
  assert.ok(kib > 8100 && kib <= 8192, `${kib} KiB`);
  const told = kept.lines.find((line) => line.startsWith("lost"));
  assert.equal(told, `lost ${10_000 - written.length}`);
});

test("losses are told once a second at most, also when nothing else is said", async () => {
  const { kept, clock, queue, push } = open();
  const told = () => kept.lines.filter((line) => line.startsWith("lost"));
  const flood = async (text: string, lost: number) => {
    push(text, 40_000 + lost);
    await waitFor(
      "the flood to be written",
      () => kept.lines.filter((line) => line === text).length === 40_000,
    );
  };
  await flood("a", 10);
  await waitFor("the first loss", () => told().length > 0);
  clock.now = 500;
  await flood("b", 20);
  await flood("c", 30);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(told(), ["lost 10"]);
  clock.now = 1000;
  await waitFor("the others to be told", () => told().length > 1);
  assert.deepEqual(told(), ["lost 10", "lost 50"]);
  push("d", 40_007);
  await queue.flush(5000);
  assert.equal(told().at(-1), "lost 7", "the end of the process waits for no second");
});

test(
  "what waits holds nothing but its lines, whatever came with what they are made of",
  { skip: "deno" in process.versions ? false : "other engines keep their garbage for longer" },
  () => {
    const { kept, push } = open();
    hang(kept);
    const before = process.memoryUsage().rss;
    const bytes = Buffer.from(`sender=alice@example.org\n${"x".repeat(60_000)}`);
    for (let n = 0; n < 8000; n++) {
      const sender = bytes.toString("latin1").slice(0, 24);
      push(`action=greylist, ${sender}, recipient=robin@example.com`);
    }
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grown < 240, `${grown.toFixed(0)} MiB, of 460 that came`);
  },
);
