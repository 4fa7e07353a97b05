import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { getDomain } from "tldts";
import { registrableDomain } from "../../../lib/identity/public_suffix.ts";
import { readRules, tableModule } from "../../../tools/public_suffixes.ts";

const rules = readRules();

/** What tldts makes of a name; ours are the bytes of UTF-8. */
function wanted(name: string): string | undefined {
  const options = { allowPrivateDomains: true, extractHostname: false, validateHostname: false };
  const domain = getDomain(name, { ...options, detectIp: false });
  return domain === null ? undefined : bytesOf(domain);
}

const bytesOf = (text: string) => Buffer.from(text, "utf8").toString("latin1");

function sameAsTldts(name: string): void {
  assert.equal(registrableDomain(bytesOf(name)), wanted(name), name);
}

test("the table is the one that tldts has, as `deno task suffixes` writes it", () => {
  const table = readFileSync(
    new URL("../../../lib/identity/public_suffix_table.ts", import.meta.url),
    "utf8",
  );
  assert.ok(rules.length > 9000 && rules.includes("*.ck") && rules.includes("!www.ck"));
  assert.equal(table, tableModule());
});

test("every rule gives the registrable domains that tldts gives", () => {
  for (const rule of rules) {
    const name = rule.replace(/^!/, "").replace("*", "any");
    for (const left of ["", "a.", "b.a.", "mail-1.b.a."]) sameAsTldts(left + name);
    // Without its first label it may be no rule, or another one.
    const dot = name.indexOf(".");
    if (dot !== -1) {
      for (const left of ["", "a.", "b.a."]) sameAsTldts(left + name.slice(dot + 1));
    }
  }
});

test("names of random labels and pieces of rules give what tldts gives", () => {
  const pieces = [...new Set(rules.flatMap((rule) => rule.replace(/^!/, "").split(".")))];
  const label = fc.oneof(
    fc.constantFrom(...pieces),
    fc.stringMatching(/^[a-z0-9_-]{1,6}$/),
  );
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 6 }), (labels) => {
      sameAsTldts(labels.join("."));
    }),
    { numRuns: 3000 },
  );
});

test("what is no host name has no registrable domain", () => {
  for (const name of ["", ".", "com", ".com", "example.com.", "a..example.com", "..", "unknown"]) {
    assert.equal(registrableDomain(name), undefined, name);
  }
});

test("words that every object knows are TLDs like any other", () => {
  assert.equal(registrableDomain("a.b.constructor"), "b.constructor");
  assert.equal(registrableDomain("a.b.__proto__"), "b.__proto__");
});
