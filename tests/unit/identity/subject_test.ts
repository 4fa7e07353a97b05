import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Attributes,
  type SubjectOptions,
  subjectsWith,
} from "../../../lib/identity/subject.ts";

const options: SubjectOptions = {
  clientIdentity: "name",
  identifyBy: "client,sender,recipient",
  normalizeSenders: "full",
  recipientDelimiter: "+",
  prefixes: { ipv4: 24, ipv6: 64 },
  keyPrefix: "gl1:",
};
const mail: Attributes = {
  name: "mx1.example.org",
  address: "192.0.2.7",
  sender: "alice@example.org",
  recipient: "robin@example.com",
};

function subject(changes: Partial<Attributes> = {}, other: Partial<SubjectOptions> = {}) {
  const subject = subjectsWith({ ...options, ...other })({ ...mail, ...changes });
  return subject ?? assert.fail("no subject");
}
const placeOf = (key: string | undefined) => /\{(.+)\}/.exec(key ?? "")?.[1];

test("the keys of 0.1.0 are those that it computes, whatever the new settings say", () => {
  // Printed by 0.1.0's own modules.
  const written = {
    sender: "prvs=1234abcdef=Alice+x@Example.org",
    recipient: "Robin+y@example.com",
  };
  for (const clientIdentity of ["name", "network"] as const) {
    const { releaseTriplet, releaseClient } = subject(written, {
      clientIdentity,
      recipientDelimiter: "-",
    });
    assert.equal(releaseTriplet, "gl1:8aIAvaz9DxIz7fJpxn_cms-Z2JMZ5bEujJ5dPMzvNeE");
    assert.equal(releaseClient, "gl1:BYkiWtEWukv5BLCEhWj0GDUg0UUbfK94_H-MoglNQIU");
  }
  const secret = new TextEncoder().encode("a secret of sixteen");
  const keyed = { keyPrefix: "x:", secret, identifyBy: "client,recipient" } as const;
  assert.equal(subject({}, keyed).releaseTriplet, "x:Fz3xR0yPs-3nERN18hgmhSruPAyEg-Km9dzKi3d7bpM");
});

test("hosts of one group share S and T, and each has those of its address", () => {
  const one = subject().keys;
  const other = subject({ name: "mx2.example.org", address: "203.0.113.9" }).keys;
  assert.equal(one.senders.length, 2);
  assert.equal(one.senders[0], other.senders[0]);
  assert.equal(one.triplets[0], other.triplets[0]);
  assert.notEqual(one.senders[1], other.senders[1]);
  assert.notEqual(one.client, other.client);
  assert.deepEqual(subject({ name: "unknown" }).keys.senders, one.senders.slice(1));
});

test("all but C of a request are in one place, that of the sender's domain", () => {
  const { senders, triplets, domain, client } = subject().keys;
  const places = [...senders, ...triplets, domain].map(placeOf);
  assert.equal(new Set(places).size, 1);
  assert.ok(places[0]);
  assert.equal(placeOf(client), undefined);
  const sibling = subject({ sender: "bob@news.example.org", recipient: "lucas@example.com" });
  assert.equal(placeOf(sibling.keys.domain), places[0], "and so are its other senders");
  assert.notEqual(placeOf(subject({ sender: "alice@example.net" }).keys.domain), places[0]);
});

test("where senders do not count the place is the recipient's", () => {
  const byRecipient = { identifyBy: "client,recipient" } as const;
  const one = subject({}, byRecipient), other = subject({ sender: "x@y.example" }, byRecipient);
  assert.deepEqual(one.keys.triplets, other.keys.triplets);
  assert.equal(one.keys.domain, undefined);
  assert.equal(one.senderEarns, false);
  const another = subject({ recipient: "lucas@example.com" }, byRecipient);
  assert.notEqual(placeOf(one.keys.triplets[0]), placeOf(another.keys.triplets[0]));
});

test("the null sender has the address only, no domain, and in a network earns nothing", () => {
  const bounce = subject({ sender: "" });
  assert.equal(bounce.keys.triplets.length, 1);
  assert.deepEqual(bounce.keys.triplets, subject({ sender: "", name: "unknown" }).keys.triplets);
  assert.equal(bounce.keys.domain, undefined);
  assert.equal(bounce.senderEarns, true);
  assert.equal(subject({ sender: "" }, { clientIdentity: "network" }).senderEarns, false);
});

test("a domain earns its place at its own mailers, elsewhere at the address", () => {
  const scope = (changes: Partial<Attributes>) => subject(changes).keys.domain;
  const elsewhere = { name: "mx2.example.org", address: "203.0.113.9" };
  assert.equal(scope({}), scope(elsewhere));
  const foreign = { sender: "alice@free.example" };
  assert.notEqual(scope(foreign), scope({ ...foreign, ...elsewhere }));
  assert.equal(scope(foreign), scope({ ...foreign, name: "unknown" }));
});

test("a private address earns nothing", () => {
  for (const address of ["10.1.2.3", "172.17.0.1", "127.0.0.1", "fe80::1", "64:ff9b::a00:1"]) {
    const { earns, senderEarns } = subject({ address });
    assert.deepEqual([address, earns, senderEarns], [address, false, false]);
  }
  assert.equal(subject().earns, true);
});

test("an extension of the recipient is what recipient-delimiter says", () => {
  const triplets = (recipient: string, recipientDelimiter: string) =>
    subject({ recipient }, { recipientDelimiter }).keys.triplets;
  const plain = triplets("robin@example.com", "+");
  assert.deepEqual(triplets("robin+x@example.com", "+"), plain);
  assert.deepEqual(triplets("robin-x@example.com", "+-"), plain);
  assert.notDeepEqual(triplets("robin-x@example.com", "+"), plain);
  assert.notDeepEqual(triplets("robin+x@example.com", ""), plain);
});

test("a client without an address is nobody", () => {
  for (const address of ["unknown", "", "mx.example.org", "192.0.2.256", "fe80::1%eth0"]) {
    assert.equal(subjectsWith(options)({ ...mail, address }), undefined);
  }
});

test("keys fit into 250 characters behind the longest prefix, and a secret changes each part", () => {
  const { keys } = subject({}, { keyPrefix: "p".repeat(100) });
  for (const key of [...keys.triplets, ...keys.senders, keys.domain, keys.client]) {
    assert.match(key ?? "", /^p{100}[\w{}-]{23,150}$/);
  }
  const secret = new TextEncoder().encode("a secret of sixteen");
  const one = subject({}, { secret }).keys, open = subject().keys;
  assert.notEqual(placeOf(one.domain), placeOf(open.domain));
  assert.notEqual(one.client, open.client);
  assert.notEqual(one.senderHash, open.senderHash);
});
