import assert from "node:assert/strict";
import { test } from "node:test";
import { Hearing } from "../../../lib/server/hearing.ts";
import type { ProbeState } from "../../../lib/server/probe.ts";

/** What a listener that accepts nothing any more is told, look by look, with the probe in one state. */
function looks(
  hearing: Hearing,
  count: number,
  probe: ProbeState | undefined,
  accepted = 1,
): string {
  let probing = false, told = "";
  for (let n = 0; n < count; n++) {
    const next = hearing.look(accepted, probing ? probe : undefined);
    probing = next === "probe" || (probing && next === "wait");
    told += { rest: ".", wait: "-", probe: "p", "listen anew": "L", "give up": "X" }[next];
  }
  return told;
}

test("a listener that accepts is never probed", () => {
  const hearing = new Hearing();
  for (let accepted = 1; accepted < 50; accepted++) {
    assert.equal(hearing.look(accepted, undefined), "rest");
  }
});

test("a quiet listener is probed after five looks, and again when the probe was accepted", () => {
  const hearing = new Hearing();
  assert.equal(looks(hearing, 6, "connected"), ".----p");
  assert.equal(hearing.look(2, "connected"), "rest");
  assert.equal(looks(hearing, 5, "connected", 2), "----p");
});

test("one that does not accept its probe is listened on anew; if that does not help, it is lost", () => {
  assert.equal(looks(new Hearing(), 26, "connected"), ".----p----L----p----X----p");
});

test("one that accepts after it was listened on anew has all its chances again", () => {
  const hearing = new Hearing();
  assert.equal(looks(hearing, 11, "connected"), ".----p----L");
  assert.equal(looks(hearing, 11, "connected", 2), ".----p----L");
});

test("a probe that never gets through means nothing, unless one did before", () => {
  const hearing = new Hearing();
  assert.equal(looks(hearing, 21, "connecting"), ".----p----.----p----.");
  hearing.look(2, "connected");
  assert.equal(looks(hearing, 10, "connecting", 2), "----p----L");
  // Whether one gets through to the new listener has to be seen first.
  assert.equal(looks(hearing, 10, "connecting", 2), "----p----.");
});

test("a probe that fails means nothing", () => {
  assert.equal(looks(new Hearing(), 21, "failed"), ".----p----.----p----.");
});

test("a socket file that is gone is made anew at once", () => {
  assert.equal(looks(new Hearing(), 7, "gone"), ".----pL");
});
