/**
 * greylist, as it is compiled, beside postgrey and beside what this machine can do: requests a second and how long an
 * answer takes. All take turns, so that the machine's moods meet all of them; what counts are the ratios.
 *
 *     deno task bench [--only memory,memcached,sqlite,postgrey,floor,bare] [--kinds fresh,known,white]
 *                     [--connections 1,50,500] [--logs none,file,stderr] [--rounds 3] [--seconds 2.5] [--source] [--write]
 *
 * PROGRAM_UNDER_TEST names another binary than dist/greylist, DENO the command that compiles (build.ts). Needs the Debian
 * packages memcached, postgrey and gcc. --write puts the result into doc/performance.md. A ratio that is not
 * reached fails nothing: machines are shared and noisy. --source runs greylist and the bare server from their source, with the
 * Deno that runs this: what a binary made with it would be, where it cannot make one.
 *
 * - fresh: every request is a new triplet of a new client; known: mails that have passed; white: new triplets of clients in
 *   the auto-whitelist.
 * - floor: the least that greylisting over Memcached can do (floor.c), with as many reads a request as greylist;
 *   bare: a server on the same runtime that says DUNNO to everything (bare.ts).
 */
import { parseArgs } from "node:util";
import { withCleanup } from "../tests/support/process.ts";
import { script } from "../tests/support/greylist.ts";
import { markdown } from "../tests/support/section.ts";
import { builtFromC, compiled, greylist } from "./build.ts";
import { chosen, machine, median, numbers, print, spread, write } from "./report.ts";
import { type Kind, kinds, load, type LoadResult, makeKnown, usualPool } from "./run_load.ts";
import {
  type LogName,
  logs,
  processorTime,
  type Server,
  startBare,
  startFloor,
  startGreylist,
  startPostgrey,
  type StoreName,
  stores,
} from "./servers.ts";

const contenders = [...stores, "postgrey", "floor", "bare"] as const;
type Contender = typeof contenders[number];

/** One line of the result. */
interface Cell {
  readonly contender: Contender;
  readonly kind: Kind;
  readonly connections: number;
  readonly log: LogName;
}

const { values } = parseArgs({
  options: {
    only: { type: "string", default: contenders.join() },
    kinds: { type: "string", default: kinds.join() },
    connections: { type: "string", default: "1,50,500" },
    logs: { type: "string", default: logs.join() },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2.5" },
    source: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const [rounds = 0] = numbers("rounds", values.rounds);
const [seconds = 0] = numbers("seconds", values.seconds);
const asked = {
  contenders: chosen("only", values.only, contenders),
  kinds: chosen("kinds", values.kinds, kinds),
  logs: chosen("logs", values.logs, logs),
  connections: numbers("connections", values.connections),
};

/** postgrey has no caches, and would take minutes to know as many mails as the others. */
const poolOf = (contender: Contender) => contender === "postgrey" ? 5000 : usualPool;
/** Where not one setting is varied, but another. */
const usualConnections = 50;

/** A load's result, and what of the processor the server took for a request, in microseconds. */
interface Result extends LoadResult {
  readonly processor: number;
}
const results = new Map<string, Result[]>();
const nameOf = ({ contender, kind, connections, log }: Cell) =>
  `${contender}${log === "none" ? "" : ` log=${log}`} ${kind} ${connections}`;

await withCleanup(async (t) => {
  const place = await machine(), cells = allCells();
  const program = values.source ? script("main.ts") : greylist();
  const policyload = builtFromC(t, "policyload.c");
  const servers = new Map<string, Server>();
  /** Whom a cell asks. A client that postgrey lists has no known triplets: for the two kinds there are two of it. */
  const serverOf = async ({ contender, kind, log }: Cell): Promise<Server> => {
    const forListed = contender === "postgrey" && kind === "white";
    const name = `${contender} ${log} ${forListed}`;
    const server = servers.get(name) ?? await started(contender, log, forListed);
    servers.set(name, server);
    return server;
  };
  let runtime = "";
  const started = async (contender: Contender, log: LogName, forListed: boolean) => {
    if (contender === "postgrey") return startPostgrey(t, forListed ? 1 : 5);
    if (contender === "floor") return startFloor(t, builtFromC(t, "floor.c"));
    if (contender !== "bare") return startGreylist(t, program, contender, log);
    const bare = await startBare(
      t,
      values.source ? script("bench/bare.ts") : [compiled(t, "bare.ts")],
    );
    const how = values.source ? "run from their source" : "compiled";
    runtime = ` greylist and the bare server are ${how}, the latter with ${bare.runtime}.`;
    return bare;
  };

  const toPrime = new Map<Server, number>();
  for (const cell of cells) {
    const server = await serverOf(cell), { contender, kind } = cell;
    if (kind !== "fresh" && contender !== "bare") toPrime.set(server, poolOf(contender));
  }
  await makeKnown(policyload, toPrime);

  let seed = 1;
  for (let round = 1; round <= rounds; round++) {
    for (const cell of cells) {
      const { kind, connections } = cell, server = await serverOf(cell);
      server.check();
      const before = processorTime(server);
      const result = await load(policyload, server.endpoint, {
        ...{ connections, seconds, seed: seed++, pool: poolOf(cell.contender) },
        // To the floor a client that is listed is as much as a triplet that is known.
        kind: cell.contender === "floor" && kind === "white" ? "known" : kind,
      });
      complain(cell, result);
      const processor = (processorTime(server) - before) / result.count;
      results.set(nameOf(cell), [...results.get(nameOf(cell)) ?? [], { ...result, processor }]);
    }
  }
  const medians =
    `Medians of ${rounds} rounds of ${seconds} s; in brackets the least and the most.`;
  const text = [
    `${place}. ${medians}${runtime}`,
    markdown([["ratio", "is", "to reach", ""], ...reached()]),
    markdown([
      ["", "requests/s", "p50 ms", "p99 ms", "processor µs", "load's share of a core"],
      ...cells.map(lineOf),
    ]),
  ].join("\n\n");
  print(text);
  if (values.write) write(values.source ? "source" : "compare", text);
});

/** In the order in which they take turns: what is compared is measured one after the other. */
function allCells(): Cell[] {
  const cells: Cell[] = [];
  for (const connections of asked.connections) {
    for (const kind of asked.kinds) {
      for (const contender of asked.contenders) {
        const isOurs = (stores as readonly string[]).includes(contender);
        for (const log of isOurs ? asked.logs : ["none"] as const) {
          if (log !== "none" && (connections !== usualConnections || kind === "white")) continue;
          cells.push({ contender, kind, connections, log });
        }
      }
    }
  }
  return cells;
}

/** Tells of answers that are not those that this load has to get: then its figures are of something else. */
function complain(cell: Cell, { actions, lost }: LoadResult): void {
  const wanted = cell.kind === "fresh" && cell.contender !== "bare" ? "DEFER_IF_PERMIT" : "DUNNO";
  const others = Object.entries(actions).filter(([action]) => action !== wanted);
  for (const [action, count] of others) print(`${nameOf(cell)}: ${count} × ${action}`);
  if (lost > 0) print(`${nameOf(cell)}: ${lost} connections lost`);
}

function lineOf(cell: Cell): string[] {
  const all = results.get(nameOf(cell)) ?? [];
  const rates = all.map(({ rate }) => rate);
  const ms = (of: (result: Result) => number) => (median(all.map(of)) / 1000).toFixed(2);
  return [
    nameOf(cell),
    spread(rates),
    ms(({ p50 }) => p50),
    ms(({ p99 }) => p99),
    median(all.map(({ processor }) => processor)).toFixed(0),
    median(all.map(({ share }) => share)).toFixed(2),
  ];
}

/** What is to be reached, and whether it is; only what was measured. */
function reached(): string[][] {
  const usual = { kind: "fresh", connections: usualConnections, log: "none" } as const;
  const ours = (store: StoreName, differs: Partial<Cell> = {}): Cell => ({
    ...usual,
    contender: store,
    ...differs,
  });
  const beside = (contender: Contender, differs: Partial<Cell> = {}): Cell => ({
    ...usual,
    contender,
    ...differs,
  });
  const rate = ({ rate }: LoadResult) => rate, p99 = ({ p99 }: LoadResult) => p99;
  const atLeast = (least: number, one: Cell, other: Cell) => compared(one, other, rate, least, 1);
  return [
    atLeast(7, ours("memcached"), beside("postgrey")),
    atLeast(0.35, ours("memcached"), beside("floor")),
    atLeast(0.5, ours("memcached", { kind: "known" }), beside("floor", { kind: "known" })),
    atLeast(0.5, ours("memcached", { kind: "white" }), beside("floor", { kind: "white" })),
    atLeast(0.5, ours("memory", { kind: "known" }), beside("bare", { kind: "known" })),
    atLeast(0.35, ours("memory"), beside("bare")),
    atLeast(7, ours("sqlite"), beside("postgrey")),
    ...stores.flatMap((store) =>
      (["fresh", "known"] as const).flatMap((kind) =>
        (["file", "stderr"] as const).map((log) =>
          atLeast(0.85, ours(store, { kind, log }), ours(store, { kind }))
        )
      )
    ),
    compared(ours("memcached"), beside("postgrey"), p99, 1 / 5, -1),
    ...stores.flatMap((store) =>
      (["fresh", "known"] as const).map((kind) =>
        atLeast(0.85, ours(store, { kind, connections: 500 }), ours(store, { kind }))
      )
    ),
  ].flat();
}

/** The ratio of two cells round by round, and whether its median is as it has to be: at least, or (-1) at most. */
function compared(
  one: Cell,
  other: Cell,
  of: (result: LoadResult) => number,
  bound: number,
  direction: 1 | -1,
): string[][] {
  const ones = results.get(nameOf(one)), others = results.get(nameOf(other));
  if (ones === undefined || others === undefined) return [];
  const ratios = ones.flatMap((result, round) => {
    const beside = others[round];
    return beside === undefined ? [] : [of(result) / of(beside)];
  });
  const is = median(ratios);
  const what = `${nameOf(one)} to ${nameOf(other)}`;
  return [[
    direction === 1 ? what : `p99 of ${what}`,
    spread(ratios, 2),
    `${direction === 1 ? "≥" : "≤"} ${bound}`,
    (is - bound) * direction >= 0 ? "reached" : "NOT reached",
  ]];
}
