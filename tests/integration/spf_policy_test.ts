/** Mail that is recognised under its sender's domain, by real records and with the store in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsLists } from "../../lib/dns/lists.ts";
import { loadSpf } from "../../lib/dns/spf.ts";
import type { PolicyOptions } from "../../lib/greylist/policy.ts";
import { correspondentsWith } from "../../lib/identity/correspondents.ts";
import type { Store } from "../../lib/stores/store.ts";
import { type DnsServer, startDnsServer } from "../support/dns_server.ts";
import { policyOptions, request, scene, senderList, subjectOptions } from "../support/policy.ts";
import type { Cleanup } from "../support/process.ts";
import { openResolver, timed } from "../support/resolver.ts";

const botnet = Array.from({ length: 10 }, (_, n) => `ip4:${n + 20}.0.0.0/8`).join(" ");

const zone = [
  "--local=/example/",
  "--txt-record=firma.example,v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all",
  "--txt-record=helo.firma.example,v=spf1 ip4:192.0.2.0/24 -all",
  "--txt-record=soft.example,v=spf1 ip4:192.0.2.0/24 ~all",
  "--txt-record=macro.example,v=spf1 a:%{i}.hosts.macro.example -all",
  "--address=/hosts.macro.example/20.1.2.3",
  "--txt-record=exists.example,v=spf1 exists:%{i}.any.exists.example -all",
  "--address=/any.exists.example/127.0.0.2",
  "--txt-record=all.example,v=spf1 +all",
  `--txt-record=eights.example,v=spf1 ${botnet} -all`,
];

async function asking(
  t: Cleanup,
  options: Partial<PolicyOptions> = {},
  { dns, timeoutMilliseconds = 10_000, store }: {
    dns?: DnsServer;
    timeoutMilliseconds?: number;
    store?: Store;
  } = {},
) {
  const server = dns ?? await startDnsServer(t, [], { args: zone });
  const { resolver, told } = openResolver(t, [server.server], timeoutMilliseconds);
  const lists = new DnsLists({ dnsListUnusable: () => {} }, () => 0);
  const parts = { resolver, lists, judgeSpf: await loadSpf() };
  const on = scene(options, store && (() => store), parts);
  /** A mail of firma.example from a host without a name. */
  const ask = async (address: string, changes: Readonly<Record<string, string>> = {}) => {
    await on.policy.answer(request({
      client_address: address,
      client_name: "unknown",
      helo_name: "mail.firma.example",
      sender: "alice@firma.example",
      ...changes,
    }));
    return on.decisions().at(-1);
  };
  return { ...on, ask, told, server };
}

test("a pool without names: a mail waits once, whichever host brings it back; then none does", async (t) => {
  const { ask, clock } = await asking(t);
  assert.equal(await ask("192.0.2.1"), "greylist new");
  assert.equal(await ask("192.0.2.2"), "greylist early-retry (300s missing)");
  clock.now += 301;
  assert.equal(await ask("198.51.100.3"), "pass triplet found");
  assert.equal(await ask("192.0.2.4", { recipient: "lucas@example.com" }), "pass sender AWL");
});

test("a mail that comes back from its own host is known under the domain, too, without asking", async (t) => {
  const { ask, clock, server } = await asking(t);
  assert.equal(await ask("192.0.2.1"), "greylist new");
  clock.now += 301;
  server.freeze();
  assert.equal(await ask("192.0.2.1"), "pass triplet found");
  server.thaw();
  assert.equal(await ask("198.51.100.9", { recipient: "lucas@example.com" }), "pass sender AWL");
});

test("twelve senders of a company behind such a pool: two wait", async (t) => {
  const { ask, clock, decisions } = await asking(t);
  for (let n = 1; n <= 12; n++) {
    const mail = { sender: `user${"abcdefghijkl"[n - 1]}@firma.example` };
    if (await ask(`192.0.2.${n}`, mail) !== "greylist new") continue;
    clock.now += 301;
    assert.equal(await ask(`192.0.2.${n}`, mail), "pass triplet found");
  }
  assert.equal(decisions().filter((decision) => decision === "greylist new").length, 2);
  assert.equal(decisions().at(-1), "pass domain AWL");
});

test("who forges the domain from elsewhere is not let in, not even by a neighbour's mail", async (t) => {
  const { ask, clock } = await asking(t);
  await ask("192.0.2.1");
  clock.now += 301;
  await ask("192.0.2.1");
  assert.equal(await ask("203.0.113.1"), "greylist new");
});

test("the domain is no group of hosts of the same name", async (t) => {
  const { ask, clock } = await asking(t);
  await ask("192.0.2.1");
  clock.now += 301;
  await ask("192.0.2.1");
  const mailer = { client_name: "mail1.firma.example" };
  assert.equal(await ask("203.0.113.1", mailer), "greylist new");
});

test("domains that authorise everybody vouch for nobody: no bot gets in by another's retry", async (t) => {
  const { ask, clock } = await asking(t);
  for (const domain of ["macro", "exists", "all", "eights"]) {
    const mail = { sender: `bot@${domain}.example` };
    assert.equal(await ask("20.1.2.3", mail), "greylist new", domain);
    clock.now += 301;
    assert.equal(await ask("21.9.9.9", mail), "greylist new", domain);
  }
});

test("a bounce is recognised under the name that its host calls itself by", async (t) => {
  const { ask, clock } = await asking(t);
  const bounce = { sender: "", helo_name: "helo.firma.example" };
  assert.equal(await ask("192.0.2.1", bounce), "greylist new");
  clock.now += 301;
  assert.equal(await ask("192.0.2.2", bounce), "pass triplet found");
  assert.equal(await ask("203.0.113.9", bounce), "greylist new");
});

test("a bounce that comes back from its own host is known under that name, too, without asking", async (t) => {
  const { ask, clock, server } = await asking(t);
  const bounce = { sender: "", helo_name: "helo.firma.example" };
  assert.equal(await ask("192.0.2.1", bounce), "greylist new");
  clock.now += 301;
  server.freeze();
  assert.equal(await ask("192.0.2.1", bounce), "pass triplet found");
  server.thaw();
  const another = { ...bounce, recipient: "lucas@example.com" };
  assert.equal(await ask("192.0.2.9", another), "pass sender AWL");
  assert.equal(await ask("192.0.2.9", { ...another, helo_name: "soft.example" }), "greylist new");
});

test("with DNS dead it is as without SPF; what began to wait then is not lost", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  dns.freeze();
  const { ask, clock } = await asking(t, {}, { dns, timeoutMilliseconds: 300 });
  assert.ok(await timed(ask("192.0.2.1")) < 1300);
  clock.now += 301;
  assert.equal(await ask("192.0.2.1"), "pass triplet found");
  assert.equal(await ask("192.0.2.2"), "greylist new");
});

test("with suspicion, a domain's fail and softfail are one, and its pass is none", async (t) => {
  const inquiry = { onlySuspicious: true, goodLists: [], badLists: [] };
  const { ask, events } = await asking(t, { inquiry });
  const named = { client_name: "mx.sender.example", helo_name: "mx.sender.example" };
  const suspicion = () => (events.at(-1)?.[1] as { suspicion?: string }).suspicion;
  assert.equal(await ask("203.0.113.1", named), "greylist new");
  assert.equal(suspicion(), "SPF fail");
  assert.equal(await ask("203.0.113.1", { ...named, sender: "a@soft.example" }), "greylist new");
  assert.equal(suspicion(), "SPF softfail");
  assert.equal(await ask("192.0.2.1", named), "pass not suspicious");
  assert.equal(
    await ask("203.0.113.1", { ...named, sender: "a@none.example" }),
    "pass not suspicious",
  );
});

test("a sender on whitelist-senders-spf passes where SPF passes it, and waits elsewhere", async (t) => {
  const lists = {
    ...policyOptions.lists,
    sendersBySpf: senderList("firma.example\nall.example\n"),
  };
  const { ask, events } = await asking(t, { lists });
  assert.equal(await ask("192.0.2.1"), "pass sender whitelist (SPF)");
  assert.equal((events.at(-1)?.[1] as { entry?: string }).entry, "/list:1");
  assert.equal(await ask("203.0.113.1"), "greylist new");
  // +all is everybody's pass.
  assert.equal(await ask("192.0.2.1", { sender: "bot@all.example" }), "greylist new");
});

test("what one of ours has written to may answer from a host without a name that SPF vouches for", async (t) => {
  const correspondents = correspondentsWith(subjectOptions);
  const { ask, policy, learning } = await asking(t, { correspondents });
  await policy.answer(request({
    sasl_username: "robin",
    sender: "robin@example.com",
    recipient: "alice@firma.example",
  }));
  await learning.settled(1000);
  assert.equal(await ask("192.0.2.1"), "pass correspondent");
  assert.equal(await ask("203.0.113.1"), "greylist new");
});

test("a mail that began to wait while DNS was dead is the domain's as soon as it answers", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  dns.freeze();
  const dead = await asking(t, {}, { dns, timeoutMilliseconds: 100 });
  assert.equal(await dead.ask("192.0.2.1"), "greylist new");
  dns.thaw();
  const { ask, clock } = await asking(t, {}, { dns, store: dead.store });
  assert.equal(await ask("192.0.2.1"), "greylist early-retry (300s missing)");
  clock.now += 301;
  assert.equal(await ask("192.0.2.2"), "pass triplet found");
});
