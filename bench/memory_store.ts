/**
 * Bytes that one entry of the memory store costs, and what a get and a put take.
 * Run with `deno run -A --v8-flags=--expose-gc bench/memory_store.ts` (or `bun --expose-gc`).
 */
import process from "node:process";
import { recordKeysWith } from "../lib/identity/record_keys.ts";
import { MemoryStore } from "../lib/stores/memory.ts";

const { gc } = globalThis as { gc?: () => void };
if (gc === undefined) throw new Error("run with --v8-flags=--expose-gc");

const { keysOf, hashOfIdentity } = recordKeysWith("gl1:");
/** A triplet's key, the longest that there is. */
const key = (i: number) =>
  keysOf({
    identities: [hashOfIdentity(`a:${i}`)],
    address: "",
    sender: `alice@d${i}.example`,
    recipient: "robin@example.com",
    place: `d${i}.example`,
    scope: undefined,
  }).triplets[0] ?? "";
const used = () => (gc(), gc(), process.memoryUsage().heapUsed);
const print = (line: string) => process.stdout.write(`${line}\n`);

for (const entries of [10_000, 100_000, 200_000, 250_000, 1_000_000]) {
  const before = used(), resident = process.memoryUsage().rss;
  const store = new MemoryStore(() => 1_700_000_000.5, entries);
  // One half more than fit, so that the oldest have to go.
  for (let i = 0; i < 1.5 * entries; i++) {
    await store.put(key(i), `t1 w 1700000000 170017${2801 + i}`, 172_801, Infinity);
  }
  const bytes = (used() - before) / store.size;
  const rss = (process.memoryUsage().rss - resident) / 2 ** 20;
  print(`${entries} entries: ${bytes.toFixed(0)} bytes each, ${rss.toFixed(0)} MiB more resident`);
  await store.close();
}

const count = 200_000;
const keys = Array.from({ length: 2 * count }, (_, i) => key(i));
const store = new MemoryStore(() => 1_700_000_000, count);
const value = "t1 w 1700000000 1700172801";
const time = async (what: string, operation: (key: string) => Promise<unknown>) => {
  const start = performance.now();
  for (const one of keys) await operation(one);
  print(`${what}: ${((performance.now() - start) * 1000 / keys.length).toFixed(2)} µs`);
};
await time("put, half of them into a full store", (one) => store.put(one, value, 3600, Infinity));
await time("get, half of them hits", (one) => store.get(one, Infinity));
