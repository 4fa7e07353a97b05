/** What `greylist allow` writes: it counts until its end, and nothing else ends or prolongs it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeClients, mergeSenders, mergeTriplets } from "../../../lib/greylist/merge.ts";
import {
  type ClientRecord,
  decodeClient,
  decodeSender,
  decodeTriplet,
  encodeClient,
  encodeSender,
  encodeTriplet,
  type SenderRecord,
  type TripletRecord,
} from "../../../lib/greylist/records.ts";
import { encodeAction } from "../../../lib/protocol/codec.ts";
import { policyOptions, request, scene, subjects } from "../../support/policy.ts";

const t = 1_700_000_000, hour = 3600, day = 24 * hour;

/** Longer than max-age, which is 35 days. */
const use = { seen: t, until: t + 60 * day, allowed: true } as const;
const sender: SenderRecord = { first: t, ...use };
const triplet: TripletRecord = { state: "passed", first: t, ...use };
const client: ClientRecord = { tried: 0, returned: 0, halved: t, passes: 0, ...use };

const asked = request();
const attributes = {
  name: asked.get("client_name") ?? "",
  address: asked.get("client_address") ?? "",
  sender: asked.get("sender") ?? "",
  recipient: asked.get("recipient") ?? "",
};
const keys = subjects({})(attributes)?.keys ?? assert.fail("a client without an address");

const records = [
  ["sender", keys.senders, encodeSender(sender)],
  ["triplet", keys.triplets, encodeTriplet(triplet)],
  ["client", [keys.client], encodeClient(client)],
] as const;

/** A policy that finds such a record, and what it answers so many days later. */
async function allowed(under: readonly string[], text: string) {
  const on = scene();
  for (const key of under) await on.store.put(key, text, 60 * day, performance.now() + 1000);
  const answer = async (days: number) => {
    on.clock.now = t + days * day;
    return encodeAction(await on.policy.answer(request({ instance: String(days) })));
  };
  const stored = () => on.store.get(under[0] ?? "", performance.now() + 1000);
  return { answer, stored };
}

for (const [kind, under, text] of records) {
  test(`an allowed ${kind} passes until its end, however long it was not used, and not after it`, async () => {
    const { answer } = await allowed(under, text);
    assert.match(await answer(59), /^action=DUNNO/);
    assert.match(await answer(60.1), /^action=DEFER_IF_PERMIT/);
  });

  test(`a use of an allowed ${kind} is written down, and leaves its end as it is`, async () => {
    const { answer, stored } = await allowed(under, text);
    assert.match(await answer(1), /^action=DUNNO/);
    const after = await stored() ?? "";
    assert.notEqual(after, text);
    assert.equal(after, text.replace(`${t} ${t + 60 * day}`, `${t + day} ${t + 60 * day}`));
    assert.match(await answer(60.1), /^action=DEFER_IF_PERMIT/);
  });
}

test("a shorter max-age does not end what was allowed", async () => {
  const on = scene({ rules: { ...policyOptions.rules, maxAgeSeconds: day } });
  for (const key of keys.senders) {
    await on.store.put(key, encodeSender(sender), 60 * day, performance.now() + 1000);
  }
  on.clock.now = t + 30 * day;
  assert.deepEqual(await on.policy.answer(request()), { kind: "dunno" });
});

test("a client that is allowed passes whatever became of its mail before", async () => {
  const text = encodeClient({ ...client, tried: 500, returned: 3 });
  const { answer } = await allowed([keys.client], text);
  assert.match(await answer(10), /^action=DUNNO/);
});

test("what was allowed is read back as it was written", () => {
  assert.deepEqual(decodeSender(encodeSender(sender)), sender);
  assert.deepEqual(decodeTriplet(encodeTriplet(triplet)), triplet);
  assert.deepEqual(decodeClient(encodeClient(client)), client);
  assert.equal(decodeTriplet(`t1 a ${t} ${t}`), undefined);
});

test("copies together say that it was allowed, when one of them knows it and the other is older", () => {
  const times = { now: t + 50 * day, retryWindowSeconds: 2 * day, maxAgeSeconds: 35 * day };
  const old = { seen: t - day, until: t + 34 * day };
  assert.deepEqual(mergeSenders([{ first: t - day, ...old }, sender], times), sender);
  const waiting: TripletRecord = { state: "waiting", first: t, until: t + 2 * day + 1 };
  assert.deepEqual(mergeTriplets([waiting, triplet], times), triplet);
  assert.deepEqual(mergeClients([{ ...client, ...old }, client], times), client);
});
