import assert from "node:assert/strict";
import { test } from "node:test";
import { subjectsWith } from "../../../lib/identity/subject.ts";
import { postgreyFindings } from "../../../lib/moves/postgrey.ts";
import { importing } from "../../support/importing.ts";

const { subjects, times } = importing;
const findingOf = postgreyFindings({ subjects, times, delaySeconds: 300 });

/** What becomes of an entry: the record as it is stored, or what is said. */
function become(key: string, value: string, of = findingOf) {
  const finding = of({ key, value, line: 6 });
  if (!("item" in finding)) return finding;
  const { item } = finding;
  return { key: item.key, text: item.form.encode(item.record) };
}

/** The keys of a mail that comes later. */
function keysOf(address: string, sender: string, recipient: string, of = subjects) {
  const subject = subjectsWith(of)({ name: "mx.example.net", address, sender, recipient });
  assert.ok(subject !== undefined);
  return { triplet: subject.releaseTriplet, client: subject.keys.client };
}

test("a triplet has passed if it came back after postgrey's delay, and waits otherwise", () => {
  const { triplet } = keysOf("198.51.100.7", "a@x.example", "r@d.example");
  const key = "198.51.100.0/a@x.example/r@d.example";
  assert.deepEqual(become(key, "1000,1300"), { key: triplet, text: "p 1000 1300" });
  assert.deepEqual(become(key, "1000,1299"), { key: triplet, text: "w 1000" });
  assert.deepEqual(become(key, "1000,1000,9"), { key: triplet, text: "w 1000" });
  const slow = postgreyFindings({ subjects, times, delaySeconds: 600 });
  assert.deepEqual(become(key, "1000,1300", slow), { key: triplet, text: "w 1000" });
});

test("a mail that comes later is found under what postgrey has made of it", () => {
  const cases: readonly (readonly [address: string, sender: string, stored: string])[] = [
    ["198.51.100.7", "A+b@X.example", "198.51.100.0/a@x.example"],
    ["198.51.100.7", "", "198.51.100.0/"],
    ["2001:db8:1::5", "bounce-123-a1b2@x.example", "2001:db8:1:0:0:0:0:0/bounce-#-a1b2@x.example"],
    ["192.0.2.9", "w\xf6rd/a,b\\c@x.example", "192.0.2.0/w\xf6rd/a,b\\c@x.example"],
    ["192.0.2.9", "a#b@x.example", "192.0.2.0/a#b@x.example"],
    ["192.0.2.9", "prvs=0123456789=u@x.example", "192.0.2.0/u@x.example"],
    [
      "192.0.2.9",
      "SRS0=abcd=22=y.example=u@x.example",
      "192.0.2.0/srs0=abcd=#=y.example=u@x.example",
    ],
    ["192.0.2.9", "daemon", "192.0.2.0/daemon"],
  ];
  for (const [address, sender, stored] of cases) {
    const { triplet } = keysOf(address, sender, "R+ext/s@d.example");
    const found = become(`${stored}/r+ext/s@d.example`, "1000,2000");
    assert.deepEqual(found, { key: triplet, text: "p 1000 2000" }, stored);
  }
});

test("a client's count stands under its whole address, and speaks for few first attempts", () => {
  const { client } = keysOf("198.51.100.7", "", "");
  const until = 5000 + times.maxAgeSeconds + 3600;
  assert.deepEqual(become("198.51.100.7", "3,5000"), {
    key: client,
    text: `c1 3 3 5000 3 5000 ${until}`,
  });
  assert.deepEqual(become("198.51.100.7", "123456,5000"), {
    key: client,
    text: `c1 20 20 5000 123456 5000 ${until}`,
  });
  const mapped = keysOf("192.0.2.1", "", "").client;
  assert.deepEqual(become("0:0:0:0:0:FFFF:C000:201", "1,5000"), {
    key: mapped,
    text: `c1 1 1 5000 1 5000 ${until}`,
  });
  assert.deepEqual(become("192.168.0.9", "9,5000"), {
    leftOut: "clients of private addresses, which earn nothing",
  });
});

test("networks have to be the size of ours: what was known of a host says nothing of others", () => {
  const leftOut = "of smaller networks than ipv4-prefix and ipv6-prefix say";
  assert.deepEqual(become("198.51.100.7/32/a@x/r@d", "1,900"), { leftOut });
  assert.deepEqual(become("198.51.100.64/a@x/r@d", "1,900"), { leftOut });
  const byHost = { ...subjects, prefixes: { ipv4: 32, ipv6: 128 } };
  const of = postgreyFindings({ subjects: byHost, times, delaySeconds: 300 });
  const { triplet } = keysOf("198.51.100.7", "a@x", "r@d", byHost);
  assert.deepEqual(become("198.51.100.7/32/a@x/r@d", "1,900", of), {
    key: triplet,
    text: "p 1 900",
  });
});

test("what is no entry of postgrey is told by its line", () => {
  const bad = (why: string, line = 6) => ({ where: `line ${line}`, bad: why });
  const digest = "06d32a0fb0f472ee733b6c68cb0c1ec5e51f1a00";
  assert.deepEqual(become("198.51.100.7", "x"), bad("no times of postgrey", 7));
  assert.deepEqual(
    become(digest, "1,2"),
    bad("hashed by postgrey --privacy, which nobody can undo"),
  );
  assert.deepEqual(become("x", "1,2"), bad("neither a client's address nor a triplet"));
  assert.deepEqual(become("x/a@x/r@d", "1,2"), bad("no client's address in front"));
  assert.deepEqual(become("192.0.2.0/a@x", "1,2"), bad("no recipient"));
  assert.deepEqual(become("", "1,2"), bad("neither a client's address nor a triplet"));
});
