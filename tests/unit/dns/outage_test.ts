import assert from "node:assert/strict";
import { test } from "node:test";
import { Outage } from "../../../lib/dns/outage.ts";

/** Out of order since 3000. */
function opened(): Outage {
  const outage = new Outage();
  outage.unanswered(1000);
  outage.unanswered(2000);
  outage.rootSilent(2000, 2900);
  assert.equal(outage.unanswered(3000), "opened");
  return outage;
}

test("the second request in a row without an answer asks for the root, the third opens it", () => {
  const outage = new Outage();
  assert.equal(outage.unanswered(0), undefined);
  assert.equal(outage.unanswered(2000), "ask the root");
  assert.equal(outage.rootSilent(2000, 4000), undefined);
  assert.ok(!outage.isOpen);
  assert.equal(outage.unanswered(4000), "opened");
  assert.ok(outage.isOpen);
});

test("requests alone open nothing: the root's question has to get no answer either", () => {
  const outage = new Outage();
  outage.unanswered(0);
  assert.equal(outage.unanswered(1), "ask the root");
  for (let n = 2; n < 50; n++) assert.equal(outage.unanswered(n), undefined);
  assert.ok(!outage.isOpen);
  assert.equal(outage.rootSilent(1, 100), "opened");
});

test("any answer begins anew, also one that the root's question gets", () => {
  const outage = new Outage();
  outage.unanswered(0);
  outage.unanswered(1);
  assert.equal(outage.answered(2), undefined);
  assert.equal(outage.rootSilent(1, 3), undefined);
  assert.equal(outage.unanswered(4), undefined);
  assert.equal(outage.unanswered(5), "ask the root");
});

test("an older question for the root says nothing of a newer one", () => {
  const outage = new Outage();
  outage.unanswered(0);
  outage.unanswered(1);
  outage.answered(2);
  outage.unanswered(3);
  assert.equal(outage.unanswered(4), "ask the root");
  outage.unanswered(5);
  assert.equal(outage.rootSilent(1, 6), undefined);
  assert.equal(outage.rootSilent(4, 7), "opened");
});

test("while it is open the root is asked once a second at most, one question at a time", () => {
  const outage = opened();
  assert.ok(outage.probes(3000));
  assert.ok(!outage.probes(9000));
  outage.rootSilent(3000, 9000);
  assert.ok(outage.probes(9000));
  outage.rootSilent(9000, 9100);
  assert.ok(!outage.probes(9999));
  assert.ok(outage.probes(10_000));
});

test("the first answer closes it, and says how long it was", () => {
  const outage = opened();
  assert.deepEqual(outage.answered(7500), { openMilliseconds: 4500 });
  assert.ok(!outage.isOpen);
  assert.equal(outage.answered(7600), undefined);
});
