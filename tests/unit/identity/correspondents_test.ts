import assert from "node:assert/strict";
import { test } from "node:test";
import { correspondentsWith } from "../../../lib/identity/correspondents.ts";

const options = {
  normalizeSenders: "full",
  recipientDelimiter: "+",
  keyPrefix: "gl1:",
} as const;
const { pairKey, userHash } = correspondentsWith(options);
const kim = "kim@b.example", robin = "robin@example.com";

test("a pair is an address outside and one of ours, not the other way round", () => {
  const key = pairKey(kim, robin);
  assert.match(key ?? "", /^gl1:w[\w-]{22}$/);
  assert.notEqual(pairKey(robin, kim), key);
  assert.notEqual(pairKey("lee@b.example", robin), key);
  assert.notEqual(pairKey(kim, "lucas@example.com"), key);
  assert.notEqual(pairKey("", `${kim}\n${robin}`), key);
});

test("what was written to a mailbox is found by its answer, whatever either of them puts on", () => {
  const written = pairKey("Kim@B.example", "Robin+holiday@Example.com");
  for (
    const from of [kim, "kim+news@b.example", "prvs=1234abcdef=kim@b.example", "KIM@b.EXAMPLE"]
  ) {
    for (const to of [robin, "robin+holiday@example.com", "ROBIN+x@example.com"]) {
      assert.equal(pairKey(from, to), written, `${from} to ${to}`);
    }
  }
});

test("a sender with the recipient's address in it is the one that was written to", () => {
  const bounce = "answers-robin=example.com@lists.example.org";
  const written = pairKey(bounce, "robin+list@example.com");
  assert.equal(pairKey(bounce, "Robin@example.com"), written);
});

test("the extension of ours begins as the settings say, the one outside with a plus", () => {
  const { pairKey } = correspondentsWith({ ...options, recipientDelimiter: "-" });
  assert.equal(pairKey("kim+x@b.example", "robin-x@example.com"), pairKey(kim, robin));
  assert.notEqual(pairKey(kim, "robin+x@example.com"), pairKey(kim, robin));
});

test("with normalize-senders postgrey the address outside is what it is to postgrey", () => {
  const { pairKey: asPostgrey } = correspondentsWith({ ...options, normalizeSenders: "postgrey" });
  const list = (token: string) => `md_${token}@lists.example.org`;
  assert.equal(pairKey(list("10612303"), robin), pairKey(list("10612304"), robin));
  assert.notEqual(asPostgrey(list("10612303"), robin), asPostgrey(list("10612304"), robin));
  assert.equal(asPostgrey("kim+x@b.example", robin), asPostgrey(kim, robin));
});

test("who has no address is nobody's correspondent", () => {
  assert.equal(pairKey("", robin), undefined);
  assert.equal(pairKey(kim, ""), undefined);
});

test("keys and users' names are hashes, with a secret keyed ones", () => {
  const secret = new TextEncoder().encode("a secret of sixteen");
  const keyed = correspondentsWith({ ...options, secret });
  assert.notEqual(keyed.pairKey(kim, robin), pairKey(kim, robin));
  for (const name of ["alice", "\xff\0 action=pass,\x1b[2J", "x".repeat(5000)]) {
    assert.match(userHash(name), /^[\w-]{22}$/);
    assert.notEqual(keyed.userHash(name), userHash(name));
  }
});
