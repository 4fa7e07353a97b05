import assert from "node:assert/strict";
import { test } from "node:test";
import { publicParts } from "../../../lib/identity/client.ts";
import { judge, nameIn, parseAllowZone, parseBlockZone } from "../../../lib/dns/zones.ts";

test("a list of good ones is a domain, with the least trust behind it", () => {
  for (const text of ["list.dnswl.org", "list.dnswl.org>=1", "wl.example>=254"]) {
    assert.equal(parseAllowZone(text).text, text);
  }
  for (
    const text of [
      "",
      "dnswl",
      "list.dnswl.org>1",
      "list.dnswl.org>=",
      "list.dnswl.org>=255",
      "list.dnswl.org=127.0.0.1",
      "a..b",
      "List.dnswl.org",
      "192.0.2.1",
      `${"a".repeat(64)}.example`,
      `${"abcdefg.".repeat(24)}org`,
    ]
  ) {
    assert.throws(() => parseAllowZone(text), /^RangeError: want a domain, /, text);
  }
});

test("codes of a list of bad ones are in Postfix's spelling", () => {
  const zone = (code: string) => parseBlockZone(`bl.example=${code}`);
  const lists = (code: string, address: string) => judge(zone(code), [address]) === "listed";
  assert.ok(lists("127.0.0.2", "127.0.0.2"));
  assert.ok(!lists("127.0.0.2", "127.0.0.3"));
  assert.ok(lists("127.0.0.[4..11]", "127.0.0.4") && lists("127.0.0.[4..11]", "127.0.0.11"));
  assert.ok(!lists("127.0.0.[4..11]", "127.0.0.3") && !lists("127.0.0.[4..11]", "127.0.0.12"));
  assert.ok(lists("127.0.[0;2].[2;4..6;9]", "127.0.2.5"));
  assert.ok(!lists("127.0.[0;2].[2;4..6;9]", "127.0.1.5"));
  for (
    const code of [
      "",
      "127.0.0",
      "127.0.0.2.3",
      "127.0.0.",
      "127.0.0.256",
      "127.0.0.4..11",
      "127.0.0.[]",
      "127.0.0.[11..4]",
      "127.0.0.[4...11]",
      "127.0.0.[4..11",
      "127.0.0.[4;]",
      "127.0.0.x",
      "127.0.0.*",
      "127.0.0.[[2]]",
    ]
  ) {
    assert.throws(() => zone(code), /^RangeError: want a domain, with codes as Postfix /, code);
  }
});

test("addresses are looked up in reverse: octets, and nibbles of an IPv6 address", () => {
  const zone = parseBlockZone("bl.example");
  const name = (address: string) => {
    const parts = publicParts(address);
    return parts && nameIn(zone, parts);
  };
  assert.equal(name("192.0.2.99"), "99.2.0.192.bl.example");
  assert.equal(
    name("2001:db8:1:2:3:4:567:89ab"),
    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
  );
  for (const same of ["::ffff:192.0.2.99", "64:ff9b::c000:263", "2002:c000:263::1"]) {
    assert.equal(name(same), "99.2.0.192.bl.example", same);
  }
});

test("private addresses, and what is none, are not asked about", () => {
  for (
    const address of [
      "10.1.2.3",
      "127.0.0.1",
      "100.64.0.1",
      "::1",
      "fe80::1",
      "fd00::1",
      "unknown",
      "",
      "192.0.2",
    ]
  ) {
    assert.equal(publicParts(address), undefined, address);
  }
});

test("a list of good ones answers within 127.0/16, the last octet being the trust", () => {
  const zone = parseAllowZone("list.dnswl.org>=1");
  assert.equal(judge(zone, ["127.0.5.1"]), "listed");
  assert.equal(judge(zone, ["127.0.5.0"]), "not listed");
  assert.equal(judge(zone, ["127.0.5.0", "127.0.9.3"]), "listed");
  assert.equal(judge(zone, []), "not listed");
  assert.equal(judge(parseAllowZone("list.dnswl.org"), ["127.0.5.0"]), "listed");
});

test("what a list cannot mean is no answer, whatever stands beside it", () => {
  const good = parseAllowZone("list.dnswl.org"), bad = parseBlockZone("bl.example");
  for (const address of ["127.0.0.255", "127.1.0.3", "192.0.2.1"]) {
    assert.deepEqual(judge(good, ["127.0.5.3", address]), { problem: `it answered ${address}` });
  }
  for (const address of ["127.255.255.254", "127.255.255.252", "192.0.2.1"]) {
    assert.deepEqual(judge(bad, ["127.0.0.2", address]), { problem: `it answered ${address}` });
  }
  assert.equal(judge(bad, ["127.9.9.9"]), "listed");
});
