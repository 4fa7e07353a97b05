/** An explanation says what the server would do, whatever has happened, and changes nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concluded, recordsWeighed } from "../../../lib/greylist/explanation.ts";
import { createWeighing } from "../../../lib/greylist/judge.ts";
import { createRecall } from "../../../lib/greylist/recall.ts";
import { reasonInWords } from "../../../lib/log/reasons.ts";
import { MemoryStore } from "../../../lib/stores/memory.ts";
import { readOnly } from "../../../lib/stores/read_only.ts";
import { policyOptions, request, scene } from "../../support/policy.ts";

/** A store in memory that counts what changes it. */
class CountingStore extends MemoryStore {
  changes = 0;
  override put(...args: Parameters<MemoryStore["put"]>) {
    this.changes++;
    return super.put(...args);
  }
  override delete(...args: Parameters<MemoryStore["delete"]>) {
    this.changes++;
    return super.delete(...args);
  }
}

function explainable() {
  let store: CountingStore | undefined;
  const on = scene({}, (clock) => store = new CountingStore(() => clock.now, 10_000));
  const log = {
    unreadableEntry: () => {},
    internalError: (error: unknown) => {
      throw error;
    },
  };
  const counting = store ?? assert.fail("no store");
  const weigh = createWeighing(policyOptions, { log }, createRecall(readOnly(counting), log));
  const explain = async (changes: Record<string, string>) => {
    const { now } = on.clock, weighed = await weigh(request(changes), now);
    if (weighed === undefined) throw new Error("a client without an address");
    const { rules } = policyOptions;
    return { ...concluded(weighed, now, rules), records: recordsWeighed(weighed, now, rules) };
  };
  return { on, explain, store: counting };
}

const steps = fc.record({
  wait: fc.constantFrom(0, 1, 60, 299, 301, 3601, 86_400, 3 * 86_400, 40 * 86_400),
  sender: fc.constantFrom("alice@example.org", "lee@example.org", ""),
  recipient: fc.constantFrom("robin@example.com", "kim@example.com"),
  client_name: fc.constantFrom("mx.example.org", "mx2.example.org", "unknown"),
});

test("what is explained is what is answered next, and explaining changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 12 }), async (all) => {
      const { on, explain, store } = explainable();
      for (const { wait, ...changes } of all) {
        on.clock.now += wait;
        const before = store.changes;
        const { verdict, reason } = await explain(changes);
        assert.equal(store.changes, before);
        await on.policy.answer(request(changes));
        assert.equal(
          on.decisions().at(-1),
          `${verdict === "pass" ? "pass" : "greylist"} ${reasonInWords(reason)}`,
        );
      }
    }),
    { numRuns: 100 },
  );
});

test("a mail that waits passes from the time on that was told, and no longer than until the one told", async () => {
  for (const [late, reason] of [[0, "pass triplet found"], [1, "greylist new"]] as const) {
    const { on, explain } = explainable();
    await on.policy.answer(request());
    on.clock.now += 100.5;
    const { verdict, passesFrom, until, changes } = await explain({});
    assert.equal(verdict, "defer");
    assert.match(changes, /^it passes from .* UTC on, if it comes back until .* UTC; later/);
    assert.equal(passesFrom, 1_700_000_300);
    on.clock.now = late === 0 ? passesFrom ?? 0 : (until ?? 0) + late;
    await on.policy.answer(request());
    assert.equal(on.decisions().at(-1), reason);
  }
});

test("what passes does so until the time that was told, and not a second longer", async () => {
  for (const [late, decision] of [[0, "pass sender AWL"], [1, "greylist new"]] as const) {
    const { on, explain } = explainable();
    await on.policy.answer(request());
    on.clock.now += 300;
    await on.policy.answer(request());
    const { reason, until, records } = await explain({});
    assert.equal(reason.kind, "sender AWL");
    assert.match(records[0]?.words?.says ?? "", /^has passed, was last used .* passes until /);
    on.clock.now = (until ?? 0) + late;
    await on.policy.answer(request());
    assert.equal(on.decisions().at(-1), decision);
  }
});

test("a record that cannot be read stays where it is, which a request would not leave it", async () => {
  const { on, explain, store } = explainable();
  await on.policy.answer(request());
  const { records } = await explain({}), soon = () => performance.now() + 1000;
  const key = records.find(({ kind }) => kind === "triplet")?.key ?? "";
  await store.put(key, "t9 unknown", 60, soon());
  await assert.rejects(explain({}), { name: "StoreError" });
  assert.equal(await store.get(key, soon()), "t9 unknown");
  await on.policy.answer(request());
  assert.equal(await store.get(key, soon()), undefined);
});
