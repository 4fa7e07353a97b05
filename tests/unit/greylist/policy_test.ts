import assert from "node:assert/strict";
import { test } from "node:test";
import type { DecisionRecord } from "../../../lib/log/log.ts";
import { encodeAction } from "../../../lib/protocol/codec.ts";
import { type Store, StoreError } from "../../../lib/stores/store.ts";
import type { RecordKeys } from "../../../lib/identity/record_keys.ts";
import { KeyByKeyStore } from "../../support/key_by_key_store.ts";
import {
  clientList,
  policyOptions,
  recipientList,
  request,
  type Scene,
  scene,
  senderList,
  subjects,
} from "../../support/policy.ts";

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
    "pass sender AWL",
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

test("another host of the same mailers retries for the client, from any network", async () => {
  const on = scene();
  await ask(on, { client_name: "mx1.example.org" });
  on.clock.now += 300;
  const other = { client_name: "mx2.example.org", client_address: "203.0.113.9" };
  assert.match(await ask(on, other), /^PREPEND/);
});

test("without a name a neighbour is a stranger", async () => {
  const on = scene();
  await ask(on, { client_name: "unknown" });
  on.clock.now += 300;
  const neighbour = { client_name: "unknown", client_address: "192.0.2.2" };
  assert.match(await ask(on, neighbour), /^DEFER_IF_PERMIT/);
  assert.match(await ask(on, { client_name: "unknown" }), /^PREPEND/);
});

test("a server whose name cannot be resolved for an hour is still known", async () => {
  const on = scene();
  await ask(on);
  on.clock.now += 300;
  assert.match(await ask(on, { client_name: "unknown" }), /^PREPEND/);
  assert.equal(await ask(on, { recipient: "lucas@example.com", instance: "2" }), "DUNNO");
});

test("the null sender is known by the address only", async () => {
  const on = scene();
  await ask(on, { sender: "", client_name: "mx1.example.org" });
  on.clock.now += 300;
  const other = { sender: "", client_name: "mx2.example.org", client_address: "192.0.2.2" };
  assert.match(await ask(on, other), /^DEFER_IF_PERMIT/);
  assert.match(await ask(on, { sender: "", client_name: "mx1.example.org" }), /^PREPEND/);
});

test("with client-identity network a neighbour in the same network retries for the client", async () => {
  const on = scene({ subjectOf: subjects({ clientIdentity: "network" }) });
  await ask(on);
  on.clock.now += 300;
  assert.match(
    await ask(on, { client_address: "192.0.2.200", client_name: "unknown" }),
    /^PREPEND/,
  );
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
  const state of ["CONNECT", "HELO", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"]
) {
  test(`in state "${state}" there is nothing to say and nothing is remembered`, async () => {
    const on = scene();
    assert.equal(await ask(on, { protocol_state: state }), "DUNNO");
    assert.deepEqual(on.decisions(), []);
    assert.match(await ask(on), /^DEFER_IF_PERMIT/);
    assert.deepEqual(on.decisions(), ["greylist new"]);
  });
}

test("a request without a state, or with an empty one, is one at RCPT", async () => {
  for (const state of [undefined, ""]) {
    const on = scene();
    const asked = request({ protocol_state: state ?? "" });
    if (state === undefined) asked.delete("protocol_state");
    assert.equal((await on.policy.answer(asked)).kind, "defer");
    assert.deepEqual(on.decisions(), ["greylist new"]);
  }
});

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
  const on = scene({ subjectOf: subjects({ identifyBy: "client,recipient" }) });
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

/** A store in memory of which some operations fail. */
class FailingStore extends KeyByKeyStore {
  readonly failing = new Set<"get" | "put" | "delete">();
  override get(...args: Parameters<Store["get"]>) {
    return this.failing.has("get") ? Promise.reject(new StoreError("get")) : super.get(...args);
  }
  override put(...args: Parameters<Store["put"]>) {
    return this.failing.has("put") ? Promise.reject(new StoreError("put")) : super.put(...args);
  }
  override delete(...args: Parameters<Store["delete"]>) {
    return this.failing.has("delete")
      ? Promise.reject(new StoreError("delete"))
      : super.delete(...args);
  }
}

function failingScene(onStoreFailure: "accept" | "defer") {
  let store: FailingStore | undefined;
  const on = scene(
    { onStoreFailure },
    (clock) => store = new FailingStore(() => clock.now, 1000),
  );
  return { on, failing: store?.failing ?? new Set<"get" | "put" | "delete">() };
}

test("while the store fails, mail is accepted or deferred as on-store-failure says", async () => {
  for (const [answer, reply] of [["accept", "DUNNO"], ["defer", deferred(300)]] as const) {
    const { on, failing } = failingScene(answer);
    failing.add("get");
    assert.equal(await ask(on), reply);
    const [, record] = on.events.at(-1) ?? [];
    assert.equal((record as { problem?: string }).problem, "get");
    assert.equal((record as { id?: string }).id, keysOf().id);
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
  const on = scene();
  const key = keysOf().triplets[0] ?? "";
  await ask(on);
  await on.store.put(key, "somebody else's bytes", 100, Infinity);
  assert.equal(await ask(on), "DUNNO");
  assert.deepEqual(on.events.at(-2), ["unreadableEntry", key]);
  assert.equal(await ask(on), deferred(300));
});

test("what is known of the client cannot be read, nor deleted: the mail is greylisted all the same", async () => {
  const { on, failing } = failingScene("accept");
  const key = keysOf().client;
  assert.ok(key !== undefined);
  await on.store.put(key, "somebody else's bytes", 100, Infinity);
  failing.add("delete");
  assert.equal(await ask(on), deferred(300));
  assert.ok(on.events.some(([method]) => method === "unreadableEntry"));
});

test("an error of our own is logged and does not hold the mail", async () => {
  const on = scene({
    subjectOf: () => {
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
    subjectOf: () => {
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

test("a whitelisted sender passes from everywhere, and earns nothing", async () => {
  const on = scene(lists({ senders: senderList("alice@example.org\n") }));
  assert.equal(await ask(on, { sender: "Alice+x@example.org" }), "DUNNO");
  assert.equal(await ask(on, { client_name: "unknown", client_address: "203.0.113.9" }), "DUNNO");
  assert.deepEqual(on.decisions(), Array(2).fill("pass sender whitelist"));
  assert.match(await ask(on, { sender: "bob@example.org" }), /^DEFER_IF_PERMIT/);
});

test("what a list lets pass is logged with the file and line of its entry", async () => {
  const on = scene(lists({
    clients: clientList("# ours\nexample.net"),
    senders: senderList("\n\nalice@example.org"),
    recipients: recipientList("postmaster@"),
  }));
  await ask(on, { client_name: "mx.example.net" });
  await ask(on);
  await ask(on, { sender: "", recipient: "postmaster@example.com" });
  const entries = on.events.map(([, record]) => (record as DecisionRecord).entry);
  assert.deepEqual(entries, ["/list:2", "/list:3", "/list:1"]);
});

test("with greylist-recipients only those are greylisted", async () => {
  const on = scene(lists({ greylisted: recipientList("robin@example.com\n") }));
  assert.equal(await ask(on, { recipient: "lucas@example.com" }), "DUNNO");
  assert.match(await ask(on), /^DEFER_IF_PERMIT/);
  assert.deepEqual(on.decisions(), ["pass recipient not greylisted", "greylist new"]);
});
