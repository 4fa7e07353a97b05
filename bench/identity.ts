/**
 * How well clients and senders are recognised, and how fast:
 *
 *     deno task bench:identity [--wrong] [names.tsv [senders.tsv]]
 *
 * prints, for a table of clients and one of senders, what share of each kind comes out right. `--wrong` lists the
 * others. Without arguments the tables are those of tests/identity, whose shares are in doc/identity.md.
 */
import process from "node:process";
import { identifyClient } from "../lib/identity/client.ts";
import { normalizeSenderFully } from "../lib/identity/sender.ts";
import {
  clientShares,
  readClients,
  readStreams,
  senderShares,
  type Share,
} from "./identity_shares.ts";

const lists = process.argv.includes("--wrong");
const [names, senders] = process.argv.slice(2).filter((argument) => argument !== "--wrong");
const clients = readClients(names ?? new URL("../tests/unit/identity/names.tsv", import.meta.url));
const streams = readStreams(
  senders ?? new URL("../tests/unit/identity/senders.tsv", import.meta.url),
);

function print(line: string): void {
  process.stdout.write(line + "\n");
}

function printShare(what: string, { right, all, wrong }: Share): void {
  const percent = (100 * right / all).toFixed(1).padStart(5);
  print(`${percent} %  ${what} (${right} of ${all})`);
  if (lists) { for (const line of wrong) print(`           ${line}`); }
}

/** The median of several rounds: other work on this machine lengthens some of them. */
function microseconds(calls: number, round: () => void): string {
  const rounds = Array.from({ length: 51 }, () => {
    const started = performance.now();
    round();
    return (performance.now() - started) * 1000 / calls;
  });
  return (rounds.sort((a, b) => a - b)[25] ?? NaN).toFixed(1);
}

print(`${clients.length} clients`);
for (const [what, share] of clientShares(clients)) printShare(what, share);
const perName = microseconds(clients.length, () => {
  for (const { name, address } of clients) identifyClient(name, address);
});
print(`${perName} µs a client`);
print(`${streams.length} pairs of senders`);
for (const [what, share] of senderShares(streams)) printShare(what, share);
const perSender = microseconds(streams.length, () => {
  for (const { recipient, senders: [sender] } of streams) {
    normalizeSenderFully(sender, { recipient, clientName: "unknown", delimiters: "+" });
  }
});
print(`${perSender} µs a sender`);
