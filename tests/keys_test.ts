import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { keysWith } from "../lib/identity/keys.ts";

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

test("a key always has the same length, and no character that a store could trip over", () => {
  for (const material of ["", "x".repeat(100_000), "\0 \r\n"]) {
    assert.match(keysWith("gl1:")(material), /^gl1:[A-Za-z0-9_-]{43}$/);
  }
});
