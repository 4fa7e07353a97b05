import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  clientShares,
  readClients,
  readStreams,
  senderShares,
} from "../../../bench/identity_shares.ts";

const shares = [
  ...clientShares(readClients(new URL("names.tsv", import.meta.url))),
  ...senderShares(readStreams(new URL("senders.tsv", import.meta.url))),
];
const doc = readFileSync(new URL("../../../doc/identity.md", import.meta.url), "utf8");
const told = new Map(
  [...doc.matchAll(/^\| ([0-9.]+) +% *\| ([^|(]+?) *(?:\([^)]*\))? *\|$/gm)].map((
    [, percent, what = ""],
  ) => [what, Number(percent)]),
);

test("doc/identity.md tells the shares that are counted, and no others", () => {
  assert.deepEqual([...told.keys()], shares.map(([what]) => what));
});

for (const [what, { right, all, wrong }] of shares) {
  test(`${told.get(what)} % or more ${what}, as doc/identity.md tells`, () => {
    assert.ok(all >= 20, "nothing was counted");
    const percent = Math.round(1000 * right / all) / 10;
    assert.ok(percent >= (told.get(what) ?? 101), `${percent} %:\n${wrong.join("\n")}`);
    // 100 % are all of them, and not nearly all.
    if (told.get(what) === 100) assert.deepEqual(wrong, []);
  });
}
