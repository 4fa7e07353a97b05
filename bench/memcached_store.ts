/**
 * Operations per second of the Memcached adapter at 50 in parallel, against a memcached of its own.
 * Run with `deno run -A bench/memcached_store.ts` (or bun). Half of the operations are puts.
 */
import process from "node:process";
import { MemcachedStore } from "../lib/stores/memcached.ts";
import { startMemcached } from "../tests/support/memcached.ts";

const after: (() => void | Promise<void>)[] = [];
const memcached = await startMemcached({ after: (fn) => after.push(fn) });
const store = new MemcachedStore([{ kind: "inet", host: "127.0.0.1", port: memcached.port }], {
  timeoutMilliseconds: 500,
  observer: { down() {}, up() {} },
});

const seconds = 4, parallel = 50;
const latencies: number[] = [];
let operations = 0;
async function client(number: number, end: number) {
  for (let i = 0; performance.now() < end; i++) {
    const key = `gl1:${String(number * 1000 + i % 1000).padStart(43, "0")}`;
    const start = performance.now();
    await store.put(key, `1700000000 1700000300 ${i}`, 3600, start + 500);
    await store.get(key, start + 500);
    latencies.push((performance.now() - start) / 2);
    operations += 2;
  }
}
async function round(ms: number) {
  operations = latencies.length = 0;
  const end = performance.now() + ms;
  await Promise.all(Array.from({ length: parallel }, (_, number) => client(number, end)));
}
await round(1000);
const cpu = process.cpuUsage();
await round(seconds * 1000);
const used = process.cpuUsage(cpu);
latencies.sort((a, b) => a - b);
const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
const lines = [
  `${Math.round(operations / seconds)} operations/s at ${parallel} in parallel`,
  `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  `${((used.user + used.system) / operations).toFixed(1)} µs of processor time each`,
];
process.stdout.write(lines.join("\n") + "\n");
await store.close();
for (const fn of after) await fn();
