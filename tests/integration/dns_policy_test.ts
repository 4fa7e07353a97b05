/** What policy makes of DNS: real name servers, the store in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsLists } from "../../lib/dns/lists.ts";
import { parseAllowZone, parseBlockZone } from "../../lib/dns/zones.ts";
import type { InquiryOptions } from "../../lib/greylist/inquiry.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { startUdpServer } from "../support/udp_name_server.ts";
import { recordingStore } from "../support/recording_store.ts";
import type { PolicyOptions } from "../../lib/greylist/policy.ts";
import { request, scene } from "../support/policy.ts";
import type { Cleanup } from "../support/process.ts";
import { openResolver, timed } from "../support/resolver.ts";

const zone = [
  "--local=/example/",
  "--host-record=1.2.0.192.good.example,127.0.5.2",
  "--host-record=2.2.0.192.bad.example,127.0.0.4",
];

/** A policy that asks a name server, and all that it has written. */
function asking(
  t: Cleanup,
  server: string,
  inquiry: Partial<InquiryOptions>,
  { timeoutMilliseconds = 10_000, ...options }: Partial<PolicyOptions> & {
    timeoutMilliseconds?: number;
  } = {},
) {
  const { resolver, told } = openResolver(t, [server], timeoutMilliseconds);
  const lists = new DnsLists({ dnsListUnusable: (name) => void told.push(name) }, () => 0);
  const store = recordingStore();
  const all = { onlySuspicious: false, goodLists: [], badLists: [], ...inquiry };
  const on = scene({ ...options, inquiry: all }, () => store, {
    resolver,
    lists,
    judgeSpf: undefined,
  });
  const ask = async (changes: Readonly<Record<string, string>> = {}) => {
    const { kind } = await on.policy.answer(request(changes));
    return `${kind}: ${on.decisions().at(-1)}`;
  };
  return { ...on, ask, written: store.written, told };
}

const customer = { client_name: "192-0-2-1.dyn.isp.example", client_address: "192.0.2.1" };
const listed = { client_name: "mx.spam.example", client_address: "192.0.2.2" };
const server = { client_name: "mx.firma.example", client_address: "192.0.2.3" };

test("a client that DNSWL knows does not wait, and earns nothing by that", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const goodLists = [parseAllowZone("good.example>=1")];
  const { ask, written } = asking(t, dns.server, { goodLists });
  assert.equal(await ask(customer), "dunno: pass DNSWL");
  assert.deepEqual(written, []);
  assert.equal(await ask(listed), "defer: greylist new");
  assert.notEqual(written.length, 0);
});

test("with too little trust, or no DNS to ask, it waits as others do", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const goodLists = [parseAllowZone("good.example>=3")];
  assert.equal(await asking(t, dns.server, { goodLists }).ask(customer), "defer: greylist new");
  dns.freeze();
  const dead = asking(t, dns.server, { goodLists }, { timeoutMilliseconds: 200 });
  assert.equal(await dead.ask(customer), "defer: greylist new");
});

test("only the suspicious wait: by name, by HELO, by a DNSBL; and the log says why", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const badLists = [parseBlockZone("bad.example=127.0.0.[4..11]")];
  const { ask, events, written } = asking(t, dns.server, { onlySuspicious: true, badLists });
  const suspicion = () => (events.at(-1)?.[1] as { suspicion?: string }).suspicion;
  assert.equal(await ask(server), "dunno: pass not suspicious");
  assert.deepEqual(written, []);
  assert.equal(suspicion(), undefined);
  for (
    const [changes, why] of [
      [customer, "generic name"],
      [{ ...server, client_name: "unknown" }, "no verified name"],
      [{ ...server, helo_name: "[192.0.2.3]" }, "HELO is an address"],
      [{ ...server, helo_name: "mail.example.com" }, "HELO is one of ours"],
      [listed, "DNSBL (bad.example)"],
    ] as const
  ) {
    const mail = { ...changes, sender: `${why.replaceAll(" ", "-")}@example.org` };
    assert.equal(await ask(mail), "defer: greylist new", why);
    assert.equal(suspicion(), why);
  }
});

test("the suspicious wait once, and are known then, whatever a list says", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const { ask, clock } = asking(t, dns.server, {
    onlySuspicious: true,
    badLists: [parseBlockZone("bad.example")],
  });
  assert.equal(await ask(listed), "defer: greylist new");
  assert.equal(await ask(listed), "defer: greylist early-retry (300s missing)");
  clock.now += 301;
  assert.equal(await ask(listed), "prepend: pass triplet found");
  assert.equal(await ask({ ...listed, recipient: "lucas@example.com" }), "dunno: pass sender AWL");
});

test("DNS is asked only about mail that would wait, and not about whom it could say no more", async (t) => {
  const asked = await startUdpServer(t, () => {});
  const { ask, clock } = asking(t, asked.server, {
    onlySuspicious: true,
    badLists: [parseBlockZone("bad.example")],
  }, { timeoutMilliseconds: 100 });
  assert.equal(await ask(customer), "defer: greylist new");
  clock.now += 301;
  assert.equal(await ask(customer), "prepend: pass triplet found");
  assert.equal(await ask(customer), "dunno: pass sender AWL");
  assert.equal(await ask({ ...server, client_address: "10.0.0.1" }), "dunno: pass not suspicious");
  assert.deepEqual(asked.asked, []);
});

test("a DNSBL that does not answer makes nobody suspicious", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  dns.freeze();
  const badLists = [parseBlockZone("bad.example")];
  const { ask } = asking(t, dns.server, { onlySuspicious: true, badLists }, {
    timeoutMilliseconds: 100,
  });
  assert.equal(await ask(listed), "dunno: pass not suspicious");
});

test("store-timeout counts only what is waited for the store", async (t) => {
  const slow = await startUdpServer(t, () => {});
  const { ask, clock } = asking(t, slow.server, { goodLists: [parseAllowZone("good.example")] }, {
    timeoutMilliseconds: 600,
    storeTimeoutMilliseconds: 300,
  });
  assert.ok(await timed(ask(server)) >= 590);
  clock.now += 301;
  assert.equal(await ask(server), "prepend: pass triplet found");
});

test("three answers wait for dead DNS, and then none does", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const lists = ["a", "b", "c", "d"].map((name) => parseAllowZone(`${name}.example`));
  for (const [n, goodLists] of [lists.slice(0, 1), lists].entries()) {
    const { ask, told } = asking(t, dns.server, { goodLists }, { timeoutMilliseconds: 300 });
    if (n === 0) dns.freeze();
    const times: number[] = [];
    // Each of another client: the list's domain alone would be no information after the first.
    for (let host = 1; host <= 5; host++) {
      const address = `192.0.2.${100 + host}`;
      times.push(await timed(ask({ ...server, client_address: address })));
    }
    assert.ok(times.every((time) => time < 1300), String(times));
    assert.ok(times.slice(3).every((time) => time < 100), String(times));
    assert.ok(told.length <= 1);
  }
});
