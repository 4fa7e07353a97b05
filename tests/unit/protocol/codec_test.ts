import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Action,
  attributeNames,
  encodeAction,
  type PolicyRequest,
  ProtocolError,
  RequestReader,
} from "../../../lib/protocol/codec.ts";

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

const isOfUse = (name: string) => attributeNames.some((each) => each === name);

const attributes = fc.uniqueArray(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(...attributeNames),
      byteText({ minLength: 1, maxLength: 20 }).filter((name) => !name.includes("=")),
    ).filter((name) => name !== "request"),
    byteText({ maxLength: 300 }),
  ),
  { selector: ([name]) => name, maxLength: 40 },
).map((pairs) => policyRequest(...pairs));

/** What of a request's attributes is of use. */
const ofUse = (pairs: readonly [string, string][]) => pairs.filter(([name]) => isOfUse(name));

test("requests come out as they went in, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(attributes, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (requests, cuts) => {
        const read = readInPieces(requests.map(encode).join(""), cuts);
        assert.deepEqual(read.map((request) => [...request]), requests.map(ofUse));
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

test("unknown attributes are passed over, missing ones are missing, of duplicates the last counts", () => {
  const [request] = readInPieces(
    encode(
      policyRequest(["from_the_future", "1"], ["sender", "1"], ["sender", "2"], ["instance", ""]),
    ),
    [],
  );
  assert.deepEqual([...request ?? []].map(([name]) => name), ["request", "sender", "instance"]);
  assert.equal(request?.get("sender"), "2");
  assert.equal(request?.get("instance"), "");
  assert.equal(request?.get("sasl_username"), undefined);
});

test("a name has to be the whole name, at the beginning of its line", () => {
  const [request] = readInPieces(
    encode(policyRequest(["sender", "a"], ["a_sender", "b"], ["sende", "c"], ["x", "sender=d"])) +
      encode(policyRequest(["__proto__", "x"], ["toString", "y"])),
    [],
  );
  assert.equal(request?.get("sender"), "a");
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
    ["lines without =", "request\ngarbage\n\n"],
    ["an attribute without a name", "=smtpd_access_policy\n\n"],
    ["another request", "request=junk\n\n"],
    ["a request of no kind", "sender=a@x\n\n"],
    ["SMTP", "EHLO mx.example.org\r\n\n"],
    ["HTTP", "GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n"],
  ] as const
) {
  test(`${name}: no policy request`, () => {
    const reader = new RequestReader(limit);
    reader.push(bytes);
    assert.throws(() => reader.next(), ProtocolError);
  });
}

/** As some client writes what Postfix would write as `encode`. */
const lineOf = fc.constantFrom("\n", "\r\n");
const junk = fc.constantFrom("", "check_policy\n", "=\n", "=x\n", "a line of no use\n");

test("requests of clients that are no smtpd mean what smtpd's mean, wherever the bytes are cut", () => {
  // CR at the end of a value cannot be told from one that belongs to the line.
  const withoutCr = attributes.map((pairs) =>
    pairs.map(([name, value]): [string, string] => [name, value.replace(/\r+$/, "")])
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(withoutCr, lineOf, junk, fc.array(lineOf)), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (requests, cuts) => {
        const bytes = requests.map(([pairs, line, junk, empty]) =>
          empty.join("") + (junk + encode(pairs)).replaceAll("\n", line)
        );
        const read = readInPieces(bytes.join(""), cuts);
        assert.deepEqual(
          read.map((request) => [...request]),
          requests.map(([pairs]) => ofUse(pairs)),
        );
      },
    ),
  );
});

test("bytes of no meaning neither get an answer nor break the reader, wherever they are cut", () => {
  const piece = fc.oneof(
    fc.constantFrom("\n", "\r\n", "\r", "=", "request=smtpd_access_policy", "a=b\n", "\n\n"),
    byteText({ maxLength: 5 }),
  );
  const readOrRefuse = (bytes: string, cuts: readonly number[]) => {
    const reader = new RequestReader(200);
    const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
    const read: [string, string][][] = [];
    let from = 0;
    try {
      for (const end of ends.sort((a, b) => a - b)) {
        reader.push(bytes.slice(from, end));
        from = end;
        // One at a time: what was read before an error counts.
        for (let next = reader.next(); next !== undefined; next = reader.next()) {
          read.push([...next]);
        }
      }
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
    return read;
  };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(), { maxLength: 12 }), (
      pieces,
      cuts,
    ) => {
      const bytes = pieces.join("");
      assert.deepEqual(readOrRefuse(bytes, cuts), readOrRefuse(bytes, []));
    }),
  );
});

test("a CR at the end of a value stays where the lines end in LF", () => {
  const [request] = readInPieces(
    encode(policyRequest(["sender", "a@x\r"], ["instance", "\r"])),
    [],
  );
  assert.equal(request?.get("sender"), "a@x\r");
  assert.equal(request?.get("instance"), "\r");
});

test("what Perl makes of a reference is empty, what only looks like one is not", () => {
  for (const type of ["ARRAY", "HASH", "SCALAR", "CODE", "REF", "GLOB"]) {
    for (const line of ["\n", "\r\n"]) {
      const bytes = encode(policyRequest(["sasl_username", `${type}(0x55d0c8a2f1e8)`]));
      const [request] = readInPieces(bytes.replaceAll("\n", line), []);
      assert.equal(request?.get("sasl_username"), "");
    }
  }
  for (const value of ["ARRAY(0x)", "ARRAY(0xAG)", "array(0x1)", "ARRAY(0x1)@x", "xARRAY(0x1)"]) {
    const [request] = readInPieces(encode(policyRequest(["sender", value])), []);
    assert.equal(request?.get("sender"), value);
  }
});

test("empty lines count for the size of the request that they come before", () => {
  const bytes = encode(policyRequest());
  const reader = new RequestReader(bytes.length + 10);
  for (let n = 0; n < 3; n++) {
    reader.push("\n".repeat(10));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.pendingBytes, 0);
    reader.push(bytes);
    assert.notEqual(reader.next(), undefined);
  }
  reader.push("\r\n\n\r\n\r\n\r\n\r\n" + bytes);
  assert.throws(() => reader.next(), ProtocolError);
});

test("empty lines that never end are too large as soon as they are", () => {
  const reader = new RequestReader(100);
  reader.push("\n".repeat(100));
  assert.equal(reader.next(), undefined);
  reader.push("\n");
  assert.throws(() => reader.next(), ProtocolError);
});

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
