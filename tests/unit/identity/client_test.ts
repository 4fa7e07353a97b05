import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { domainScope, identifyClient, isPrivate } from "../../../lib/identity/client.ts";

function identify(name: string, address: string) {
  const client = identifyClient(name, address);
  assert.ok(client !== undefined, address);
  return client;
}

// name, address, step, identity
const clients: [name: string, address: string, step: number, identity: string][] = [
  // 1: no name
  ["unknown", "192.0.2.1", 1, "a:192.0.2.1"],
  ["", "192.0.2.1", 1, "a:192.0.2.1"],
  ["localhost", "192.0.2.1", 1, "a:192.0.2.1"],
  ["co.uk", "192.0.2.1", 1, "a:192.0.2.1"],
  ["unknown", "2001:db8:1:2:3:4:5:6", 1, "a:2001:db8:1:2::/64"],
  ["unknown", "2001:DB8:1:2::7", 1, "a:2001:db8:1:2::/64"],
  // 2: made from the address
  ["192-0-2-77.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["host-077-002-000-192.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["p192000002077.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["n192000-002077.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["pc000024d.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["c0-00-02-4d.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["p4d0200c0.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["3221226061.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["h2030113177.isp.example", "203.0.113.177", 2, "a:203.0.113.177"],
  ["77.mail-192-2.smtp0.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["77.ip-192-0-2.eu", "192.0.2.77", 2, "a:192.0.2.77"],
  ["mail-198-51-100-9.isp.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["smtp-192-0-2-77.mailer.example", "192.0.2.77", 2, "a:192.0.2.77"],
  ["x-2001-db8-1-2-a-b-c-d.isp.example", "2001:db8:1:2:a:b:c:d", 2, "a:2001:db8:1:2::/64"],
  ["h2001-0db8-0001.isp.example", "2001:db8:1:2:a:b:c:d", 2, "a:2001:db8:1:2::/64"],
  ["ip6-000a000b000c000d.isp.example", "2001:db8:1:2:a:b:c:d", 2, "a:2001:db8:1:2::/64"],
  ["20010db800010002.isp.example", "2001:db8:1:2:a:b:c:d", 2, "a:2001:db8:1:2::/64"],
  // 3: hosting providers
  ["vmi123.contaboserver.net", "192.0.2.77", 3, "a:192.0.2.77"],
  ["mail.contaboserver.net", "192.0.2.77", 3, "n:mail.contaboserver.net"],
  // 4: words of access providers, which beat those of mail
  ["dsl12.isp.example", "192.0.2.77", 4, "a:192.0.2.77"],
  ["mail12.static.isp.example", "192.0.2.77", 4, "a:192.0.2.77"],
  ["gate.static.isp.example", "192.0.2.77", 4, "n:gate.static.isp.example"],
  ["gate.pool12.isp.example", "192.0.2.77", 4, "n:gate.pool12.isp.example"],
  ["mail.vps12.hoster.example", "192.0.2.77", 4, "n:mail.vps12.hoster.example"],
  ["mail1.vps.hoster.example", "192.0.2.77", 4, "a:192.0.2.77"],
  ["mail1.cloud.mailer.example", "192.0.2.77", 5, "m:mailer.example"],
  ["dynamic.isp.example", "192.0.2.77", 4, "a:192.0.2.77"],
  ["static-ip.isp.example", "192.0.2.77", 4, "a:192.0.2.77"],
  // 5: mailers
  ["mail.firma.example", "192.0.2.77", 5, "m:firma.example"],
  ["mx01.firma.example", "192.0.2.77", 5, "m:firma.example"],
  ["out-3.eu.firma.example", "192.0.2.77", 5, "m:firma.example"],
  ["nsstlmta10p.firma.example", "192.0.2.77", 5, "m:firma.example"],
  ["mail-db5eur01on0044.outbound.example.net", "192.0.2.77", 5, "m:example.net"],
  ["mail-eopbgr10051.outbound.example.net", "198.51.100.1", 5, "m:example.net"],
  ["o1.ptr6980.mailer.example", "192.0.2.77", 5, "m:mailer.example"],
  ["o2.ptr1234.mailer.example", "192.0.2.77", 5, "m:mailer.example"],
  ["mail.k4711.hoster.example", "192.0.2.77", 5, "m:k4711.hoster.example"],
  ["esa2.hc3370-68.gateway.example", "192.0.2.77", 5, "m:hc3370-68.gateway.example"],
  ["esa4.hc3370-68.gateway.example", "198.51.100.1", 5, "m:hc3370-68.gateway.example"],
  ["mail29.static.mailer.example", "192.0.2.77", 5, "m:mailer.example"],
  ["mta-0-2-77.mailer.example", "192.0.2.77", 5, "m:mailer.example"],
  ["mail.tenant.github.io", "192.0.2.77", 5, "m:tenant.github.io"],
  // 6: no digit
  ["firma.example", "192.0.2.77", 6, "n:firma.example"],
  ["zeus.firma.example", "192.0.2.77", 6, "n:zeus.firma.example"],
  ["zeus.firma4.example", "192.0.2.77", 6, "n:zeus.firma4.example"],
  // 7: with a number it tells nothing
  ["a2-77.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["a77.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["vps12.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["titan5.planethosting.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["kd4711.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["zeus-fbb077fb.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["xk3jd8qp2mz7wq.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["h123.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  ["zeus-3-4-5.firma.example", "192.0.2.77", 7, "a:192.0.2.77"],
  // 8: no digit in the first label
  ["zeus.rz2.firma.example", "192.0.2.77", 8, "n:zeus.rz2.firma.example"],
  // 9: numbered hosts
  ["zeus12.firma.example", "192.0.2.77", 9, "g:firma.example"],
  ["zeus12.firma.host", "192.0.2.77", 9, "g:firma.host"],
  ["zeus12.rz.firma.example", "192.0.2.77", 9, "g:rz.firma.example"],
  ["o1.ptr6980.firma.example", "192.0.2.77", 9, "g:firma.example"],
  ["o2.ptr12345.firma.example", "192.0.2.77", 9, "g:firma.example"],
  // the IPv4 address inside
  ["unknown", "::ffff:192.0.2.1", 1, "a:192.0.2.1"],
  ["unknown", "64:ff9b::192.0.2.1", 1, "a:192.0.2.1"],
  ["unknown", "64:ff9b::c000:201", 1, "a:192.0.2.1"],
  ["unknown", "2002:c000:201:7::9", 1, "a:192.0.2.1"],
  ["192-0-2-77.isp.example", "64:ff9b::192.0.2.77", 2, "a:192.0.2.77"],
  ["unknown", "64:ff9b:1::192.0.2.1", 1, "a:64:ff9b:1:0::/64"],
];
for (const [name, address, step, identity] of clients) {
  test(`"${name}" at ${address} is ${identity} by step ${step}`, () => {
    const client = identify(name, address);
    assert.deepEqual([client.identity, client.step], [identity, step], client.reason);
    assert.equal(client.isGeneric, [1, 2, 3, 4, 7].includes(step));
    const kinds = { a: "address", n: "name", m: "mailers", g: "hosts" };
    assert.equal(client.kind, kinds[identity.charAt(0) as keyof typeof kinds]);
    assert.equal(client.addressIdentity, identify("unknown", address).identity);
  });
}

const strange: [what: string, name: string][] = [
  ["control characters", "mail\x00.firma\n.example"],
  ["a thousand bytes", "mail.".repeat(200) + "example"],
  ["empty labels", "mail..firma.example"],
  ["a dot at its beginning", ".mail.firma.example"],
  ["two dots at its end", "mail.firma.example.."],
  ["nothing but a dot", "."],
  ["a space", "mail firma.example"],
  ["an IPv4 address", "198.51.100.7"],
  ["an address in brackets", "[198.51.100.7]"],
  ["an IPv6 address", "2001:db8::7"],
];
for (const [what, name] of strange) {
  test(`a name with or of ${what} is no name`, () => {
    const client = identify(name, "192.0.2.1");
    assert.deepEqual([client.identity, client.step, client.domain], ["a:192.0.2.1", 1, undefined]);
  });
}

test("a name is the same in capitals and with a dot at its end", () => {
  assert.equal(identify("ZEUS.Firma.Example.", "192.0.2.1").identity, "n:zeus.firma.example");
});

test("an IDN is a name, in punycode and in UTF-8", () => {
  assert.equal(identify("zeus.xn--mller-kva.example", "192.0.2.1").kind, "name");
  const utf8 = Buffer.from("zeus.m\u00fcller.example", "utf8").toString("latin1");
  assert.equal(identify(utf8, "192.0.2.1").identity, `n:${utf8}`);
});

test("any name and address is classified, and only an address that is none gives nothing", () => {
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const name = fc.oneof(
    fc.string({ unit: byte, maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(..."ab19-.."), maxLength: 40 }),
  );
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(name, address, (name, address) => {
      const client = identify(name, address);
      assert.equal(client.kind === "address", client.identity === client.addressIdentity);
      // Bytes, not letters: A0 is one of a name in UTF-8, and no blank.
      if (client.kind !== "address") assert.match(client.identity, /^[nmg]:[!-\xff]+$/);
    }),
    { examples: [["A.\xa0", "2001:db8::1"]] },
  );
  for (const address of ["", "unknown", "192.0.2.256", "fe80::1%eth0", "[2001:db8::1]"]) {
    assert.equal(identifyClient("mail.firma.example", address), undefined, address);
  }
});

test("private addresses are told from others, the IPv4 address inside counting", () => {
  const ones = [
    ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"],
    ["127.0.0.1", "169.254.1.1", "::1", "fe80::1", "febf::1", "fc00::1", "fdff::1"],
    ["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"],
  ].flat();
  const others = [
    ["9.255.255.255", "11.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "192.169.0.1"],
    ["100.63.0.1", "100.128.0.1", "128.0.0.1", "169.253.0.1", "::2", "fec0::1", "fe00::1"],
    ["2001:db8::1", "64:ff9b::192.0.2.1", "unknown", ""],
  ].flat();
  for (const address of ones) {
    assert.equal(isPrivate(address), true, address);
    assert.equal(identify("mail.firma.example", address).isPrivate, true, address);
  }
  for (const address of others) {
    assert.equal(isPrivate(address), false, address);
    assert.notEqual(identifyClient("mail.firma.example", address)?.isPrivate, true, address);
  }
});

test("a sender's domain earns trust for its own mailers and names, else for the address", () => {
  const scope = (name: string, domain: string) => domainScope(identify(name, "192.0.2.1"), domain);
  assert.equal(scope("mail.firma.example", "firma.example"), "m:firma.example");
  assert.equal(scope("zeus.firma.example", "firma.example"), "n:zeus.firma.example");
  assert.equal(scope("zeus12.firma.example", "firma.example"), "a:192.0.2.1");
  assert.equal(scope("mail.provider.example", "firma.example"), "a:192.0.2.1");
  assert.equal(scope("mail.one.github.io", "two.github.io"), "a:192.0.2.1");
  assert.equal(scope("unknown", "firma.example"), "a:192.0.2.1");
});

test("in a domain of mail a numbered name that says nothing of mail is a customer's", () => {
  for (
    const [name, address] of [
      ["dsl-pool-77.vodamail.example", "192.0.2.7"],
      ["vps-77.smtphost.example", "192.0.2.7"],
      ["cust4711.mailbox-isp.example", "192.0.2.7"],
      ["static-110-164-58.mailisp.example", "110.164.58.9"],
    ] as const
  ) assert.equal(identifyClient(name, address)?.kind, "address", name);
});

test("clients behind a translator whose addresses share one network earn nothing", () => {
  for (const address of ["64:ff9b:1::c000:201", "::ffff:0:192.0.2.1"]) {
    assert.equal(identifyClient("unknown", address)?.isPrivate, true, address);
  }
});
