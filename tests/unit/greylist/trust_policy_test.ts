/** Trust: what a client, a sender and its domain earn, and what that lets through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keysWith } from "../../../lib/identity/keys.ts";
import { encodeAction } from "../../../lib/protocol/codec.ts";
import { type Store, StoreError } from "../../../lib/stores/store.ts";
import type { RecordKeys } from "../../../lib/identity/record_keys.ts";
import { KeyByKeyStore } from "../../support/key_by_key_store.ts";
import { clientList, policyOptions, request, type Scene, scene } from "../../support/policy.ts";

/** The reply's text to a request, without the protocol around it. */
async function ask(on: Scene, changes: Record<string, string> = {}): Promise<string> {
  return encodeAction(await on.policy.answer(request(changes))).slice("action=".length, -2);
}

const deferred = (seconds: number) => `DEFER_IF_PERMIT 4.2.0 Greylisted for ${seconds} seconds`;

/** The keys of a request as it is asked here. */
const keysOf = (changes: Record<string, string> = {}): RecordKeys => {
  const asked = request(changes);
  const subject = policyOptions.subjectOf({
    name: asked.get("client_name") ?? "",
    address: asked.get("client_address") ?? "",
    sender: asked.get("sender") ?? "",
    recipient: asked.get("recipient") ?? "",
  });
  return subject?.keys ?? assert.fail("no subject");
};

const lists = (changes: Partial<typeof policyOptions.lists>) => ({
  lists: { ...policyOptions.lists, ...changes },
});

/** Has five triplets of the client pass, an hour apart. */
async function earn(on: Scene, changes: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await ask(on, { ...changes, sender: `alice@${"abcde"[i]}.example` });
    on.clock.now += 3600;
    await ask(on, { ...changes, sender: `alice@${"abcde"[i]}.example` });
  }
}

test("a client of which five mails came back is let through from then on, and the log says so once", async () => {
  const on = scene();
  await earn(on);
  assert.equal(await ask(on, { sender: "new@example.net", client_name: "unknown" }), "DUNNO");
  assert.equal(on.decisions().at(-1), "pass client AWL");
  assert.equal(on.events.filter(([method]) => method === "clientEarnedWhitelist").length, 1);
  const neighbour = { sender: "new@example.net", client_address: "192.0.2.99" };
  assert.match(await ask(on, neighbour), /^DEFER/, "and nobody beside it");
});

test("the auto-whitelist lasts max-age from the last use", async () => {
  const on = scene();
  await earn(on);
  const days = 86_400;
  for (let i = 0; i < 3; i++) {
    on.clock.now += 34 * days;
    assert.equal(await ask(on, { sender: `new@${"xyz"[i]}.example` }), "DUNNO");
  }
  on.clock.now += 36 * days;
  assert.match(await ask(on, { sender: "late@late.example" }), /^DEFER/);
});

test("a client named in auto-whitelist-except never gets there", async () => {
  const on = scene(lists({ neverAutoWhitelisted: clientList("192.0.2.0/24") }));
  await earn(on);
  assert.match(await ask(on, { sender: "new@example.net" }), /^DEFER/);
});

test("nor do its senders, and their domains: its triplets pass, one by one", async () => {
  const on = scene(lists({ neverAutoWhitelisted: clientList("192.0.2.0/24") }));
  await ask(on);
  on.clock.now += 300;
  assert.match(await ask(on), /^PREPEND/);
  assert.equal(await ask(on), "DUNNO");
  assert.match(await ask(on, { recipient: "lucas@example.com" }), /^DEFER/);
});

test("a client at a private address earns nothing but its triplets", async () => {
  const on = scene();
  const inside = { client_address: "172.17.0.1" };
  await ask(on, inside);
  on.clock.now += 300;
  assert.match(await ask(on, inside), /^PREPEND/);
  assert.equal(await ask(on, inside), "DUNNO");
  assert.match(await ask(on, { ...inside, recipient: "lucas@example.com" }), /^DEFER/);
});

test("with two senders of a domain from its own mailers the domain passes, elsewhere from the address", async () => {
  const on = scene();
  const pass = async (changes: Record<string, string>) => {
    await ask(on, changes);
    on.clock.now += 300;
    assert.match(await ask(on, { ...changes, instance: changes.sender ?? "" }), /^PREPEND/);
  };
  await pass({ sender: "alice@example.org" });
  await pass({ sender: "bob@example.org" });
  const anotherMailer = { client_name: "mx7.example.org", client_address: "203.0.113.7" };
  assert.equal(await ask(on, { ...anotherMailer, sender: "carol@example.org" }), "DUNNO");
  assert.equal(on.decisions().at(-1), "pass domain AWL");
  await pass({ sender: "alice@free.example", client_name: "unknown" });
  await pass({ sender: "bob@free.example", client_name: "unknown" });
  assert.equal(await ask(on, { sender: "carol@free.example" }), "DUNNO");
  const neighbour = { sender: "carol@free.example", client_address: "192.0.2.2" };
  assert.match(await ask(on, neighbour), /^DEFER/);
});

test("what earns nothing is off: senders, domains", async () => {
  const on = scene({ senders: false, rules: { ...policyOptions.rules, domainSenders: 0 } });
  await ask(on);
  on.clock.now += 300;
  assert.match(await ask(on), /^PREPEND/);
  assert.equal(await ask(on), "DUNNO");
  assert.match(await ask(on, { recipient: "lucas@example.com" }), /^DEFER/);
});

test("what 0.1.0 knows passes, and is taken over", async () => {
  const keyOf = keysWith("gl1:");
  const on = scene();
  const triplet = ["triplet", "192.0.2.0/24", "alice@example.org", "robin@example.com"];
  const { now } = on.clock;
  await on.store.put(keyOf(triplet.join("\n")), `p ${now - 999} ${now - 600}`, 9999, Infinity);
  await on.store.put(keyOf("client\n198.51.100.0/24"), `c 5 ${now - 600}`, 9999, Infinity);
  assert.equal(await ask(on), "DUNNO");
  assert.equal(await ask(on, { recipient: "lucas@example.com" }), "DUNNO");
  const whitelisted = { client_address: "198.51.100.7", sender: "new@example.net" };
  assert.equal(await ask(on, whitelisted), "DUNNO");
  assert.deepEqual(on.decisions(), ["pass triplet found", "pass sender AWL", "pass client AWL"]);
});

test("a client's entry that could not be read once is not begun anew", async () => {
  const clientKey = keysOf().client;
  let failing = false;
  class OnceFailing extends KeyByKeyStore {
    override get(...[key, deadline]: Parameters<Store["get"]>) {
      return failing && key === clientKey
        ? Promise.reject(new StoreError("late"))
        : super.get(key, deadline);
    }
  }
  const on = scene({}, (clock) => new OnceFailing(() => clock.now, 1000));
  await ask(on, { sender: "first@one.example" });
  on.clock.now += 3600;
  await ask(on, { sender: "first@one.example" });
  await ask(on, { sender: "second@two.example" });
  const before = await on.store.get(clientKey, Infinity);
  on.clock.now += 3600;
  failing = true;
  assert.match(await ask(on, { sender: "second@two.example", instance: "2" }), /^PREPEND/);
  failing = false;
  assert.equal(await on.store.get(clientKey, Infinity), before);
});

test("without the auto-whitelist every triplet has to show itself", async () => {
  const on = scene({ rules: { ...policyOptions.rules, clientPasses: 0 } });
  await earn(on);
  assert.match(await ask(on, { sender: "new@example.net" }), /^DEFER/);
});

test("a client's entry that cannot be had does not keep its triplet from being judged", async () => {
  const clientKey = keysOf().client;
  class HalfStore extends KeyByKeyStore {
    override get(...[key, deadline]: Parameters<Store["get"]>) {
      return key === clientKey
        ? Promise.reject(new StoreError("that server is gone"))
        : super.get(key, deadline);
    }
  }
  const on = scene({}, (clock) => new HalfStore(() => clock.now, 1000));
  assert.equal(await ask(on), deferred(300));
  on.clock.now += 300;
  assert.match(await ask(on), /^PREPEND/);
});

test("a client's server that hangs is waited for half of the time, and the other half is left for writing", async () => {
  const clientKey = keysOf().client;
  class HangingStore extends KeyByKeyStore {
    override get(...[key, deadline]: Parameters<Store["get"]>) {
      if (key !== clientKey) return super.get(key, deadline);
      return new Promise<undefined>((_, reject) => {
        const late = () => reject(new StoreError("no answer"));
        setTimeout(late, deadline - performance.now());
      });
    }
  }
  const on = scene(
    { storeTimeoutMilliseconds: 2000, onStoreFailure: "defer" },
    (clock) => new HangingStore(() => clock.now, 1000),
  );
  const began = performance.now();
  assert.equal(await ask(on), deferred(300));
  const took = performance.now() - began;
  assert.ok(took >= 990 && took < 1900, `${took} ms`);
  assert.deepEqual(on.decisions(), ["greylist new"]);
});

test("what 0.1.0 knows is waited for as long as the rest takes", async () => {
  const keyOf = keysWith("gl1:");
  const triplet = keyOf("triplet\n192.0.2.0/24\nalice@example.org\nrobin@example.com");
  // One server, as slow for everything; the answers come in the order of the questions.
  class SlowStore extends KeyByKeyStore {
    override async get(...[key, deadline]: Parameters<Store["get"]>) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return await super.get(key, deadline);
    }
  }
  const on = scene({}, (clock) => new SlowStore(() => clock.now, 1000));
  const { now } = on.clock;
  await on.store.put(triplet, `p ${now - 999} ${now - 600}`, 9999, Infinity);
  assert.equal(await ask(on), "DUNNO");
  assert.deepEqual(on.decisions(), ["pass triplet found"]);
});
