import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reason, reasonInWords, reasonKinds } from "../../../lib/log/reasons.ts";

test("an early retry says how much is missing, as postgrey does, and another reason its kind", () => {
  assert.equal(reasonInWords({ kind: "early-retry", missing: 240 }), "early-retry (240s missing)");
  assert.equal(reasonInWords({ kind: "client whitelist" }), "client whitelist");
});

test("a reason is one field of a line, whichever it is", () => {
  for (const kind of reasonKinds) {
    const words = reasonInWords({ kind, missing: 1 } as Reason);
    assert.ok(words.startsWith(kind), words);
    assert.doesNotMatch(words, /[,=\\\n]/);
  }
  assert.equal(new Set(reasonKinds).size, reasonKinds.length);
});
