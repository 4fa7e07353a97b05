/**
 * In Memcached what waits is kept apart from what has passed by the class of sizes that its items fall into. That a
 * real one then forgets nobody is in memcached_flood_test.ts; here, that it holds with any prefix and classes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { correspondentsWith } from "../../../lib/identity/correspondents.ts";
import { MemoryStore } from "../../../lib/stores/memory.ts";
import type { Store } from "../../../lib/stores/store.ts";
import { request, scene, subjectOptions, subjects } from "../../support/policy.ts";

/** The sizes of all items that a mail, and others of its domain, have put into Memcached: waiting ones, and others. */
async function sizes(keyPrefix: string, senders: boolean) {
  const waiting = new Set<number>(), others = new Set<number>();
  const storeAt = (clock: { now: number }): Store => {
    const store = new MemoryStore(() => clock.now);
    return Object.assign(Object.create(store), {
      forgetsBySize: true,
      get: store.get.bind(store),
      getMany: store.getMany.bind(store),
      delete: store.delete.bind(store),
      put(key: string, value: string, ttlSeconds: number, deadline: number) {
        // Memcached 1.6: a header of 48 bytes, 8 of CAS, three that end key and value; the key is in the value, too.
        const size = 48 + 8 + 3 + 2 * key.length + 1 + value.length;
        (value.startsWith("t1 w ") ? waiting : others).add(size);
        return store.put(key, value, ttlSeconds, deadline);
      },
    });
  };
  const { policy, learning, clock } = scene({
    subjectOf: subjects({ keyPrefix }),
    correspondents: correspondentsWith({ ...subjectOptions, keyPrefix }),
    senders,
  }, storeAt);
  await policy.answer(request({ sasl_username: "robin" }));
  await learning.settled(1000);
  for (const sender of ["a@example.org", "b@example.org", ""]) {
    await policy.answer(request({ sender }));
    clock.now += 3601;
    await policy.answer(request({ sender }));
  }
  return { waiting, others };
}

test("what waits shares its class of sizes in Memcached with nothing that has passed", async () => {
  for (const length of [0, 1, 4, 11, 20, 50, 100, 159]) {
    for (const senders of [true, false]) {
      const { waiting, others } = await sizes("p".repeat(length), senders);
      assert.ok(waiting.size === 1 && others.size >= 4, `${waiting.size} and ${others.size}`);
      // Where the first class begins differs with Memcached's version, machine and options.
      for (let smallest = 48; smallest < 240; smallest += 8) {
        const classes = [smallest];
        while ((classes.at(-1) ?? 0) < 4096) {
          classes.push(Math.ceil((classes.at(-1) ?? 0) * 1.25 / 8) * 8);
        }
        const classOf = (size: number) => classes.find((most) => size <= most);
        const [own] = [...waiting].map(classOf);
        for (const size of others) {
          const what = `prefix of ${length}, classes from ${smallest}: ${size} and ${[...waiting]}`;
          assert.notEqual(classOf(size), own, what);
        }
      }
    }
  }
});
