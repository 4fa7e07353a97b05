import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  clientNetwork,
  normalizeRecipient,
  normalizeSender,
  tripletMaterial,
} from "../../../lib/identity/triplet.ts";

const prefixes = { ipv4: 24, ipv6: 64 };

const networks: [address: string, network: string | undefined][] = [
  ["192.0.2.1", "192.0.2.0/24"],
  ["192.0.2.254", "192.0.2.0/24"],
  ["192.0.3.1", "192.0.3.0/24"],
  ["::ffff:192.0.2.1", "192.0.2.0/24"],
  ["::FFFF:C000:0201", "192.0.2.0/24"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
  ["::1", "::/64"],
  ["unknown", undefined],
  ["", undefined],
  ["192.0.2", undefined],
  ["192.0.2.256", undefined],
  ["010.000.002.001", undefined],
  ["10.0.2.01", undefined],
  ["::ffff:010.0.2.1", undefined],
  ["::ffff:10.0.2.00", undefined],
  ["10.0.2.0", "10.0.2.0/24"],
  ["2001:0db8:0001:0000::0.0.2.1", "2001:db8:1::/64"],
  ["0x7f.1", undefined],
  ["3221225985", undefined],
  ["192.0.2.1/24", undefined],
  ["[2001:db8::1]", undefined],
  ["IPv6:2001:db8::1", undefined],
  ["fe80::1%eth0", undefined],
  ["mx.example.org", undefined],
];
for (const [address, network] of networks) {
  test(`the network of "${address}" is ${network ?? "none"}`, () => {
    assert.equal(clientNetwork(address, prefixes), network);
  });
}

test("prefixes that end within a byte cut it", () => {
  assert.equal(clientNetwork("192.0.2.255", { ipv4: 19, ipv6: 64 }), "192.0.0.0/19");
  assert.equal(clientNetwork("192.0.2.255", { ipv4: 32, ipv6: 64 }), "192.0.2.255/32");
  assert.equal(clientNetwork("192.0.2.255", { ipv4: 1, ipv6: 64 }), "128.0.0.0/1");
  assert.equal(clientNetwork("2001:db8:ffff::1", { ipv4: 24, ipv6: 33 }), "2001:db8:8000::/33");
  assert.equal(clientNetwork("2001:db8::1", { ipv4: 24, ipv6: 128 }), "2001:db8::1/128");
});

const senders: [what: string, sender: string, normalized: string][] = [
  ["the null sender stays empty", "", ""],
  ["ASCII letters become small", "Alice@Example.ORG", "alice@example.org"],
  ["other bytes stay as they are", "\xc3\x84@x\xff", "\xc3\x84@x\xff"],
  ["an extension is taken out", "alice+list@example.org", "alice@example.org"],
  ["an extension of nothing is no extension", "+list@example.org", "+list@example.org"],
  ["a BATV tag is taken out", "prvs=0123456789=alice@example.org", "alice@example.org"],
  ["a BATV tag in capitals is taken out", "PRVS=0123ABCDEF=Alice@example.org", "alice@example.org"],
  [
    "a BATV tag behind the user is taken out",
    "prvs=alice=0123456789@example.org",
    "alice@example.org",
  ],
  ["what is no BATV tag is a name", "prvs=bob=alice@example.org", "prvs=bob=alice@example.org"],
  ["prvs without a tag is a name", "prvs=alice@example.org", "prvs=alice@example.org"],
  [
    "whole-word numbers are one number",
    "bounce-123-456@lists.example",
    "bounce-\0-\0@lists.example",
  ],
  ["digits within a word stay", "a1b2@example.org", "a1b2@example.org"],
  ["an underscore is part of a word", "bounce_123@example.org", "bounce_123@example.org"],
  ["numbers in the domain stay", "a@123.example", "a@123.example"],
  [
    "SRS0 loses hash and time stamp",
    "SRS0=ab1Z=QX=example.org=alice@fwd.example",
    "srs0=example.org=alice@fwd.example",
  ],
  [
    "SRS0 with another separator, and + in the hash",
    "SRS0+a+/Z=QX=example.org=alice@fwd.example",
    "srs0=example.org=alice@fwd.example",
  ],
  [
    "SRS0 keeps the original's extension out",
    "SRS0=ab1Z=QX=example.org=alice+x@fwd.example",
    "srs0=example.org=alice@fwd.example",
  ],
  [
    "SRS1 loses both hashes and the time stamp",
    "SRS1=xY9z=hop.example==ab1Z=QX=example.org=alice@fwd.example",
    "srs1=hop.example==example.org=alice@fwd.example",
  ],
  ["something that only begins like SRS stays", "SRS0=alice@example.org", "srs0=alice@example.org"],
  ["the domain is behind the last @", "a@b+c@example.org", "a@b@example.org"],
  ["a sender without a domain", "Alice+x", "alice"],
  ["a sender that is only a domain", "@Example.org", "@example.org"],
];
for (const [what, sender, normalized] of senders) {
  test(`sender: ${what}`, () => assert.equal(normalizeSender(sender), normalized));
}

const recipients: [what: string, recipient: string, normalized: string][] = [
  ["ASCII letters become small", "Robin@Example.COM", "robin@example.com"],
  ["an extension is taken out", "robin+shop@example.com", "robin@example.com"],
  ["numbers stay", "robin-2024@example.com", "robin-2024@example.com"],
  [
    "prvs and SRS are names of its own system",
    "SRS0=ab=cd=e=f@example.com",
    "srs0=ab=cd=e=f@example.com",
  ],
];
for (const [what, recipient, normalized] of recipients) {
  test(`recipient: ${what}`, () => assert.equal(normalizeRecipient(recipient), normalized));
}

const material = (sender: string, recipient = "r@example.com") =>
  tripletMaterial("192.0.2.0/24", sender, recipient, "client,sender,recipient");

/** Any sender that Postfix can send: no NUL, no line feed. */
const anySender = fc.array(fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 10), {
  maxLength: 60,
}).map((bytes) => String.fromCharCode(...bytes));

test("any bytes can be a sender", () => {
  fc.assert(fc.property(anySender, (sender) => {
    assert.equal(typeof material(sender), "string");
  }));
});

test("two different senders never share a key unless the rules say so", () => {
  // Nothing in these senders is touched by a rule: no capitals, digits, plus signs, prvs or SRS.
  const untouched = fc.string({
    unit: fc.constantFrom(..."abc.-_=#@ \x80\xc3\xa9\xff\x85\xa0\t\r!\"'\\|,"),
    maxLength: 12,
  });
  fc.assert(fc.property(untouched, untouched, (a, b) => {
    assert.equal(material(a) === material(b), a === b);
  }));
});

test("a literal # and a number stay apart", () => {
  assert.notEqual(material("bounce-#@x"), material("bounce-1@x"));
});

test("the rules do let two attempts of one mailing list fall together", () => {
  assert.equal(material("list-1-2@x"), material("LIST-33-4+5@X"));
});

test("sender and recipient do not run into each other", () => {
  assert.notEqual(material("a@x", "b@y"), material("a@xb", "@y"));
});

test("without the sender, any sender is the same", () => {
  const without = (sender: string) =>
    tripletMaterial("192.0.2.0/24", sender, "r@example.com", "client,recipient");
  assert.equal(without("a@x"), without("b@y"));
  assert.notEqual(without("a@x"), material("a@x"));
});
