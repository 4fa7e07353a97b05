import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeAction } from "../lib/protocol/codec.ts";
import { keysWith } from "../lib/identity/keys.ts";
import { type Store, StoreError } from "../lib/stores/store.ts";
import { MemoryStore } from "../lib/stores/memory.ts";
import {
  clientList,
  policyOptions,
  recipientList,
  request,
  type Scene,
  scene,
} from "./support/policy.ts";

/** The reply's text to a request, without the protocol around it. */
async function ask(on: Scene, changes: Record<string, string> = {}): Promise<string> {
  return encodeAction(await on.policy.answer(request(changes))).slice("action=".length, -2);
}

const deferred = (seconds: number) => `DEFER_IF_PERMIT 4.2.0 Greylisted for ${seconds} seconds`;

test("a triplet is deferred, deferred again early, accepted after the delay, and then left alone", async () => {
  const on = scene();
  assert.equal(await ask(on), deferred(300));
  on.clock.now += 60;
  assert.equal(await ask(on), deferred(240));
  on.clock.now += 240;
  assert.equal(
    await ask(on),
    "PREPEND X-Greylist: delayed 300 seconds by greylist-0 at mail.example.com",
  );
  assert.equal(await ask(on, { instance: "another" }), "DUNNO");
  assert.deepEqual(on.decisions(), [
    "greylist new",
    "greylist early-retry (240s missing)",
    "pass triplet found",
    "pass triplet found",
  ]);
});

test("no part of a second of the delay is given away, whatever the times are rounded to", async () => {
  const on = scene();
  on.clock.now += 0.9;
  assert.equal(await ask(on), "DEFER_IF_PERMIT 4.2.0 Greylisted for 301 seconds");
  on.clock.now += 299.2;
  assert.equal(await ask(on), "DEFER_IF_PERMIT 4.2.0 Greylisted for 1 seconds");
  on.clock.now += 1;
  assert.match(await ask(on), /^PREPEND X-Greylist: delayed 300 seconds /);
});

test("a neighbour in the same network retries for the client", async () => {
  const on = scene();
  await ask(on);
  on.clock.now += 300;
  assert.match(await ask(on, { client_address: "192.0.2.200" }), /^PREPEND/);
  assert.match(await ask(on, { client_address: "198.51.100.1" }), /^DEFER_IF_PERMIT/);
});

test("the header goes to the first recipient of a transaction that passes, once", async () => {
  const on = scene();
  await ask(on, { recipient: "robin@example.com" });
  await ask(on, { recipient: "lucas@example.com" });
  on.clock.now += 300;
  assert.match(await ask(on, { recipient: "robin@example.com", instance: "t2" }), /^PREPEND/);
  assert.equal(await ask(on, { recipient: "lucas@example.com", instance: "t2" }), "DUNNO");
  // Another mail of the same triplets has not been delayed.
  assert.equal(await ask(on, { recipient: "lucas@example.com", instance: "t3" }), "DUNNO");
});

test("without an instance, as before Postfix 2.3, every first pass has its header", async () => {
  const on = scene();
  await ask(on, { recipient: "robin@example.com", instance: "" });
  await ask(on, { recipient: "lucas@example.com", instance: "" });
  on.clock.now += 300;
  assert.match(await ask(on, { recipient: "robin@example.com", instance: "" }), /^PREPEND/);
  assert.match(await ask(on, { recipient: "lucas@example.com", instance: "" }), /^PREPEND/);
});

test("without a header there is nothing to prepend", async () => {
  const on = scene({ header: undefined });
  await ask(on);
  on.clock.now += 300;
  assert.equal(await ask(on), "DUNNO");
});

for (
  const state of ["CONNECT", "HELO", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN", ""]
) {
  test(`in state "${state}" there is nothing to say and nothing is remembered`, async () => {
    const on = scene();
    assert.equal(await ask(on, { protocol_state: state }), "DUNNO");
    assert.deepEqual(on.decisions(), []);
    assert.match(await ask(on), /^DEFER_IF_PERMIT/);
    assert.deepEqual(on.decisions(), ["greylist new"]);
  });
}

test("a client that has authenticated is not greylisted", async () => {
  const on = scene();
  assert.equal(await ask(on, { sasl_username: "robin" }), "DUNNO");
  assert.deepEqual(on.decisions(), []);
});

test("a client without an address is let through, and logged", async () => {
  const on = scene();
  for (const address of ["unknown", "", "mx.example.org"]) {
    assert.equal(await ask(on, { client_address: address }), "DUNNO");
  }
  assert.deepEqual(on.decisions(), Array(3).fill("pass client address unknown"));
});

test("a request with only what Postfix 2.1 sends is answered", async () => {
  const on = scene();
  const old = new Map([
    ["request", "smtpd_access_policy"],
    ["protocol_state", "RCPT"],
    ["client_address", "192.0.2.1"],
    ["recipient", "robin@example.com"],
  ]);
  assert.equal((await on.policy.answer(old)).kind, "defer");
});

test("with identify-by client,recipient another sender is the same mail", async () => {
  const on = scene({ identifyBy: "client,recipient" });
  await ask(on, { sender: "a@example.org" });
  on.clock.now += 300;
  assert.match(await ask(on, { sender: "b@example.net" }), /^PREPEND/);
});

test("in a dry run everything passes, and is remembered and logged as usual", async () => {
  const on = scene({ dryRun: true });
  assert.equal(await ask(on), "DUNNO");
  on.clock.now += 300;
  assert.equal(await ask(on), "DUNNO");
  assert.deepEqual(on.decisions(), ["greylist new", "pass triplet found"]);
});

test("a 4xx code in place of DEFER_IF_PERMIT", async () => {
  assert.equal(await ask(scene({ deferKeyword: "451" })), "451 4.2.0 Greylisted for 300 seconds");
});

test("the log says how long the mail waited", async () => {
  const on = scene();
  await ask(on);
  on.clock.now += 421;
  await ask(on);
  const [, record] = on.events.at(-1) ?? [];
  assert.equal((record as { delaySeconds?: number }).delaySeconds, 421);
});

/** A store in memory of which some operations fail. */
class FailingStore extends MemoryStore {
  readonly failing = new Set<"get" | "put">();
  override get(...args: Parameters<Store["get"]>) {
    return this.failing.has("get") ? Promise.reject(new StoreError("get")) : super.get(...args);
  }
  override put(...args: Parameters<Store["put"]>) {
    return this.failing.has("put") ? Promise.reject(new StoreError("put")) : super.put(...args);
  }
}

function failingScene(onStoreFailure: "accept" | "defer") {
  let store: FailingStore | undefined;
  const on = scene(
    { onStoreFailure },
    (clock) => store = new FailingStore(() => clock.now, 1000),
  );
  return { on, failing: store?.failing ?? new Set<"get" | "put">() };
}

test("while the store fails, mail is accepted or deferred as on-store-failure says", async () => {
  for (const [answer, reply] of [["accept", "DUNNO"], ["defer", deferred(300)]] as const) {
    const { on, failing } = failingScene(answer);
    failing.add("get");
    assert.equal(await ask(on), reply);
    const [, record] = on.events.at(-1) ?? [];
    assert.equal((record as { problem?: string }).problem, "get");
    assert.deepEqual(on.decisions(), [
      `${answer === "accept" ? "pass" : "greylist"} store failure`,
    ]);
  }
});

test("a first attempt that could not be remembered is not deferred: it would wait for ever", async () => {
  const { on, failing } = failingScene("accept");
  failing.add("put");
  assert.equal(await ask(on), "DUNNO");
});

test("a pass stands even if it could not be remembered", async () => {
  const { on, failing } = failingScene("defer");
  await ask(on);
  on.clock.now += 300;
  failing.add("put");
  assert.match(await ask(on), /^PREPEND/);
});

test("after the store is back, greylisting goes on where it was", async () => {
  const { on, failing } = failingScene("accept");
  await ask(on);
  failing.add("get");
  assert.equal(await ask(on), "DUNNO");
  failing.clear();
  assert.equal(await ask(on), deferred(300));
});

test("an entry that cannot be read counts as a failure once, and is forgotten", async () => {
  const keyOf = keysWith("gl1:");
  const keys: string[] = [];
  const on = scene({ keyOf: (material) => (keys.push(keyOf(material)), keyOf(material)) });
  await ask(on);
  await on.store.put(keys[0] ?? "", "somebody else's bytes", 100, Infinity);
  assert.equal(await ask(on), "DUNNO");
  assert.deepEqual(on.events.at(-2), ["unreadableEntry", keys[0]]);
  assert.equal(await ask(on), deferred(300));
});

test("an error of our own is logged and does not hold the mail", async () => {
  const on = scene({
    keyOf: () => {
      throw new TypeError("a bug");
    },
  });
  assert.equal(await ask(on), "DUNNO");
  assert.equal(on.events[0]?.[0], "internalError");
});

const lists = (changes: Partial<typeof policyOptions.lists>) => ({
  lists: { ...policyOptions.lists, ...changes },
});

test("a whitelisted client passes, by verified name or by address, and the store is not asked", async () => {
  const on = scene({
    ...lists({ clients: clientList("example.org\n198.51.100.0/24\n") }),
    keyOf: () => {
      throw new Error("the store was asked");
    },
  });
  assert.equal(await ask(on), "DUNNO");
  assert.equal(
    await ask(on, { client_name: "x.example", client_address: "198.51.100.7" }),
    "DUNNO",
  );
  assert.deepEqual(on.decisions(), Array(2).fill("pass client whitelist"));
});

test("a client's unverified name whitelists nobody", async () => {
  const on = scene(lists({ clients: clientList("example.org") }));
  const changes = { client_name: "unknown", reverse_client_name: "mx.example.org" };
  assert.match(await ask(on, changes), /^DEFER_IF_PERMIT/);
});

test("a whitelisted client needs no address", async () => {
  const on = scene(lists({ clients: clientList("example.org") }));
  assert.equal(await ask(on, { client_address: "unknown" }), "DUNNO");
  assert.deepEqual(on.decisions(), ["pass client whitelist"]);
});

test("a whitelisted recipient passes, with any extension", async () => {
  const on = scene(lists({ recipients: recipientList("postmaster@\n") }));
  assert.equal(await ask(on, { recipient: "postmaster+x@example.com" }), "DUNNO");
  assert.deepEqual(on.decisions(), ["pass recipient whitelist"]);
  assert.match(await ask(on), /^DEFER_IF_PERMIT/);
});

test("with greylist-recipients only those are greylisted", async () => {
  const on = scene(lists({ greylisted: recipientList("robin@example.com\n") }));
  assert.equal(await ask(on, { recipient: "lucas@example.com" }), "DUNNO");
  assert.match(await ask(on), /^DEFER_IF_PERMIT/);
  assert.deepEqual(on.decisions(), ["pass recipient not greylisted", "greylist new"]);
});

/** Has five triplets of the client pass, an hour apart. */
async function earn(on: Scene, changes: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await ask(on, { ...changes, sender: `${"abcde"[i]}@example.org` });
    on.clock.now += 3600;
    await ask(on, { ...changes, sender: `${"abcde"[i]}@example.org` });
  }
}

test("a client of which five triplets passed is let through from then on, and the log says so once", async () => {
  const on = scene();
  await earn(on);
  assert.equal(await ask(on, { sender: "new@example.org", client_address: "192.0.2.99" }), "DUNNO");
  assert.equal(on.decisions().at(-1), "pass client AWL");
  assert.equal(on.events.filter(([method]) => method === "clientEarnedWhitelist").length, 1);
  assert.match(await ask(on, { sender: "new@example.org", client_address: "192.0.3.1" }), /^DEFER/);
});

test("the auto-whitelist lasts max-age from the last use", async () => {
  const on = scene();
  await earn(on);
  const days = 86_400;
  for (let i = 0; i < 3; i++) {
    on.clock.now += 34 * days;
    assert.equal(await ask(on, { sender: `new${"xyz"[i]}@example.org` }), "DUNNO");
  }
  on.clock.now += 36 * days;
  assert.match(await ask(on, { sender: "late@example.org" }), /^DEFER/);
});

test("a client named in auto-whitelist-except never gets there", async () => {
  const on = scene(lists({ neverAutoWhitelisted: clientList("192.0.2.0/24") }));
  await earn(on);
  assert.match(await ask(on, { sender: "new@example.org" }), /^DEFER/);
});

test("a client in auto-whitelist-except has no use of the place that its network has", async () => {
  const on = scene(lists({ neverAutoWhitelisted: clientList("192.0.2.66") }));
  await earn(on);
  assert.equal(await ask(on, { sender: "new@example.org" }), "DUNNO");
  const changes = { client_address: "192.0.2.66", sender: "newer@example.org" };
  assert.match(await ask(on, changes), /^DEFER/);
});

test("a client's entry that could not be read once is not begun anew", async () => {
  const clientKey = policyOptions.keyOf("client\n192.0.2.0/24");
  let failing = false;
  class OnceFailing extends MemoryStore {
    override get(...[key, deadline]: Parameters<Store["get"]>) {
      return failing && key === clientKey
        ? Promise.reject(new StoreError("late"))
        : super.get(key, deadline);
    }
  }
  const on = scene({}, (clock) => new OnceFailing(() => clock.now, 1000));
  await ask(on, { sender: "first@example.org" });
  on.clock.now += 3600;
  await ask(on, { sender: "first@example.org" });
  const before = await on.store.get(clientKey, Infinity);
  await ask(on, { sender: "second@example.org" });
  on.clock.now += 3600;
  failing = true;
  assert.match(await ask(on, { sender: "second@example.org", instance: "2" }), /^PREPEND/);
  failing = false;
  assert.equal(await on.store.get(clientKey, Infinity), before);
});

test("without the auto-whitelist every triplet has to show itself", async () => {
  const on = scene({ autoWhitelist: { passes: 0, maxAgeSeconds: 3_024_000 } });
  await earn(on);
  assert.match(await ask(on, { sender: "new@example.org" }), /^DEFER/);
});

test("a client's entry that cannot be had does not keep its triplet from being judged", async () => {
  const clientKey = policyOptions.keyOf("client\n192.0.2.0/24");
  class HalfStore extends MemoryStore {
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
