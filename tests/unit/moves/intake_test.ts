import assert from "node:assert/strict";
import { test } from "node:test";
import { Intake } from "../../../lib/moves/intake.ts";
import {
  clientForm,
  domainForm,
  type Item,
  senderForm,
  tripletForm,
} from "../../../lib/moves/item.ts";
import { MemoryStore } from "../../../lib/stores/memory.ts";
import { importing } from "../../support/importing.ts";

const { times } = importing, { now } = times;
const soon = () => performance.now() + 5000;
const tripletKey = 93;

/** Brings in some items, and gives what came of them. */
async function takeIn(store: MemoryStore | undefined, items: readonly Item[]) {
  const intake = new Intake(store, { times, tripletKey, copies: 1 });
  for (const item of items) {
    intake.add(item);
    await intake.settle();
  }
  await intake.end();
  return { ...intake.counts };
}

const use = { seen: now - 10, until: now + 1000 };
const sender = (key: string, first: number, seen = use.seen): Item => {
  return { key, form: senderForm, record: { first, seen, until: seen + 1000 } } as Item;
};

test("thousands are brought in, and again change nothing", async () => {
  const store = new MemoryStore(() => now);
  const items = Array.from({ length: 9001 }, (_, i) => sender(`p:${i}`, now - 100));
  assert.deepEqual(await takeIn(store, items), { written: 9001, known: 0, expired: 0, missed: 0 });
  assert.equal(await store.get("p:9000", soon()), `s1 ${now - 100} ${now - 10} ${now + 990}`);
  assert.deepEqual(await takeIn(store, items), { written: 0, known: 9001, expired: 0, missed: 0 });
});

test("what is there is joined with what comes, whichever is newer", async () => {
  const store = new MemoryStore(() => now);
  await store.put("p:new", `s1 ${now - 50} ${now} ${now + 1000}`, 1000, soon());
  await store.put("p:old", `s1 ${now - 500} ${now - 400} ${now + 600}`, 600, soon());
  const items = [sender("p:new", now - 100), sender("p:old", now - 100)];
  assert.deepEqual(await takeIn(store, items), { written: 2, known: 0, expired: 0, missed: 0 });
  assert.equal(await store.get("p:new", soon()), `s1 ${now - 100} ${now} ${now + 1000}`);
  assert.equal(await store.get("p:old", soon()), `s1 ${now - 500} ${now - 10} ${now + 990}`);
});

test("what cannot be read is replaced", async () => {
  const store = new MemoryStore(() => now);
  await store.put("p:a", "rubbish", 1000, soon());
  assert.deepEqual(await takeIn(store, [sender("p:a", now)]), {
    written: 1,
    known: 0,
    expired: 0,
    missed: 0,
  });
  assert.match(await store.get("p:a", soon()) ?? "", /^s1 /);
});

test("several of one key are one, however they come", async () => {
  const store = new MemoryStore(() => now);
  const waits = { state: "waiting", first: now - 9, until: now + 1000 } as const;
  const passed = { state: "passed", first: now - 5, ...use } as const;
  const items = [waits, passed, waits].map((record): Item => {
    return { key: "p:t", form: tripletForm, record } as Item;
  });
  assert.deepEqual(await takeIn(store, items), { written: 1, known: 2, expired: 0, missed: 0 });
  assert.match(await store.get("p:t", soon()) ?? "", /^t1 p /);
});

test("what is over is counted, and lives no longer than it says", async () => {
  let time: number = now;
  const store = new MemoryStore(() => time);
  const items = [sender("p:a", now - 9000, now - 1000), sender("p:b", now - 9000, now - 999)];
  assert.deepEqual(await takeIn(store, items), { written: 1, known: 0, expired: 1, missed: 0 });
  time += 3;
  assert.equal(await store.get("p:b", soon()), undefined);
});

test("without a store it only counts", async () => {
  const items = [sender("p:a", now), sender("p:b", now), sender("p:b", now)];
  assert.deepEqual(await takeIn(undefined, items), { written: 2, known: 1, expired: 0, missed: 0 });
});

test("a store that keeps apart by size gets its sizes", async () => {
  const store = new MemoryStore(() => now), texts: string[] = [];
  const bySize = Object.create(store, {
    forgetsBySize: { value: true },
    getMany: { value: store.getMany.bind(store) },
    put: { value: (_key: string, text: string) => (texts.push(text), Promise.resolve()) },
  }) as MemoryStore;
  const key = "p".repeat(tripletKey);
  await takeIn(bySize, [
    {
      key: "p:c",
      form: clientForm,
      record: { tried: 1, returned: 1, halved: 1, passes: 1, ...use },
    },
    { key, form: tripletForm, record: { state: "waiting", first: now, until: now + 9 } },
    { key: "p:d", form: domainForm, record: { senders: "passed", ...use } },
  ] as Item[]);
  const [small = "", waiting = "", domain = ""] = texts;
  assert.doesNotMatch(small, / $/);
  assert.match(waiting, / {20}$/);
  assert.ok(domain.length > waiting.length);
});
