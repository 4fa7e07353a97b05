import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { hashWith } from "../../../lib/identity/hash.ts";
import { keysWith } from "../../../lib/identity/keys.ts";

test("a key is the prefix and the SHA-256 of the bytes, or their HMAC under a secret", () => {
  const material = "triplet\n\xe9@x\n\xc3\xa9";
  const bytes = Uint8Array.from(material, (character) => character.charCodeAt(0));
  const secret = new TextEncoder().encode("a secret of enough bytes");
  assert.equal(
    keysWith("gl1:")(material),
    "gl1:" + createHash("sha256").update(bytes).digest("base64url"),
  );
  assert.equal(
    keysWith("gl1:", secret)(material),
    "gl1:" + createHmac("sha256", secret).update(bytes).digest("base64url"),
  );
});

test("any bytes have the hash that node has for them, whatever was hashed before", () => {
  const bytes = (constraints: fc.ArrayConstraints) =>
    fc.array(fc.integer({ min: 0, max: 255 }), constraints)
      .map((all) => String.fromCharCode(...all));
  const secrets = fc.option(fc.uint8Array({ minLength: 1, maxLength: 200 }), { nil: undefined });
  const texts = fc.array(
    fc.oneof(bytes({ maxLength: 130 }), bytes({ minLength: 1000, maxLength: 1100 })),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(fc.property(secrets, texts, (secret, texts) => {
    const hash = hashWith(secret);
    for (const text of texts) {
      const node = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
      assert.equal(hash(text), node.update(text, "latin1").digest("base64url"));
    }
  }));
});

test("a key always has the same length, and no character that a store could trip over", () => {
  for (const material of ["", "x".repeat(100_000), "\0 \r\n"]) {
    assert.match(keysWith("gl1:")(material), /^gl1:[A-Za-z0-9_-]{43}$/);
  }
});
