/** A load (policyload.c) as a process of its own. */
import { start, withCleanup } from "../tests/support/process.ts";
import { primedAfterMilliseconds, type Server } from "./servers.ts";

/** The triplets that are asked about, as policyload.c says. */
export const kinds = ["fresh", "known", "white"] as const;
export type Kind = typeof kinds[number];

/** So many mails are known where nothing else is said: more than greylist keeps parts of in its caches (recent.ts). */
export const usualPool = 40_000;

/** What a run prints: requests a second, times in microseconds, the load's own share of a core, replies by action. */
export interface LoadResult {
  readonly rate: number;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly lost: number;
  readonly share: number;
  readonly actions: Readonly<Record<string, number>>;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly kind: Kind | "prime";
  /** No fresh triplet is in two loads with different ones. */
  readonly seed: number;
  /** How many mails are known, once they were primed. */
  readonly pool: number;
  /** Of how many domains fresh triplets are; 0: each of one of its own. */
  readonly domains?: number;
}

/** Runs a load, with the program built from policyload.c. Not synchronously: what servers print has to be read meanwhile. */
export function load(program: string, endpoint: string, options: LoadOptions): Promise<LoadResult> {
  const { connections, seconds, kind, seed, pool, domains = 50_000 } = options;
  return withCleanup(async (t) => {
    const words = [endpoint, connections, seconds, kind, seed, pool, domains].map(String);
    const running = start(t, program, words);
    if (await running.exited !== 0) throw new Error(`the load failed: ${running.stderr()}`);
    return JSON.parse(running.stdout());
  });
}

/** Has each mail of a pool asked about once. */
export async function prime(program: string, endpoint: string, pool: number): Promise<LoadResult> {
  return await load(program, endpoint, {
    connections: 50,
    seconds: 0,
    kind: "prime",
    seed: 0,
    pool,
  });
}

/** Has the mails of a pool pass at each of these servers (servers.ts), with how many they are. */
export async function makeKnown(
  program: string,
  pools: ReadonlyMap<Server, number>,
): Promise<void> {
  for (let time = 1; time <= 2; time++) {
    for (const [{ endpoint }, pool] of pools) await prime(program, endpoint, pool);
    await new Promise((resolve) => setTimeout(resolve, primedAfterMilliseconds));
  }
}
