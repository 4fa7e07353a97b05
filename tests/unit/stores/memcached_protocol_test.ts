import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  nextSequence,
  opcodes,
  places,
  type Reply,
  ReplyError,
  ReplyReader,
  requestBytes,
  uint32,
} from "../../../lib/stores/memcached_protocol.ts";
import {
  deleting,
  reading,
  readingMany,
  writing,
} from "../../../lib/stores/memcached_questions.ts";

const bytes = (constraints: fc.ArrayConstraints = {}) =>
  fc.array(fc.integer({ min: 0, max: 255 }), constraints)
    .map((all) => String.fromCharCode(...all));

/** The bytes of a reply. */
function reply(
  { opcode, opaque, status = 0, extras = "", key = "", text = "" }: {
    opcode: number;
    opaque: number;
    status?: number;
    extras?: string;
    key?: string;
    text?: string;
  },
): string {
  const header = String.fromCharCode(0x81, opcode, 0, key.length, extras.length, 0, 0, status);
  const body = extras + key + text;
  return header + uint32(body.length) + uint32(opaque) + "\0".repeat(8) + body;
}

function readAll(pieces: readonly string[], isWanted = (_opcode: number, _opaque: number) => true) {
  const reader = new ReplyReader(isWanted), replies: Reply[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) replies.push(next);
  }
  return replies;
}

test("a request is the header, extras, key and value of the protocol", () => {
  const set = requestBytes(
    opcodes.set,
    0x01020304,
    "Hello",
    "\xde\xad\xbe\xef\0\0\x0e\x10",
    "World",
  );
  const expected = [
    ...[0x80, 1, 0, 5, 8, 0, 0, 0, 0, 0, 0, 0x12, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[0xde, 0xad, 0xbe, 0xef, 0, 0, 0x0e, 0x10],
  ];
  assert.equal(set, String.fromCharCode(...expected) + "HelloWorld");
  assert.equal(requestBytes(opcodes.noop, 0).length, 24);
});

test("replies come out as they went in, wherever the bytes are cut", () => {
  const one = fc.record({
    opcode: fc.integer({ min: 0, max: 255 }),
    opaque: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    status: fc.integer({ min: 0, max: 255 }),
    extras: bytes({ maxLength: 8 }),
    key: bytes({ maxLength: 8 }),
    text: bytes({ maxLength: 300 }),
  });
  fc.assert(fc.property(fc.array(one), fc.array(fc.nat(), { maxLength: 12 }), (all, cuts) => {
    const sent = all.map(reply).join("");
    const ends = [...cuts.map((cut) => cut % (sent.length + 1)), sent.length].sort((a, b) => a - b);
    const pieces = ends.map((end, i) => sent.slice(ends[i - 1] ?? 0, end));
    assert.deepEqual(
      readAll(pieces).map(({ opcode, opaque, status, text }) => ({ opcode, opaque, status, text })),
      all.map(({ opcode, opaque, status, text }) => ({ opcode, opaque, status, text })),
    );
  }));
});

test("what is no reply, or one that nobody waits for, is refused before its body comes", () => {
  const good = reply({ opcode: 0, opaque: 7 });
  const header = (change: (bytes: string[]) => void) => {
    const bytes = [...good];
    change(bytes);
    return bytes.join("");
  };
  const refused: [bytes: string, why: RegExp][] = [
    ["ERROR\r\n", /something else than Memcached's binary protocol: "ERROR"/],
    [header((all) => all[8] = "\x01"), /announced a reply of 16777216 bytes/],
    [header((all) => all[3] = "\x05"), /contradicts itself/],
    [reply({ opcode: 1, opaque: 7 }), /nobody asked for/],
    [reply({ opcode: 0, opaque: 8 }), /nobody asked for/],
  ];
  const isWanted = (opcode: number, opaque: number) => opcode === 0 && opaque === 7;
  assert.equal(readAll([good], isWanted).length, 1);
  for (const [bytes, message] of refused) {
    assert.throws(() => readAll([good, bytes], isWanted), (error) => {
      return error instanceof ReplyError && message.test(error.message);
    });
  }
});

test("any bytes are replies, the beginning of one, or refused", () => {
  fc.assert(fc.property(fc.array(bytes({ maxLength: 60 })), (pieces) => {
    try {
      readAll(["\x81\0\0\0", ...pieces]);
    } catch (error) {
      assert.ok(error instanceof ReplyError);
    }
  }));
});

test("sequence numbers fill 32 bits with their places, and begin anew without a 0", () => {
  const last = 2 ** 32 / places - 1;
  assert.equal(uint32(last * places + places - 1), "\xff\xff\xff\xff");
  assert.equal(nextSequence(), 1);
  assert.equal(nextSequence(last - 1), last);
  assert.equal(nextSequence(last), 1);
});

test("of many keys those that are there are answered, and others' values are not believed", () => {
  const question = readingMany(["a", "bc", "d"]);
  assert.equal(question.requests(64).split("\x80").length - 1, 4);
  const [found, other, none, end] = readAll([
    reply({ opcode: opcodes.getQuietly, opaque: 65, extras: "\0\0\0\0", text: "bc v w" }),
    reply({ opcode: opcodes.getQuietly, opaque: 64, extras: "\0\0\0\0", text: "bc v w" }),
    reply({ opcode: opcodes.getQuietly, opaque: 66, text: "d" }),
    reply({ opcode: opcodes.noop, opaque: 67 }),
  ]);
  assert.ok(found && other && none && end);
  assert.equal(question.take(found, 1), undefined);
  assert.equal(question.take(end, 3), undefined);
  assert.deepEqual(question.answer, [undefined, "v w", undefined]);
  assert.match(question.take(other, 0) ?? "", /another key/);
  assert.match(question.take(none, 2) ?? "", /another key/);
});

test("a value is kept behind its key", () => {
  const kept = writing("key", "v\xff", 60).requests(64);
  assert.equal(kept.slice(24), "\0\0\0\0\0\0\0\x3ckey" + "key v\xff");
  assert.equal(deleting("key").requests(64).slice(24), "key");
  const question = reading("key");
  const [answer] = readAll([reply({ opcode: 0, opaque: 64, extras: "1234", text: "key v\xff" })]);
  assert.ok(answer);
  assert.equal(question.take(answer, 0), undefined);
  assert.equal(question.answer, "v\xff");
});
