/**
 * Peers that mean no good, in rounds, while others ask as usual: the others notice nothing, and what a round has cost
 * is given back. Memory after the last round is what it was after the third, when everything has been used once.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import test from "node:test";
import { request } from "../support/greylist.ts";
import { atEnd, waitFor } from "../support/process.ts";
import { report } from "../support/report.ts";
import { Daemon } from "../support/daemon.ts";
import { answersSayWhose, Load } from "./load.ts";
import { heldMilliseconds, sleep } from "./harness.ts";

const rounds = 10, settled = 3;
/** How long they go on in each; who is still there then is closed by the daemon, for being idle. */
const roundMilliseconds = heldMilliseconds / 2, idleMilliseconds = 500;
/** How much more the daemon may hold after the last round; without a leak up to 12 MiB were seen. */
const marginMiB = 32;
/**
 * So much is enough for it. With no limit V8 keeps 60 MiB and more of what is free, after some rounds, which looks like
 * a leak from outside: the 20 MiB that live stay 20 MiB when its garbage is collected between the rounds.
 */
const heapOfLimitedSize = ["DENO_V8_FLAGS=--max-old-space-size=64,--max-semi-space-size=4"];

/** What one of them does with its connection; it is called again while it gives true, every 10 ms. */
type Habit = (socket: net.Socket) => boolean;

const once = (act: (socket: net.Socket) => void): Habit => (socket) => (act(socket), false);

const hostile: readonly [name: string, peers: number, habit: Habit][] = [
  ["trickles bytes", 20, (socket) => (socket.write("a"), true)],
  ["sends and does not read", 5, (socket) => {
    socket.pause();
    if (socket.bytesWritten < 200_000) socket.write(request().repeat(100));
    return true;
  }],
  ["sends half a request and closes its side", 20, once((socket) => socket.end("request=smtpd"))],
  ["sends requests and closes its side", 20, once((socket) => socket.end(request().repeat(20)))],
  ["does nothing at all", 200, once(() => {})],
  ["sends garbage", 20, (socket) => (socket.write(randomBytes(4096)), true)],
  ["never ends its request", 20, (socket) => (socket.write("name=value\n".repeat(1000)), true)],
  [
    "sends a request and resets",
    200,
    once((socket) => {
      socket.write(request());
      socket.resetAndDestroy();
    }),
  ],
  ["connects and resets", 20, once((socket) => void socket.resetAndDestroy())],
];

test(`${rounds} rounds of hostile peers cost nothing that lasts`, async (t) => {
  const daemon = await Daemon.start(t, {
    args: [
      ...["--store", "memory"],
      ...["--idle-timeout", `${idleMilliseconds}ms`, ...answersSayWhose],
    ],
    wrapper: heapOfLimitedSize,
  });
  const load = new Load(daemon.port, 5, 5000);
  atEnd(t, () => load.stop());
  await waitFor("ordinary answers", () => load.seen.deferred > 20);
  load.expect("ordinary");
  const descriptors = daemon.descriptors;
  const lines: (string | number)[][] = [["after round", "memory", "descriptors"]];
  const kilobytes: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const endings = hostile.flatMap(([, peers, habit]) =>
      Array.from({ length: peers }, () => behave(daemon.port, habit))
    );
    await sleep(roundMilliseconds);
    await waitFor("every hostile peer to be closed", () => daemon.descriptors <= descriptors);
    for (const end of endings) end();
    await sleep(500);
    kilobytes.push(daemon.memory.now);
    lines.push([round, `${mebibytes(daemon.memory.now)} MiB`, daemon.descriptors]);
    fs.writeSync(1, `${lines.at(-1)?.join(" | ")}\n`);
  }
  assert.deepEqual(load.wrong, []);
  assert.equal(load.seen.refused, 0, "others could not connect");
  assert.doesNotMatch(daemon.log(), /internal error/);
  const grown = mebibytes((kilobytes.at(-1) ?? NaN) - (kilobytes[settled - 1] ?? NaN));
  assert.ok(grown <= marginMiB, `${grown} MiB more than after round ${settled}`);
  const peers = hostile.map(([name, peers]) => `${peers} × ${name}`).join(", ");
  report(
    "hostile peers",
    `Rounds of ${roundMilliseconds / 1000} s. Peers in each: ${peers}.`,
    lines,
  );
});

/** A peer of one round; whenever its connection ends it makes another one. Gives what ends the last. */
function behave(port: number, habit: Habit): () => void {
  const over = performance.now() + roundMilliseconds;
  let socket: net.Socket;
  const turn = () => {
    if (!socket.destroyed && performance.now() < over && habit(socket)) setTimeout(turn, 10);
  };
  const begin = () => {
    if (performance.now() > over) return;
    socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.on("connect", turn);
    socket.on("data", () => {});
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => setTimeout(begin, 20));
  };
  begin();
  return () => void socket.destroy();
}

function mebibytes(kilobytes: number): number {
  return Math.round(kilobytes / 1024);
}
