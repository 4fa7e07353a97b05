import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { divide, findRoom } from "../../../lib/server/room.ts";

test("with enough descriptors there is room for as many connections as are wanted", () => {
  assert.deepEqual(divide(64 + 511 + 1000, 1000), { connections: 1000, queue: 511 });
  assert.deepEqual(findRoom(10), { connections: 10, queue: 511 });
  assert.deepEqual(findRoom(10, 128), { connections: 10, queue: 511 });
});

test("with few descriptors the queue gets shorter first, then there are fewer connections", () => {
  assert.deepEqual(divide(64 + 300 + 1000, 1000), { connections: 1000, queue: 300 });
  assert.deepEqual(divide(64 + 800, 1000), { connections: 700, queue: 100 });
});

test("connections and queue never take the descriptors that are kept in reserve", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 5000 }), (descriptors, wanted) => {
      const { connections, queue } = divide(descriptors, wanted);
      assert.ok(connections >= 1 && connections <= wanted && queue >= 1 && queue <= 511);
      assert.ok(connections + queue <= Math.max(2, descriptors - 64));
    }),
  );
});
