import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  decodeAnswer,
  encodeQuestion,
  type Question,
  questionOf,
  type QuestionType,
} from "../../../lib/dns/message.ts";
import { answerTo, nameBytes, record } from "../../support/udp_name_server.ts";

const A = 1, NS = 2, CNAME = 5, SOA = 6, MX = 15, TXT = 16;

function ask(name: string, type: QuestionType): { question: Question; bytes: Buffer } {
  const question = questionOf(name, type);
  assert.ok(question !== undefined, name);
  return { question, bytes: encodeQuestion(7, question) };
}

function decode(
  type: QuestionType,
  records: readonly Uint8Array[],
  options: Parameters<typeof answerTo>[2] = {},
) {
  const { question, bytes } = ask("a.example", type);
  return decodeAnswer(answerTo(bytes, records, options), 7, question);
}

const soa = (ttl: number, minimum: number) => {
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(minimum, 16);
  return record(SOA, Buffer.concat([nameBytes("ns.example"), nameBytes("h.example"), numbers]), {
    ttl,
  });
};
const ip = (...octets: number[]) => Uint8Array.from(octets);

test("a question is asked recursively, with EDNS, and byte for byte as RFC 1035 has it", () => {
  const { bytes } = ask("A.Example.", "MX");
  assert.equal(
    bytes.toString("hex"),
    "0007" + "0100" + "0001" + "0000" + "0000" + "0001" + // id, RD, one question, one OPT
      "0161076578616d706c6500" + "000f" + "0001" +
      "00" + "0029" + "04d0" + "00000000" + "0000", // a datagram of 1232 bytes
  );
});

test("a name that DNS cannot have is no question", () => {
  for (
    const name of [
      "",
      "a..example",
      ".example",
      `${"a".repeat(64)}.example`,
      `${"a.".repeat(126)}ab`,
      "m\xfcnchen.example",
      "a b.example",
      "a\0.example",
    ]
  ) {
    assert.equal(questionOf(name, "A"), undefined, JSON.stringify(name));
  }
  assert.ok(questionOf("a.".repeat(126) + "a", "A") !== undefined);
  assert.ok(questionOf(`${"a".repeat(63)}.example`, "A") !== undefined);
});

test("records come in the shapes of node:dns, and as bytes", () => {
  const long = "x".repeat(255);
  const text = Buffer.concat([
    Buffer.from([255]),
    Buffer.from(long),
    Buffer.from([2, 0xfc, 0x41]),
  ]);
  assert.deepEqual(decode("TXT", [record(TXT, text)]), {
    kind: "found",
    records: [[long, "\xfcA"]],
    ttlSeconds: 60,
  });
  assert.deepEqual(
    decode("MX", [
      record(MX, Buffer.concat([ip(0, 10), nameBytes("mx.example")])),
      record(MX, Buffer.concat([ip(0, 0), nameBytes("")]), { ttl: 30 }),
    ]),
    {
      kind: "found",
      records: [{ priority: 10, exchange: "mx.example" }, { priority: 0, exchange: "" }],
      ttlSeconds: 30,
    },
  );
  assert.deepEqual(decode("NS", [record(NS, nameBytes("ns.example"))]), {
    kind: "found",
    records: ["ns.example"],
    ttlSeconds: 60,
  });
});

test("CNAMEs are followed to their end, and their times count", () => {
  const far = { name: nameBytes("B.example"), ttl: 500 };
  assert.deepEqual(
    decode("A", [
      record(A, ip(192, 0, 2, 9), { name: nameBytes("other.example") }),
      record(A, ip(192, 0, 2, 1), far),
      record(CNAME, nameBytes("b.example"), { ttl: 20 }),
    ]),
    { kind: "found", records: ["192.0.2.1"], ttlSeconds: 20 },
  );
});

test("a loop of CNAMEs, and one that ends nowhere, are no data", () => {
  const loop = [
    record(CNAME, nameBytes("b.example")),
    record(CNAME, nameBytes("a.example"), { name: nameBytes("b.example") }),
  ];
  for (const records of [loop, loop.slice(0, 1)]) {
    assert.deepEqual(decode("A", records), { kind: "none", code: "ENODATA", ttlSeconds: 60 });
  }
});

test("there is none for as long as the SOA says, and ten minutes at most", () => {
  const none = (authorities: readonly Uint8Array[], rcode = 3) =>
    decode("A", [], { rcode, authorities });
  assert.deepEqual(none([]), { kind: "none", code: "ENOTFOUND", ttlSeconds: 60 });
  assert.deepEqual(none([], 0), { kind: "none", code: "ENODATA", ttlSeconds: 60 });
  for (const [ttl, minimum, expected] of [[30, 90, 30], [90, 20, 20], [86400, 86400, 600]]) {
    const answer = none([soa(ttl ?? 0, minimum ?? 0)]);
    assert.deepEqual(answer, { kind: "none", code: "ENOTFOUND", ttlSeconds: expected });
  }
});

test("an answer is kept for ten minutes at most, and not at all with a time that is none", () => {
  const kept = (ttl: number) => {
    const answer = decode("A", [record(A, ip(192, 0, 2, 1), { ttl })]);
    assert.ok(typeof answer === "object" && answer.kind === "found");
    return answer.ttlSeconds;
  };
  assert.deepEqual([0, 5, 86_400, 2 ** 31].map(kept), [0, 5, 600, 0]);
});

test("a refusal is an answer, with or without the question in it", () => {
  const { question, bytes } = ask("a.example", "A");
  const answer = answerTo(bytes, [], { rcode: 5 });
  assert.deepEqual(decodeAnswer(answer, 7, question), { kind: "refused", code: "EREFUSED" });
  const bare = answer.subarray(0, 12);
  bare.writeUInt16BE(0, 4);
  assert.deepEqual(decodeAnswer(bare, 7, question), { kind: "refused", code: "EREFUSED" });
  assert.deepEqual(decode("A", [], { rcode: 2 }), { kind: "refused", code: "ESERVFAIL" });
});

test("what is cut off is asked for over TCP", () => {
  assert.equal(decode("A", [record(A, ip(192, 0, 2, 1))], { truncated: true }), "truncated");
});

test("what answers another question is rubbish", () => {
  const { question, bytes } = ask("a.example", "A");
  const records = [record(A, ip(192, 0, 2, 1))];
  const others = [
    answerTo(bytes, records, { id: 8 }),
    answerTo(ask("b.example", "A").bytes, records),
    answerTo(ask("a.example", "AAAA").bytes, records),
    bytes, // a question is no answer
  ];
  for (const other of others) assert.equal(decodeAnswer(other, 7, question), undefined);
});

test("no bytes are more than rubbish: each cut of an answer, and any change of a byte", () => {
  const { question, bytes } = ask("a.example", "MX");
  const whole = answerTo(bytes, [
    record(MX, Buffer.concat([ip(0, 10), nameBytes("mx.example")])),
    record(CNAME, ip(0xc0, 12)),
  ], { authorities: [soa(60, 60)] });
  for (let length = 0; length < whole.length; length++) {
    assert.equal(decodeAnswer(whole.subarray(0, length), 7, question), undefined, String(length));
  }
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
    (changes) => {
      const changed = Buffer.from(whole);
      for (const [at, byte] of changes) changed[at] = byte;
      decodeAnswer(changed, 7, question);
    },
  ));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
    assert.notEqual(decodeAnswer(noise, 7, question), "truncated");
  }));
});
