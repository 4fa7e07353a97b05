/** What befalls the daemon itself: signals, clocks, too few descriptors. */
import assert from "node:assert/strict";
import * as net from "node:net";
import process from "node:process";
import { fakedClock } from "../support/clock.ts";
import type { Cleanup } from "../support/process.ts";
import { failureTable } from "./harness.ts";
import { withMemcached, withSqlite } from "./places.ts";

const row = failureTable("process");

const memory = ["--store", "memory"];

row({
  name: "descriptors are used up by 400 connections",
  place: () => Promise.resolve({ args: memory, wrapper: ["prlimit", "--nofile=256"] }),
  inject: (_, { port }) => {
    const sockets = Array.from({ length: 400 }, () => net.connect({ host: "127.0.0.1", port }));
    for (const socket of sockets) socket.on("error", () => {/* it may be refused */});
    return () => sockets.forEach((socket) => socket.destroy());
  },
  meanwhile: "ordinary",
  closes: true,
});

row({
  name: "SIGHUP comes 200 times a second",
  place: () => {
    const list = new URL("../../postfix/whitelist_clients", import.meta.url).pathname;
    return Promise.resolve({ args: [...memory, "--whitelist-clients", list] });
  },
  inject: (_, { pid }) => {
    const storm = setInterval(() => process.kill(pid, "SIGHUP"), 5);
    return () => clearInterval(storm);
  },
  meanwhile: "ordinary",
  entering: /took the new configuration/g,
});

row({
  name: "SIGTERM, and a new start",
  place: withMemcached(),
  inject: async (_, daemon) => {
    const began = performance.now();
    assert.equal(await daemon.stop(), 0);
    assert.ok(performance.now() - began < 5000, "it is still there after 5 s");
    return () => daemon.start();
  },
  meanwhile: "ordinary",
  entering: /SIGTERM: finishing what is in flight[^]*stopped/g,
  leaving: /listening on/g,
  closes: true,
});

const stores = { memcached: withMemcached(), sqlite: withSqlite };
const day = 86_400;

for (const store of ["memcached", "sqlite"] as const) {
  for (const [way, seconds] of [["forward", day], ["back", -day]] as const) {
    row({
      name: `the clock goes a day ${way}, over ${store}`,
      place: async (t: Cleanup) => {
        const clock = fakedClock(t);
        return { ...await stores[store](t), wrapper: clock.env, clock };
      },
      inject: ({ clock }, { pid }) => {
        clock.drives(pid);
        clock.moveTo(seconds);
        return () => clock.moveTo(0);
      },
      meanwhile: "ordinary",
    });
  }
}
