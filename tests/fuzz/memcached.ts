/**
 * What a Memcached sends: replies of a real one, changed, in pieces, over a real connection. Every operation is
 * over by its deadline, no value is believed that was not sent for its key, and what comes next is served.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { MemcachedStore } from "../../lib/stores/memcached.ts";
import { places as requestPlaces } from "../../lib/stores/memcached_protocol.ts";
import { type Deadline, type Store, StoreError } from "../../lib/stores/store.ts";
import { faultyServer, honestReply, onRequest } from "../support/faulty_server.ts";
import { atEnd, withCleanup } from "../support/process.ts";
import { cut, mutated, places, target } from "./target.ts";

/** What is asked at once, each a question with a number of its own; the last one asks for two keys. */
const asked: readonly ((store: Store, deadline: Deadline) => Promise<unknown>)[] = [
  (store, deadline) => store.get("a", deadline),
  (store, deadline) => store.get("b", deadline),
  (store, deadline) => store.put("c", "value of c", 60, deadline),
  (store, deadline) => store.delete("d", deadline),
  (store, deadline) =>
    new Promise((resolve, reject) => {
      const values: unknown[] = [];
      store.getMany(["f", "g"], deadline, (place, answer) => {
        if (answer instanceof Error) return reject(answer);
        values[place] = answer;
        if (place === 1) resolve(values.join());
      });
    }),
];
const keysAsked = ["a", "b"];
/** Two for the keys, and one that ends them. */
const requestsAsked = asked.length + 2;

/** A reply as memcached 1.6.18 made it, in hexadecimal, to a question and the request at a place in it. */
const reply = (question: number, hex: string, place = 0) =>
  Buffer.from(
    hex.replace(/^(.{24})00000007/, `$1${hexOf(question * requestPlaces + place)}`),
    "hex",
  ).toString("latin1");
const hexOf = (number: number) => number.toString(16).padStart(8, "0");

const hit = (opaque: number, key: string) => {
  const value = Buffer.from(`${key} value of ${key}`, "latin1");
  const head = `8100000004000000${hexOf(4 + value.length)}00000007000000000000000100000000`;
  return reply(opaque, head + value.toString("hex"));
};
const miss = (opaque: number) =>
  reply(opaque, "8100000000000001000000090000000700000000000000004e6f7420666f756e64");
const stored = (opaque: number) =>
  reply(opaque, "810100000000000000000000000000070000000000000001");
const tooLarge = (opaque: number) =>
  reply(opaque, "81010000000000030000000a000000070000000000000000546f6f206c617267652e");
const full = (opaque: number) =>
  reply(opaque, "81010000000000820000000d0000000700000000000000004f7574206f66206d656d6f7279");
const deleted = (opaque: number) =>
  reply(opaque, "810400000000000000000000000000070000000000000000");
const unknown = (opaque: number) =>
  reply(opaque, "81200000000000810000000f000000070000000000000000556e6b6e6f776e20636f6d6d616e64");

const found = (question: number, place: number, key: string) => {
  const value = Buffer.from(`${key} value of ${key}`, "latin1");
  const head = `8109000004000000${hexOf(4 + value.length)}00000007000000000000000100000000`;
  return reply(question, head + value.toString("hex"), place);
};
const end = (question: number, place: number) =>
  reply(question, "810a00000000000000000000000000070000000000000000", place);

const good = hit(1, "a") + hit(2, "b") + stored(3) + deleted(4) + found(5, 1, "g") + end(5, 2);
const streams = [
  ...[good, good, good],
  good.replace(found(5, 1, "g"), found(5, 0, "f") + found(5, 1, "f")),
  good.replace(found(5, 1, "g"), full(5)),
  hit(2, "b") + hit(1, "a") + deleted(4) + stored(3),
  miss(1) + hit(2, "b") + tooLarge(3) + deleted(4),
  hit(1, "b") + hit(2, "a") + full(3) + deleted(4),
  miss(1) + miss(2) + stored(3) + unknown(4),
  "ERROR\r\nERROR\r\nSERVER_ERROR out of memory storing object\r\n",
];

const shortMilliseconds = 60;
/** How late this machine may be when others use it too. */
const patienceMilliseconds = 5000;

const options = {
  timeoutMilliseconds: shortMilliseconds,
  observer: { down() {}, up() {} },
  clock: () => 1_700_000_000,
};

export const memcached = target(
  "what memcached sends",
  fc.record({
    // Inserted: replies to others, lengths of 2 GB and of nearly nothing, ends of other protocols.
    stream: mutated(streams, [hit(3, "a"), miss(9), "\x7f\xff\xff\xff", "\0\0\0\x04", "END\r\n"]),
    places,
    then: fc.constantFrom("end", "end", "end", "reset", "stay"),
  }),
  ({ stream, places, then }) =>
    withCleanup(async (t) => {
      let over = false;
      const { port } = await faultyServer(t, (socket) => {
        let requests = 0;
        onRequest(socket, (request) => {
          requests++;
          if (over) return void socket.write(honestReply(request));
          if (requests < requestsAsked) return;
          over = true;
          for (const piece of cut(stream, places)) socket.write(piece, "latin1");
          if (then === "end") socket.end();
          if (then === "reset") socket.destroy();
        });
      });
      const store = new MemcachedStore([{ kind: "inet", host: "127.0.0.1", port }], options);
      atEnd(t, () => store.close());
      // What is as it should be is waited for.
      const untouched = stream === good && then !== "reset";
      const deadlineMilliseconds = untouched ? patienceMilliseconds : shortMilliseconds;
      const began = performance.now();
      const first = await Promise.all(
        asked.map((ask) => settled(ask(store, began + deadlineMilliseconds))),
      );
      assert.ok(performance.now() - began < deadlineMilliseconds + patienceMilliseconds, "hangs");
      keysAsked.forEach((key, i) => {
        const value = first[i];
        if (typeof value !== "string") return;
        assert.ok(stream.includes(`${key} ${value}`), `believes "${value}" for ${key}`);
      });
      if (untouched) {
        assert.deepEqual(first, ["value of a", "value of b", undefined, undefined, ",value of g"]);
      }
      const value = await settled(store.get("e", performance.now() + shortMilliseconds));
      assert.ok(value instanceof StoreError || value === "value of e", `then e is "${value}"`);
    }),
  { fewInputs: 200, lanes: 16 },
);

/** What an operation gave, or how it failed as it may. */
function settled<T>(operation: Promise<T>): Promise<T | StoreError> {
  return operation.catch((error) => {
    if (error instanceof StoreError) return error;
    throw error;
  });
}
