/** Whom our users write to: how that is learned, and whom it lets through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { correspondentsWith } from "../../../lib/identity/correspondents.ts";
import { encodeAction } from "../../../lib/protocol/codec.ts";
import { type Store, StoreError } from "../../../lib/stores/store.ts";
import { KeyByKeyStore } from "../../support/key_by_key_store.ts";
import { request, type Scene, scene, subjectOptions } from "../../support/policy.ts";

const correspondents = correspondentsWith(subjectOptions);
const on = (storeAt?: (clock: { now: number }) => Store) => scene({ correspondents }, storeAt);

const robin = "robin@example.com", kim = "kim@b.example";
const letter = { sasl_username: "robin", sender: robin, recipient: kim, client_name: "unknown" };
const answer = { client_name: "mx.b.example", client_address: "192.0.2.7", sender: kim };

const reply = async (scene: Scene, changes: Record<string, string>) =>
  encodeAction(await scene.policy.answer(request(changes))).slice("action=".length, -2);

/** Sends a letter, and waits until it has been learned. */
async function write(scene: Scene, changes: Record<string, string> = {}): Promise<void> {
  assert.equal(await reply(scene, { ...letter, ...changes }), "DUNNO");
  await scene.learning.settled(1000);
}

const key = correspondents.pairKey(kim, robin) ?? "";
const stored = (scene: Scene) => scene.store.get(key, Infinity);

test("whom one of our users has written to may answer at once, and nobody else", async () => {
  const here = on();
  assert.match(await reply(here, answer), /^DEFER/);
  await write(here);
  assert.equal(await reply(here, answer), "DUNNO");
  assert.equal(here.decisions().at(-1), "pass correspondent");
  assert.match(await reply(here, { ...answer, sender: "lee@b.example" }), /^DEFER/);
  assert.match(await reply(here, { ...answer, recipient: "lucas@example.com" }), /^DEFER/);
});

test("it is learned from authenticated mail at RCPT only, and only if the setting says so", async () => {
  const off = scene();
  await write(off);
  assert.match(await reply(off, answer), /^DEFER/);
  for (const changes of [{ sasl_username: "" }, { protocol_state: "DATA" }, { sender: "" }]) {
    const here = on();
    await reply(here, { ...letter, ...changes });
    await here.learning.settled(1000);
    assert.equal(await stored(here), undefined, JSON.stringify(changes));
  }
  const here = on();
  await write(here, { protocol_state: "" });
  assert.match(await stored(here) ?? "", /^w1 /, "no state is RCPT");
});

test("it counts only from a client with a name that no provider gives, at a public address", async () => {
  const here = on();
  await write(here);
  const others = [
    { client_name: "unknown" },
    { client_name: "192-0-2-7.dyn.isp.example" },
    { client_name: "vps-17.hosting.example" },
    { client_address: "172.17.0.1" },
  ];
  for (const other of others) {
    assert.match(await reply(here, { ...answer, ...other }), /^DEFER/, JSON.stringify(other));
  }
  assert.equal(await reply(here, answer), "DUNNO");
});

test("a bounce is no answer: it is from everybody", async () => {
  const here = on();
  await write(here);
  assert.match(await reply(here, { ...answer, sender: "" }), /^DEFER/);
});

test("it lasts max-age from the letter that was written down last, whatever was answered", async () => {
  const here = on();
  await write(here);
  here.clock.now += 34 * 86_400;
  assert.equal(await reply(here, answer), "DUNNO");
  await write(here);
  here.clock.now += 34 * 86_400;
  assert.equal(await reply(here, answer), "DUNNO");
  here.clock.now += 2 * 86_400;
  assert.match(await reply(here, answer), /^DEFER/);
});

/** A store in memory that says what is asked of it, and of which keys may fail or hang. */
class ToldStore extends KeyByKeyStore {
  readonly told: string[] = [];
  hanging = 0;
  behave: (key: string) => "work" | "fail" | "hang" = () => "work";
  override get(key: string, deadline: number) {
    return this.#as("get", key, deadline, () => super.get(key, deadline));
  }
  override put(key: string, value: string, seconds: number, deadline: number) {
    return this.#as("put", key, deadline, () => super.put(key, value, seconds, deadline));
  }
  #as<T>(what: string, key: string, deadline: number, work: () => Promise<T>): Promise<T> {
    this.told.push(`${what} ${key}`);
    const way = this.behave(key);
    if (way === "work") return work();
    this.hanging++;
    const left = way === "fail" ? 0 : deadline - performance.now();
    return new Promise<never>((_, reject) => setTimeout(() => reject(new StoreError(way)), left))
      .finally(() => this.hanging--);
  }
}

function told(): { readonly here: Scene; readonly store: ToldStore } {
  let store: ToldStore | undefined;
  const here = on((clock) => store = new ToldStore(() => clock.now, 100_000));
  return { here, store: store ?? assert.fail("no store") };
}

test("what is known is written down once an hour", async () => {
  const { here, store } = told();
  const puts = () => store.told.filter((operation) => operation === `put ${key}`).length;
  await write(here);
  here.clock.now += 3599;
  await write(here);
  assert.equal(puts(), 1);
  here.clock.now += 1;
  await write(here);
  assert.equal(puts(), 2);
});

test("an answer writes nothing, and so do those behind it", async () => {
  const { here, store } = told();
  await write(here);
  store.told.length = 0;
  for (let n = 0; n < 3; n++) {
    here.clock.now += 4000;
    assert.equal(await reply(here, answer), "DUNNO");
  }
  assert.deepEqual(store.told.filter((operation) => operation.startsWith("put ")), []);
});

test("it is read with the other records, before any of them has come", async () => {
  const { here, store } = told();
  store.behave = () => "hang";
  const asked = here.policy.answer(request(answer));
  assert.ok(store.told.includes(`get ${key}`), store.told.join());
  assert.ok(store.told.some((operation) => operation.includes("}t")), store.told.join());
  await asked;
});

test("no information, where its server is out of reach", async () => {
  for (const way of ["fail", "hang"] as const) {
    const { here, store } = told();
    await write(here);
    store.behave = (asked) => asked === key ? way : "work";
    assert.match(await reply(here, answer), /^DEFER/, way);
    assert.equal(here.decisions().at(-1), "greylist new");
  }
});

test("an entry that cannot be read is forgotten, and learned with the next letter", async () => {
  const here = on();
  await here.store.put(key, "somebody else's bytes", 100, Infinity);
  await write(here);
  assert.deepEqual(here.events.find(([method]) => method === "unreadableEntry"), [
    "unreadableEntry",
    key,
  ]);
  assert.equal(await stored(here), undefined);
  await write(here);
  assert.match(await stored(here) ?? "", /^w1 /);
});

test("one user has 200 addresses learned in an hour; the log says once that it is more, and not who", async () => {
  const { here, store } = told();
  const user = "h\xe4cked, action=pass\x1b[2J";
  const to = (n: number) =>
    `${"abcdefghij"[n % 10]}.${"klmnopqrst"[Math.floor(n / 10) % 10]}@b${
      Math.floor(n / 100)
    }.example`;
  for (let n = 0; n < 250; n++) {
    await write(here, { sasl_username: user, recipient: to(n) });
    // What is written down already is not counted.
    await write(here, { sasl_username: user, recipient: to(0) });
  }
  const written = new Set(store.told.filter((operation) => operation.startsWith("put ")));
  assert.equal(written.size, 200);
  const warnings = here.events.filter(([method]) => method === "correspondentsRefused");
  assert.deepEqual(warnings, [["correspondentsRefused", correspondents.userHash(user)]]);
  await write(here, { sasl_username: "robin" });
  assert.match(await stored(here) ?? "", /^w1 /, "another user's are learned");
});

test("authenticated mail is answered at once while the store hangs, and little of it is kept waiting", async () => {
  const { here, store } = told();
  store.behave = () => "hang";
  for (let n = 0; n < 5000; n++) {
    assert.equal(await reply(here, { ...letter, recipient: `kim@b${n}.example` }), "DUNNO");
  }
  assert.equal(store.hanging, 1000);
  await here.learning.settled(10_000);
  store.behave = () => "work";
  await write(here);
  assert.match(await stored(here) ?? "", /^w1 /, "afterwards it learns again");
});

test("whoever waits for what is being learned waits no longer than it says", async () => {
  const { here, store } = told();
  store.behave = () => "hang";
  await reply(here, letter);
  await here.learning.settled(10);
  assert.equal(store.hanging, 1, "not as long as the store");
  await here.learning.settled(10_000);
  assert.equal(store.hanging, 0);
});

test("a bug in learning is logged, and changes no answer", async () => {
  const here = scene({
    correspondents: {
      ...correspondents,
      pairKey: () => {
        throw new TypeError("a bug");
      },
    },
  });
  assert.equal(await reply(here, letter), "DUNNO");
  await here.learning.settled(1000);
  assert.equal(here.events.filter(([method]) => method === "internalError").length, 1);
});
