/**
 * How rate and memory of the compiled greylist grow: with what it remembers, with connections, and with its lists.
 *
 *     deno task bench:growth [--parts triplets,connections,lists] [--stores memory,memcached] [--triplets 1000,…,1000000]
 *                            [--connections 1,…,1000] [--entries 10,…,100000] [--rounds 3] [--seconds 2] [--write]
 *
 * All sizes of a part take turns, as in compare.ts; the ratio is to the smallest of them, of connections to 50. What has been
 * remembered is asked about again, any of it, before the delay is over; lists are asked about new triplets, which none of
 * them has. --write puts the tables into doc/performance.md.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { residentKilobytes } from "../tests/support/greylist.ts";
import { type Cleanup, tempDir, withCleanup } from "../tests/support/process.ts";
import { markdown } from "../tests/support/section.ts";
import { builtFromC, greylist } from "./build.ts";
import { chosen, machine, median, numbers, print, spread, write } from "./report.ts";
import { type Kind, load, prime, usualPool } from "./run_load.ts";
import { type Server, startGreylist, type StoreName, stores } from "./servers.ts";

const parts = ["triplets", "connections", "lists"] as const;

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: parts.join() },
    stores: { type: "string", default: "memory,memcached" },
    triplets: { type: "string", default: "1000,10000,100000,1000000" },
    connections: { type: "string", default: "1,10,50,100,500,1000" },
    entries: { type: "string", default: "10,1000,100000" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    write: { type: "boolean", default: false },
  },
});
const asked = {
  parts: chosen("parts", values.parts, parts),
  stores: chosen("stores", values.stores, stores),
  triplets: numbers("triplets", values.triplets),
  connections: numbers("connections", values.connections),
  lists: numbers("entries", values.entries),
};
const [rounds = 0] = numbers("rounds", values.rounds);
const [seconds = 0] = numbers("seconds", values.seconds);
const usualConnections = 50;

/** What is to be left of the rate. */
const leastRatio = 0.85;

/** So that what was asked about waits until the end, and all of it has room. */
const settings = ["--delay", "1d", "--memory-entries", "8000000"];

/** One size, and how it is measured. */
interface Case {
  readonly size: number;
  readonly server: Server;
  readonly connections: number;
  readonly kind: Kind;
  readonly pool: number;
}

const sections = [
  `${await machine()}. Medians of ${rounds} rounds of ${seconds} s, the least and the most in brackets.`,
];
for (const part of asked.parts) {
  for (const store of asked.stores) {
    const table = await withCleanup((t) => measured(t, part, store));
    const section = `${part}, ${store}:\n\n${markdown(table)}`;
    print(`\n${section}`);
    sections.push(section);
  }
}
if (values.write) write("growth", sections.join("\n\n"));

async function measured(t: Cleanup, part: typeof parts[number], store: StoreName) {
  const policyload = builtFromC(t, "policyload.c"), program = greylist();
  const started = (...more: string[]) =>
    startGreylist(t, program, store, "none", [...settings, ...more]);
  const cases: Case[] = [];
  for (const size of asked[part]) {
    const lists = part === "lists" ? listsOf(t, size) : [];
    const server = await started(...lists);
    const pool = part === "triplets" ? size : usualPool;
    const connections = part === "connections" ? size : usualConnections;
    const kind = part === "lists" ? "fresh" : "known";
    if (kind === "known") await prime(policyload, server.endpoint, pool);
    cases.push({ size, server, connections, pool, kind });
  }
  const rates = cases.map((): number[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [n, { server, ...options }] of cases.entries()) {
      const { rate } = await load(policyload, server.endpoint, {
        ...options,
        seconds,
        seed: round,
      });
      rates[n]?.push(rate);
    }
  }
  const first = part === "connections" ? usualConnections : cases[0]?.size ?? NaN;
  const base = rates[cases.findIndex(({ size }) => size === first)] ?? [];
  const rows = cases.map(({ size, server }, n) => {
    const ratio = median(rates[n]?.map((rate, round) => rate / (base[round] ?? NaN)) ?? []);
    const verdict = ratio >= leastRatio ? "reached" : "NOT reached";
    return [
      size.toLocaleString("en"),
      spread(rates[n] ?? []),
      ratio.toFixed(2),
      size > first ? verdict : "",
      `${(residentKilobytes(server.pid) / 1024).toFixed(0)} MiB`,
    ];
  });
  return [[part, "requests/s", "ratio", `≥ ${leastRatio}`, "memory"], ...rows];
}

/** Settings with lists of so many clients, senders and recipients that match nothing. */
function listsOf(t: Cleanup, entries: number): string[] {
  const dir = tempDir(t);
  const list = (name: string, entry: (n: number) => string) => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, Array.from({ length: entries }, (_, n) => `${entry(n)}\n`).join(""));
    return [`--${name}`, file];
  };
  return [
    ...list(
      "whitelist-clients",
      (n) =>
        n % 2
          ? `mail${n}.listed.example`
          : `2001:db8:${n.toString(16).padStart(8, "0").replace(/....$/, ":$&")}::/64`,
    ),
    ...list("whitelist-senders", (n) => `user${n}@listed${n % 97}.example`),
    ...list("whitelist-recipients", (n) => n % 2 ? `user${n}@example.org` : `listed${n}.example`),
  ];
}
