import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Action,
  encodeAction,
  type PolicyRequest,
  ProtocolError,
  RequestReader,
} from "../lib/protocol/codec.ts";

const limit = 64 * 1024;

function readAll(reader: RequestReader): PolicyRequest[] {
  const requests: PolicyRequest[] = [];
  for (let request = reader.next(); request !== undefined; request = reader.next()) {
    requests.push(request);
  }
  return requests;
}

/** All requests in `bytes`, pushed in pieces cut at `cuts`. */
function readInPieces(bytes: string, cuts: readonly number[]): PolicyRequest[] {
  const reader = new RequestReader(limit);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const requests: PolicyRequest[] = [];
  let from = 0;
  for (const end of ends) {
    reader.push(bytes.slice(from, end));
    requests.push(...readAll(reader));
    from = end;
  }
  assert.equal(reader.pendingBytes, 0);
  return requests;
}

const encode = (attributes: Iterable<[string, string]>) =>
  [...attributes].map(([name, value]) => `${name}=${value}\n`).join("") + "\n";

const policyRequest = (...more: [string, string][]): [string, string][] => [
  ["request", "smtpd_access_policy"],
  ...more,
];

// Any byte but NUL and LF, the two that Postfix cannot send.
const byteText = (options: { minLength?: number; maxLength?: number } = {}) =>
  fc.array(fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 10), options)
    .map((bytes) => String.fromCharCode(...bytes));

const attributes = fc.uniqueArray(
  fc.tuple(
    byteText({ minLength: 1, maxLength: 20 }).filter((name) =>
      !name.includes("=") && name !== "request"
    ),
    byteText({ maxLength: 300 }),
  ),
  { selector: ([name]) => name, maxLength: 40 },
).map((pairs) => policyRequest(...pairs));

test("requests come out as they went in, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(attributes, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (requests, cuts) => {
        const read = readInPieces(requests.map(encode).join(""), cuts);
        assert.deepEqual(read.map((request) => [...request]), requests);
      },
    ),
  );
});

test("a request may arrive byte by byte", () => {
  const bytes = encode(policyRequest(["sender", "a=b@x"], ["recipient", "c@y"]));
  const read = readInPieces(bytes, bytes.split("").map((_, i) => i));
  assert.deepEqual(read.map((request) => request.get("sender")), ["a=b@x"]);
});

test("a request is given at its last byte and not before", () => {
  const reader = new RequestReader(limit);
  const bytes = encode(policyRequest());
  reader.push(bytes.slice(0, -1));
  assert.equal(reader.next(), undefined);
  reader.push("\n");
  assert.equal(reader.next()?.get("request"), "smtpd_access_policy");
});

test("a value keeps every byte: =, CR, control bytes, latin1, and UTF-8 of U+2028 and U+0085", () => {
  const value = "=\r\t\x01\x1b\x7f\x85\xa0\xff\xe2\x80\xa8 \xc2\x85=";
  const [request] = readInPieces(encode(policyRequest(["sender", value])), [30, 31]);
  assert.equal(request?.get("sender"), value);
});

test("unknown attributes are kept, missing ones are missing, of duplicates the last counts", () => {
  const [request] = readInPieces(
    encode(policyRequest(["from_the_future", "1"], ["size", "1"], ["size", "2"], ["stress", ""])),
    [],
  );
  assert.equal(request?.get("from_the_future"), "1");
  assert.equal(request?.get("size"), "2");
  assert.equal(request?.get("stress"), "");
  assert.equal(request?.get("sasl_username"), undefined);
});

test("an attribute called __proto__ is an attribute like any other", () => {
  const [request] = readInPieces(encode(policyRequest(["__proto__", "x"])), []);
  assert.equal(request?.get("__proto__"), "x");
  assert.equal(request?.get("toString"), undefined);
});

test("a request of exactly the largest size is read, one byte more is too large", () => {
  const fixed = encode(policyRequest(["sender", ""])).length;
  const ofSize = (size: number) => encode(policyRequest(["sender", "x".repeat(size - fixed)]));
  const reader = new RequestReader(9000);
  reader.push(ofSize(9000));
  assert.equal(reader.next()?.get("sender")?.length, 9000 - fixed);
  reader.push(ofSize(9001));
  assert.throws(() => reader.next(), ProtocolError);
});

test("a request that never ends is too large as soon as it is", () => {
  const reader = new RequestReader(100);
  reader.push("x".repeat(100));
  assert.equal(reader.next(), undefined);
  reader.push("x");
  assert.throws(() => reader.next(), ProtocolError);
});

for (
  const [name, bytes] of [
    ["an empty line alone", "\n"],
    ["a line without =", "request=smtpd_access_policy\ngarbage\n\n"],
    ["an attribute without a name", "request=smtpd_access_policy\n=x\n\n"],
    ["another request", "request=junk\n\n"],
    ["a request of no kind", "sender=a@x\n\n"],
    ["lines that end in CR LF", "request=smtpd_access_policy\r\n\r\n\n\n"],
    ["SMTP", "EHLO mx.example.org\r\n\n\n"],
  ] as const
) {
  test(`${name} is no policy request`, () => {
    const reader = new RequestReader(limit);
    reader.push(bytes);
    assert.throws(() => reader.next(), ProtocolError);
  });
}

test("what is wrong with a request is told without quoting the peer", () => {
  const reader = new RequestReader(limit);
  reader.push("secret\n\n");
  assert.throws(() => reader.next(), (error: Error) => !error.message.includes("secret"));
});

test("whole requests before a broken one are still given", () => {
  const reader = new RequestReader(limit);
  reader.push(encode(policyRequest(["sender", "a@x"])) + "garbage\n\n");
  assert.equal(reader.next()?.get("sender"), "a@x");
  assert.throws(() => reader.next(), ProtocolError);
});

test("replies are one action, a line feed, and an empty line", () => {
  const cases: [Action, string][] = [
    [{ kind: "dunno" }, "action=DUNNO\n\n"],
    [
      { kind: "defer", keyword: "DEFER_IF_PERMIT", text: "4.2.0 Greylisted" },
      "action=DEFER_IF_PERMIT 4.2.0 Greylisted\n\n",
    ],
    [{ kind: "defer", keyword: "451", text: "4.7.1 later" }, "action=451 4.7.1 later\n\n"],
    [{ kind: "prepend", header: "X-Greylist: 1" }, "action=PREPEND X-Greylist: 1\n\n"],
  ];
  for (const [action, bytes] of cases) assert.equal(encodeAction(action), bytes);
});

test("no reply can be encoded that Postfix would take for something else", () => {
  const bad: Action[] = [
    { kind: "defer", keyword: "", text: "" },
    { kind: "defer", keyword: "450", text: "" },
    { kind: "defer", keyword: " DUNNO", text: "x" },
    { kind: "defer", keyword: "250", text: "fine" },
    { kind: "defer", keyword: "OK", text: "fine" },
    { kind: "defer", keyword: "DEFER_IF_PERMIT", text: " x" },
    { kind: "defer", keyword: "DEFER_IF_PERMIT", text: "a\n\naction=OK" },
    { kind: "defer", keyword: "DEFER_IF_PERMIT", text: "a\0b" },
    { kind: "defer", keyword: "check:", text: "x" },
    { kind: "defer", keyword: "DEFER_IF_PERMIT", text: "x".repeat(600) },
    { kind: "prepend", header: "" },
    { kind: "prepend", header: "A: b\r\nB: c" },
  ];
  for (const action of bad) {
    assert.throws(() => encodeAction(action), RangeError, JSON.stringify(action));
  }
});
