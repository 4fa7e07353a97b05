import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsLists } from "../../lib/dns/lists.ts";
import { parseAllowZone, parseBlockZone, type Zone } from "../../lib/dns/zones.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { startUdpServer } from "../support/udp_name_server.ts";
import type { Cleanup } from "../support/process.ts";
import { openResolver } from "../support/resolver.ts";

function openLists(t: Cleanup, server: string) {
  const { resolver } = openResolver(t, [server], 500);
  const told: string[] = [];
  let now = 1000;
  const lists = new DnsLists(
    { dnsListUnusable: (zone, why) => void told.push(`${zone}: ${why}`) },
    () => now,
  );
  return {
    told,
    pass: (seconds: number) => void (now += seconds),
    find: (address: string, ...zones: Zone[]) =>
      resolver.ask((lookup) => lists.find(zones, address, lookup)).then((zone) => zone?.text),
  };
}

test("the first list that has the client is found, by its code", async (t) => {
  const dns = await startDnsServer(t, [], {
    args: [
      "--local=/example/",
      "--host-record=1.2.0.192.good.example,127.0.5.2",
      "--host-record=1.2.0.192.bl.example,127.0.0.4",
      `--host-record=${"0.".repeat(24)}8.b.d.0.1.0.0.2.bl.example,127.0.0.2`,
      "--host-record=1.0.0.10.bl.example,127.0.0.2",
    ],
  });
  const { find, told } = openLists(t, dns.server);
  const good = parseAllowZone("good.example>=1"), better = parseAllowZone("good.example>=3");
  const bad = parseBlockZone("bl.example"), two = parseBlockZone("bl.example=127.0.0.2");
  assert.equal(await find("192.0.2.1", better, good), "good.example>=1");
  assert.equal(await find("192.0.2.2", better, good), undefined);
  assert.equal(await find("192.0.2.1", two, bad), "bl.example");
  assert.equal(await find("2001:db8::", two), "bl.example=127.0.0.2");
  assert.equal(await find("10.0.0.1", bad), undefined);
  assert.equal(await find("unknown", bad), undefined);
  assert.equal(await find("192.0.2.1"), undefined);
  assert.deepEqual(told, []);
});

test("a list that answers what it cannot mean is told once an hour, and lists nobody", async (t) => {
  const dns = await startDnsServer(t, [], {
    args: [
      "--host-record=1.2.0.192.good.example,127.0.0.255",
      "--address=/parked.example/192.0.2.80",
      "--host-record=1.2.0.192.bl.example,127.255.255.254",
    ],
  });
  const { find, told, pass } = openLists(t, dns.server);
  const zones = [
    parseAllowZone("good.example"),
    parseBlockZone("parked.example"),
    parseBlockZone("bl.example"),
  ];
  for (let n = 0; n < 3; n++) assert.equal(await find("192.0.2.1", ...zones), undefined);
  const all = [
    "bl.example: it answered 127.255.255.254",
    "good.example: it answered 127.0.0.255",
    "parked.example: it answered 192.0.2.80",
  ];
  assert.deepEqual(told.sort(), all);
  pass(3599);
  await find("192.0.2.1", ...zones);
  assert.equal(told.length, 3);
  pass(1);
  await find("192.0.2.1", ...zones);
  assert.deepEqual(told.splice(3).sort(), all);
});

test("a list that does not answer is no information, and the others are asked beside it", async (t) => {
  const server = await startUdpServer(t, () => {});
  const { find, told } = openLists(t, server.server);
  const zones = [parseBlockZone("a.example"), parseBlockZone("b.other")];
  const began = performance.now();
  assert.equal(await find("192.0.2.1", ...zones), undefined);
  assert.ok(performance.now() - began < 1500);
  assert.deepEqual(new Set(server.asked).size, 2);
  assert.deepEqual(told, []);
});
