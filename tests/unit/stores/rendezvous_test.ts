import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { placeOf, Rendezvous } from "../../../lib/stores/rendezvous.ts";

const servers = ["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211", "10.0.0.4:11211"];

// As the program's own keys: a prefix and a hash.
const keys = Array.from(
  { length: 20_000 },
  (_, i) => `gl1:${createHash("sha256").update(`${i}`).digest("base64url")}`,
);

/** The server's name for each key. */
function placed(names: readonly string[]): string[] {
  const rendezvous = new Rendezvous(names);
  return keys.map((key) => names[rendezvous.order(key)[0] ?? -1] ?? "none");
}

test("servers share the keys evenly", () => {
  for (const count of [1, 2, 3, 4]) {
    const places = placed(servers.slice(0, count));
    for (const name of servers.slice(0, count)) {
      const share = places.filter((place) => place === name).length / keys.length;
      assert.ok(Math.abs(share - 1 / count) < 0.015, `${name} of ${count} has ${share}`);
    }
  }
});

test("a fourth server takes about a quarter of the keys, and no other key moves", () => {
  const before = placed(servers.slice(0, 3));
  const after = placed(servers);
  const moved = keys.filter((_, i) => before[i] !== after[i]).length / keys.length;
  assert.ok(moved > 0.23 && moved < 0.27, `${moved} moved`);
  for (let i = 0; i < keys.length; i++) {
    assert.ok(after[i] === before[i] || after[i] === servers[3]);
  }
});

test("a server that leaves gives its keys away, and no other key moves", () => {
  const before = placed(servers);
  const after = placed(servers.filter((name) => name !== servers[1]));
  for (let i = 0; i < keys.length; i++) {
    assert.ok(after[i] === before[i] || before[i] === servers[1]);
  }
});

test("of the two servers of a key one stays when a server joins, and when one leaves", () => {
  const two = (names: readonly string[]) => {
    const rendezvous = new Rendezvous(names);
    return keys.map((key) => rendezvous.order(key).slice(0, 2).map((place) => names[place]));
  };
  const three = two(servers.slice(0, 3)), four = two(servers), less = two(servers.slice(1, 3));
  for (const [i, before] of three.entries()) {
    for (const after of [four[i], less[i]]) {
      assert.ok(after?.some((name) => before.includes(name)), `${before}, ${after}`);
    }
  }
});

test("the order in which servers are named does not matter", () => {
  assert.deepEqual(placed(servers), placed([...servers].reverse()));
});

test("servers whose names differ in one character share evenly too", () => {
  const names = ["mc1:11211", "mc2:11211", "unix:/a", "unix:/b", "[::1]:11211", "[::2]:11211"];
  const places = placed(names);
  for (const name of names) {
    const share = places.filter((place) => place === name).length / keys.length;
    assert.ok(Math.abs(share - 1 / names.length) < 0.015, `${name} has ${share}`);
  }
});

test("what is in braces behind the prefix chooses the server, and else the whole key", () => {
  assert.equal(placeOf("gl1:{abc}sdef", 4), "abc");
  assert.equal(placeOf("{abc}sdef", 0), "abc");
  assert.equal(placeOf("{x}gl1:{abc}sdef", 7), "abc");
  for (const key of ["gl1:abc", "{x}:abc", "gl1:a{b}c", "gl1:{abc"]) {
    assert.equal(placeOf(key, 4), key);
  }
});
