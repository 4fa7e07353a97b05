/**
 * Random mails, steps of the clock, restarts and failures: whatever happened before, every answer of the real
 * program is the one of a reference that shares no code with it.
 *
 *     deno task test:model                     10,000 steps with each store
 *     STEPS=100 SEED=1234 deno task test:model another number; the same ones again
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { describe, play, randomHistory, shortest } from "./history.ts";
import { report } from "../support/report.ts";
import { type StoreKind, stores } from "./world.ts";

const steps = Number(process.env["STEPS"] || 1000);
const seed = Number(process.env["SEED"] || Math.floor(Math.random() * 2 ** 31));

/** Each history has other settings, and a store of its own. */
const stepsPerHistory = 500;

/** What finding the shortest history may take. */
const shorteningMilliseconds = 90_000;

const kinds = ["mail", "letter", "clock", "restart", "fault"] as const;
const rows: (readonly [StoreKind, ...number[]])[] = [];

for (const store of stores) {
  test(`in ${steps} random steps with ${store} every answer is the reference's`, async () => {
    process.stderr.write(`seed ${seed}\n`);
    const counts = kinds.map(() => 0);
    for (let done = 0; done < steps; done += stepsPerHistory) {
      const length = Math.min(stepsPerHistory, steps - done);
      const history = randomHistory(store, length, seed + done);
      const difference = await play(store, history);
      if (difference !== undefined) {
        const found = await shortest(store, history, difference, shorteningMilliseconds);
        const course = describe(found.history, found.difference);
        assert.fail(`seed ${seed}, after ${done} steps:\n${course}`);
      }
      for (const { kind } of history.steps) counts[kinds.indexOf(kind)]! += 1;
    }
    rows.push([store, ...counts]);
    if (rows.length < stores.length) return;
    const text = `${steps} steps with each store, seed ${seed}; not one answer was another one.`;
    report("model", text, [
      ["store", "mails", "letters", "steps of the clock", "restarts", "failures of the store"],
      ...rows,
    ]);
  });
}
