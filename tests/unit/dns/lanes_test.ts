import assert from "node:assert/strict";
import { test } from "node:test";
import { Lanes } from "../../../lib/dns/lanes.ts";

function scene() {
  const lanes = new Lanes({ inAll: 4, perDomain: 2, waiting: 3 });
  const running = new Map<string, () => void>(), dropped: string[] = [];
  const pointless = new Set<string>();
  const add = (name: string) =>
    lanes.add({
      domain: name.slice(0, 1),
      start: (done) => void running.set(name, done),
      isPointless: () => pointless.has(name),
      drop: () => void dropped.push(name),
    });
  const end = (name: string) => {
    const done = running.get(name);
    running.delete(name);
    done?.();
  };
  return { add, end, running, dropped, pointless };
}

test("a domain has its own limit, and leaves the rest to the others", () => {
  const { add, end, running } = scene();
  for (const name of ["a1", "a2", "a3", "b1", "b2"]) add(name);
  assert.deepEqual([...running.keys()], ["a1", "a2", "b1", "b2"]);
  end("a1");
  assert.deepEqual([...running.keys()], ["a2", "b1", "b2", "a3"]);
});

test("in all there are so many, and what waits longest is next", () => {
  const { add, end, running } = scene();
  for (const name of ["a1", "b1", "c1", "d1", "e1", "f1"]) add(name);
  assert.equal(running.size, 4);
  end("c1");
  assert.ok(running.has("e1") && !running.has("f1"));
});

test("what nobody waits for any more is dropped, and so is what is too much", () => {
  const { add, end, running, dropped, pointless } = scene();
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) add(name);
  assert.deepEqual(dropped, ["a6"]);
  pointless.add("a3");
  end("a1");
  assert.deepEqual(dropped, ["a6", "a3"]);
  assert.deepEqual([...running.keys()], ["a2", "a4"]);
});
