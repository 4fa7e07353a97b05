/** What name servers send, and lists in DNS: theirs to choose, and never an exception or a value of another kind. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { groupsOf } from "../../lib/address.ts";
import { decodeAnswer, encodeQuestion, questionOf, type Records } from "../../lib/dns/message.ts";
import { judge, nameIn, parseAllowZone, parseBlockZone } from "../../lib/dns/zones.ts";
import { answerTo, nameBytes, record } from "../support/udp_name_server.ts";
import { bytes, mutated, target } from "./target.ts";

const types = ["TXT", "MX", "A", "AAAA", "PTR", "NS"] as const;
const codes = { A: 1, NS: 2, PTR: 12, MX: 15, TXT: 16, AAAA: 28 };
const name = "a.example";
const latin1 = (text: string) => Buffer.from(text, "latin1");

const data = fc.oneof(
  bytes(300).map(latin1),
  bytes(40).map((text) => Buffer.concat([Uint8Array.of(text.length), latin1(text)])),
  fc.constantFrom("b.example", "", "a.example").map(nameBytes),
  fc.nat(80).map((at) => Buffer.from([0xc0, at])),
  fc.constantFrom([192, 0, 2, 1], Array<number>(16).fill(1), [0, 10, 1, 97, 0]).map((list) =>
    Buffer.from(list)
  ),
);

export const dnsAnswers = target(
  "answers of name servers",
  fc.record({
    type: fc.constantFrom(...types),
    records: fc.array(
      fc.record({ code: fc.constantFrom(...Object.values(codes), 5, 6, 41), data, ttl: fc.nat() }),
      { maxLength: 6 },
    ),
    rcode: fc.nat(15),
    truncated: fc.boolean(),
    changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
    cut: fc.option(fc.nat(400)),
  }),
  ({ type, records, rcode, truncated, changes, cut }) => {
    const question = questionOf(name, type);
    assert.ok(question !== undefined);
    const made = records.map(({ code, data, ttl }) => record(code, data, { ttl }));
    const all = answerTo(encodeQuestion(7, question), made, {
      rcode,
      truncated,
      authorities: made.slice(0, 1),
    });
    for (const [at, byte] of changes) if (at < all.length) all[at] = byte;
    const answer = decodeAnswer(all.subarray(0, cut ?? all.length), 7, question);
    if (typeof answer !== "object" || answer.kind === "refused") return;
    assert.ok(answer.ttlSeconds >= 0 && answer.ttlSeconds <= 600, String(answer.ttlSeconds));
    if (answer.kind === "found") assertKind(type, answer.records);
  },
);

function assertKind(type: (typeof types)[number], records: Records): void {
  assert.ok(records.length > 0);
  for (const value of records) {
    if (type === "TXT") {
      assert.ok(Array.isArray(value) && value.every((part) => /^[\0-\xff]{0,255}$/.test(part)));
    } else if (type === "MX") {
      assert.ok(typeof value === "object" && !Array.isArray(value));
      assert.ok(value.priority <= 0xffff && typeof value.exchange === "string");
    } else {
      assert.ok(typeof value === "string");
      if (type === "A") assert.match(value, /^\d+\.\d+\.\d+\.\d+$/);
      if (type === "AAAA") assert.ok(groupsOf(value) !== undefined);
    }
  }
}

const spellings = ["list.dnswl.org>=1", "zen.example.org=127.0.0.[4..11;2]", "bl.example"];

export const dnsZones = target(
  "lists in DNS",
  fc.record({
    text: mutated(spellings),
    addresses: fc.array(mutated(["127.0.0.2", "127.255.255.254", "192.0.2.1", ""]), {
      maxLength: 3,
    }),
  }),
  ({ text, addresses }) => {
    for (const parse of [parseAllowZone, parseBlockZone]) {
      try {
        const zone = parse(text);
        assert.equal(zone.text, text);
        const asked = nameIn(zone, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
        assert.ok(questionOf(asked, "A") !== undefined, asked);
        judge(zone, addresses);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }
  },
);
