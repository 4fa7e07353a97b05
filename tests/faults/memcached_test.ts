/** Memcached in all the ways in which it has been seen to fail. */
import assert from "node:assert/strict";
import { failureTable } from "./harness.ts";
import { fillMemcached, withMemcached, withProxy, withThreeMemcacheds } from "./places.ts";
import {
  doubled,
  endless,
  type Fault,
  halved,
  late,
  reset,
  swapped,
  wavering,
  writesRefused,
} from "../support/proxy.ts";

const row = failureTable("memcached");

const entering = /store memcached:\S+.* is not usable: /g;
const leaving = /store memcached:\S+.* is usable again /g;

row({
  name: "Memcached is killed",
  place: withMemcached(),
  inject: async ({ memcached }) => {
    await memcached.stop();
    return () => memcached.restart();
  },
  meanwhile: "on-store-failure",
  entering,
  leaving,
  forgets: true,
});

row({
  name: "Memcached is frozen",
  place: withMemcached(),
  inject: ({ memcached }) => {
    memcached.freeze();
    return () => memcached.thaw();
  },
  meanwhile: "on-store-failure",
  entering,
  leaving,
});

row({
  name: "Memcached is restarted",
  place: withMemcached(),
  inject: async ({ memcached }) => {
    await memcached.restart();
    return () => memcached.restart();
  },
  meanwhile: "either",
  forgets: true,
});

row({
  name: "Memcached is full and refuses to write",
  place: withMemcached({ args: ["-M", "-m", "2"] }),
  inject: ({ memcached }) => fillMemcached(memcached.port),
  meanwhile: "on-store-failure",
  entering,
  leaving,
  forgets: true,
});

row({
  name: "one Memcached of three is gone",
  place: withThreeMemcacheds(2),
  inject: async ({ memcacheds: [, second] }) => {
    await second?.stop();
    return () => second?.restart();
  },
  meanwhile: "ordinary",
  entering,
  leaving,
});

row({
  name: "one Memcached of three is gone, with one copy of each entry",
  place: withThreeMemcacheds(1),
  inject: async ({ memcacheds: [, second] }) => {
    await second?.stop();
    return () => second?.restart();
  },
  meanwhile: "either",
  entering,
  leaving,
  forgets: true,
  check: (_place, _daemon, { deferred, passed }) => {
    assert.ok(deferred > passed && passed > 0, `${deferred} deferred, ${passed} passed`);
  },
});

/** Replies that a proxy spoils; all but the last leave no operation to succeed. */
const spoiled: readonly [name: string, fault: () => Fault][] = [
  ["Memcached takes a second", () => late(1000)],
  ["Memcached resets its connections", () => reset],
  ["Memcached sends half a reply and closes", () => halved],
  ["Memcached announces 2 GB", () => endless],
  ["Memcached answers every write with an error", writesRefused],
  ["Memcached sends every reply twice", () => doubled],
];
for (const [name, fault] of spoiled) {
  row({
    name,
    place: withProxy,
    inject: ({ proxy }) => {
      proxy.behave(fault());
      return () => proxy.behave();
    },
    meanwhile: "on-store-failure",
    entering,
    leaving,
    check: ({ proxy }) => assert.ok(proxy.connections < 60, `${proxy.connections} connections`),
  });
}

const disturbed: readonly [name: string, fault: () => Fault][] = [
  ["Memcached swaps replies", swapped],
  ["Memcached takes 240 to 490 ms", () => wavering(240, 490)],
];
for (const [name, fault] of disturbed) {
  row({
    name,
    place: withProxy,
    inject: ({ proxy }) => {
      proxy.behave(fault());
      return () => proxy.behave();
    },
    meanwhile: "either",
  });
}
