import assert from "node:assert/strict";
import { test } from "node:test";
import { subjectsWith } from "../../../lib/identity/subject.ts";
import { type Known, sqlgreyFindings } from "../../../lib/moves/sqlgrey.ts";
import { importing } from "../../support/importing.ts";

const { subjects, times } = importing;
const ordinary = {
  name: "a",
  domain: "x.example",
  source: "198.51.100.7",
  recipient: "r@d.example",
  first: 1000,
  last: 2000,
};

function become(entry: Partial<Known> & Pick<Known, "table">, of = subjects) {
  const finding = sqlgreyFindings({ subjects: of, times })({ ...ordinary, ...entry });
  if (finding === undefined || !("item" in finding)) return finding;
  const { key, form, record } = finding.item;
  return { key, text: form.encode(record) };
}

/** The keys of a mail that comes later, from a client without a name. */
function keysOf(address: string, sender: string, of = subjects) {
  const subject = subjectsWith(of)({ name: "unknown", address, sender, recipient: "r@d.example" });
  assert.ok(subject !== undefined);
  return subject.keys;
}

const until = 2000 + times.maxAgeSeconds + 3600;

test("what waits is a triplet, a sender that has passed is one, and a domain is one", () => {
  const keys = keysOf("198.51.100.7", "a@x.example");
  assert.deepEqual(become({ table: "connect" }), {
    key: keys.triplets[0],
    text: `t1 w 1000 ${1000 + times.retryWindowSeconds + 1}`,
  });
  assert.deepEqual(become({ table: "from_awl" }), {
    key: keys.senders[0],
    text: `s1 1000 2000 ${until}`,
  });
  assert.deepEqual(become({ table: "domain_awl", name: "", recipient: "" }), {
    key: keys.domain,
    text: `d1 2000 ${until} passed`,
  });
});

test("a mail that comes later is found under what sqlgrey has made of its sender", () => {
  const cases = [
    ["bounce-123-456@x.example", "bounce-#", "x.example"],
    ["news-17@x.example", "news-#", "x.example"],
    ["news-r=d.example@x.example", "news-RCPT", "x.example"],
    ["a+b@x.example", "a", "x.example"],
    ["a#b@x.example", "a#b", "x.example"],
    ["prvs=0123456789=bob@x.example", "prvs=#=bob", "x.example"],
    ["btv1==0123456789ab==bob@x.example", "btv1==#==bob", "x.example"],
    ["foo2024@x.example", "foo2024", "x.example"],
    ["srs0=abcd=22=y.example=u@x.example", "srs0=#=#=y.example=u", "x.example"],
    ["w\xf6rd@x.example", "w\xf6rd", "x.example"],
    ["", "-undef-", "-undef-"],
    ["root", "root", "-undef-"],
  ] as const;
  for (const [sender, name, domain] of cases) {
    const [key] = keysOf("198.51.100.7", sender).senders;
    const text = `s1 1000 2000 ${until}`;
    assert.deepEqual(become({ table: "from_awl", name, domain }), { key, text }, sender);
  }
});

test("an IPv6 address, and four groups of one, are the /64 that a client is known by", () => {
  const [key] = keysOf("2001:db8:1::5", "a@x.example").senders;
  const text = `s1 1000 2000 ${until}`;
  for (const source of ["2001:0db8:0001:0000:0000:0000:0000:0005", "2001:0db8:0001:0000"]) {
    assert.deepEqual(become({ table: "from_awl", source }), { key, text });
  }
});

test("three octets have a place only where clients are known by such networks", () => {
  const source = "198.51.100";
  assert.deepEqual(become({ table: "from_awl", source }), {
    leftOut: "of three octets (from_awl)",
  });
  const byNetwork = { ...subjects, clientIdentity: "network" } as const;
  const keys = keysOf("198.51.100.99", "a@x.example", byNetwork);
  assert.deepEqual(become({ table: "from_awl", source }, byNetwork), {
    key: keys.senders[0],
    text: `s1 1000 2000 ${until}`,
  });
  assert.deepEqual(become({ table: "domain_awl", source }, byNetwork), {
    leftOut: "of three octets (domain_awl)",
  });
});

test("what can earn nothing is left out, and what has no address is told", () => {
  const nothing = { leftOut: "of clients or senders that can earn nothing" };
  assert.deepEqual(become({ table: "from_awl", source: "10.0.0.1" }), nothing);
  assert.deepEqual(become({ table: "domain_awl", domain: "-undef-" }), {
    leftOut: "of clients or domains that can earn nothing",
  });
  assert.equal(become({ table: "from_awl", source: "mx.example" }), undefined);
});
