/**
 * greylist, as it is compiled, beside postgrey and beside what this machine can do: requests a second and how long an
 * answer takes. All take turns, so that the machine's moods meet all of them; what counts are the ratios.
 *
 *     deno task bench [--only memory,memcached,sqlite,postgrey,floor,bare] [--kinds fresh,known,white]
 *                     [--connections 1,50,500] [--logs none,file,stderr] [--rounds 3] [--seconds 2.5] [--write]
 *
 * PROGRAM_UNDER_TEST names another binary than dist/greylist, DENO the command that compiles (build.ts). Needs the Debian
 * packages memcached, postgrey and gcc. --write puts the result into doc/performance.md. A ratio that is not
 * reached fails nothing: machines are shared and noisy.
 *
 * - fresh: every request is a new triplet of a new client; known: mails that have passed; white: new triplets of clients in
 *   the auto-whitelist.
 * - floor: the least that greylisting over Memcached can do (floor.c), with as many reads a request as greylist;
 *   bare: a server on the same runtime that says DUNNO to everything (bare.ts).
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { withCleanup } from "../tests/support/process.ts";
import { builtFromC, compiled, greylist } from "./build.ts";
import { type Kind, kinds, load, type LoadResult, prime } from "./run_load.ts";
import {
  type LogName,
  logs,
  primedAfterMs,
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
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds), seconds = Number(values.seconds);
const asked = {
  contenders: chosen("only", values.only, contenders),
  kinds: chosen("kinds", values.kinds, kinds),
  logs: chosen("logs", values.logs, logs),
  connections: values.connections.split(",").map(Number),
};

/** So many mails are known: none of them is asked about often. */
const pool = 10_000;
/** Where not one setting is varied, but another. */
const usualConnections = 50;

const results = new Map<string, LoadResult[]>();
const nameOf = ({ contender, kind, connections, log }: Cell) =>
  `${contender}${log === "none" ? "" : ` log=${log}`} ${kind} ${connections}`;

await withCleanup(async (t) => {
  const cells = allCells();
  const program = greylist(), policyload = builtFromC(t, "policyload.c");
  const servers = new Map<string, Server>();
  /** Whom a cell asks. A client that postgrey lists has no known triplets: for the two kinds there are two of it. */
  const serverOf = async ({ contender, kind, log }: Cell): Promise<Server> => {
    const special = contender === "postgrey" && kind === "white";
    const name = `${contender} ${log} ${special}`;
    const server = servers.get(name) ?? await started(contender, log, special);
    servers.set(name, server);
    return server;
  };
  const started = (contender: Contender, log: LogName, special: boolean): Promise<Server> => {
    if (contender === "postgrey") return startPostgrey(t, special ? 1 : 5);
    if (contender === "floor") return startFloor(t, builtFromC(t, "floor.c"));
    if (contender === "bare") return startBare(t, compiled(t, "bench/bare.ts"));
    return startGreylist(t, program, contender, log);
  };

  const toPrime = new Set<Server>();
  for (const cell of cells) {
    const server = await serverOf(cell);
    if (cell.kind !== "fresh" && cell.contender !== "bare") toPrime.add(server);
  }
  for (let time = 1; time <= 2 && toPrime.size > 0; time++) {
    for (const { endpoint } of toPrime) await prime(policyload, endpoint, pool);
    await new Promise((resolve) => setTimeout(resolve, primedAfterMs));
  }

  let seed = 1;
  for (let round = 1; round <= rounds; round++) {
    for (const cell of cells) {
      const { kind, connections } = cell, { endpoint } = await serverOf(cell);
      const result = await load(policyload, endpoint, {
        ...{ connections, seconds, seed: seed++, pool },
        // To the floor a client that is listed is as much as a triplet that is known.
        kind: cell.contender === "floor" && kind === "white" ? "known" : kind,
      });
      complain(cell, result);
      results.set(nameOf(cell), [...results.get(nameOf(cell)) ?? [], result]);
    }
  }
  print(`medians of ${rounds} rounds of ${seconds} s, the least and the most in brackets\n`);
  print(table(cells.map(lineOf), ["", "requests/s", "p50 ms", "p99 ms", "load's share of a core"]));
  const ratios = reached();
  if (ratios.length > 0) print(`\n${table(ratios, ["ratio", "is", "to reach", ""])}`);
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
  const ms = (of: (result: LoadResult) => number) => (median(all.map(of)) / 1000).toFixed(2);
  return [
    nameOf(cell),
    `${median(rates).toFixed(0)} (${Math.min(...rates).toFixed(0)}–${
      Math.max(...rates).toFixed(0)
    })`,
    ms(({ p50 }) => p50),
    ms(({ p99 }) => p99),
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
    `${is.toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
    `${direction === 1 ? "≥" : "≤"} ${bound}`,
    (is - bound) * direction >= 0 ? "reached" : "NOT reached",
  ]];
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

function table(lines: readonly (readonly string[])[], head: readonly string[]): string {
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const row = (line: readonly string[]) =>
    `| ${line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(Math.max(3, width))).join(" | ")} |`;
  return [row(head), rule, ...lines.map(row)].join("\n");
}

function chosen<Name extends string>(option: string, text: string, all: readonly Name[]): Name[] {
  return text.split(",").map((word) => {
    const found = all.find((name) => name === word);
    if (found === undefined) throw new Error(`--${option} ${word}: wanted some of ${all.join()}`);
    return found;
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
