/**
 * What a list costs: reading 100,000 entries, and a lookup in them next to the same lookup in a list
 * of 100, run in turns so that a busy machine slows both. Then what 100,000 senders add to a whole request,
 * what a million names take of memory, and how long they let others wait.
 *
 *     deno run -A --v8-flags=--expose-gc bench/whitelist.ts
 *
 * Exits with status 1 when reading takes a second or more, when a lookup among 100,000 takes more
 * than 10 µs, when it takes more than 8 times as long as among 100, or when a request takes more than 1.1
 * times as long as without a list of senders. A lookup does take longer among more, because a larger table
 * misses the processor's caches; a search would take a thousand times as long.
 */
import process from "node:process";
import { readClientList } from "../lib/lists/clients.ts";
import type { Source } from "../lib/lists/lines.ts";
import { readRecipientList } from "../lib/lists/recipients.ts";
import { readSenderList } from "../lib/lists/senders.ts";
import { finish } from "../lib/lists/slices.ts";
import { createPolicy, type Policy } from "../lib/greylist/policy.ts";
import { Instances } from "../lib/greylist/instances.ts";
import { Learning } from "../lib/greylist/learning.ts";
import { MemoryStore } from "../lib/stores/memory.ts";
import type { Log } from "../lib/log/log.ts";
import { policyOptions, request } from "../tests/support/policy.ts";

const MANY = 100_000;
const FEW = 100;
const MILLION = 1_000_000;
const LOOKUPS = 50_000;
const ROUNDS = 9;
/** Short turns, and many: the machine's moods are longer than a turn. */
const REQUESTS = 50;
const TURNS = 400;

const MOST_READING_MS = 1000;
const MOST_LOOKUP_US = 10;
const MOST_RATIO = 8;
const MOST_REQUEST_RATIO = 1.1;

let failed = false;

function print(line: string): void {
  process.stdout.write(line + "\n");
}

function check(holds: boolean): string {
  if (!holds) failed = true;
  return holds ? "" : "  TOO MUCH";
}

function milliseconds(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** What an eighth of the turns did not take longer than: in the others the machine may have been busy. */
function quiet(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 3] ?? NaN;
}

const v4 = (i: number) => `${10 + (i >> 16 & 7)}.${i >> 8 & 255}.${i & 255}.${i * 7 & 255}`;
const v6 = (i: number) => `2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::${i % 7}`;

/** A kind of entry: the i-th entry, a lookup that finds it, and one that finds nothing. */
interface Kind {
  readonly title: string;
  readonly entry: (i: number) => string;
  readonly hit: (i: number) => string;
  readonly miss: (i: number) => string;
}

const CLIENTS: Kind[] = [
  {
    title: "names",
    entry: (i) => `mail${i}.example${i % 97}.org`,
    hit: (i) => `out.mail${i}.example${i % 97}.org`,
    miss: (i) => `a.b.mx${i}.example${i % 97}.net`,
  },
  { title: "IPv4 addresses", entry: v4, hit: v4, miss: (i) => `203.0.${i & 255}.${i >> 8 & 255}` },
  {
    title: "IPv4 networks of 25 lengths",
    entry: (i) => `${v4(i)}/${8 + i % 25}`,
    hit: v4,
    miss: (i) => `203.0.${i & 255}.${i >> 8 & 255}`,
  },
  {
    title: "IPv6 networks of 17 lengths",
    entry: (i) => `${v6(i)}/${48 + i % 17}`,
    hit: v6,
    miss: (i) => `2a00:${(i & 0xffff).toString(16)}::1`,
  },
];

const RECIPIENTS: Kind[] = [{
  title: "recipients",
  entry: (i) => [`user${i}@example${i % 97}.org`, `name${i}@`, `example${i}.net`][i % 3] ?? "",
  hit: (i) =>
    [`user${i}@example${i % 97}.org`, `name${i}+x@a.b`, `u@a.example${i}.net`][i % 3] ?? "",
  miss: (i) => `nobody+${i}@mx.example${i}.com`,
}];

type Find = (key: string) => unknown;
type Read = (sources: Source[]) => Promise<Find>;

async function readClients(sources: Source[]): Promise<Find> {
  const { list, problems } = await finish(readClientList(sources));
  if (problems.length > 0) throw new Error(`unreadable: ${problems[0]?.text}`);
  return (key) =>
    list.match(
      /^[0-9]|:/.test(key)
        ? { name: "unknown", address: key }
        : { name: key, address: "192.0.2.1" },
    );
}

async function readRecipients(sources: Source[]): Promise<Find> {
  const { list, problems } = await finish(readRecipientList(sources));
  if (problems.length > 0) throw new Error(`unreadable: ${problems[0]?.text}`);
  return (key) => list.match(key);
}

function sources(kind: Kind, count: number): Source[] {
  return [{
    file: "list",
    text: Array.from({ length: count }, (_, i) => kind.entry(i)).join("\n"),
  }];
}

/** Microseconds a lookup, after checking that it finds, or does not find, what it should. */
function lookup(find: Find, keys: string[], finds: boolean): number {
  let found = 0;
  const took = milliseconds(() => {
    for (const key of keys) if (find(key) !== undefined) found++;
  });
  if (found !== (finds ? keys.length : 0)) throw new Error(`${found} of ${keys.length} found`);
  return took * 1000 / keys.length;
}

async function measure(kind: Kind, read: Read): Promise<void> {
  const text = sources(kind, MANY);
  let large: Find = await read(text);
  const started = performance.now();
  large = await read(text);
  const reading = performance.now() - started;
  const small = await read(sources(kind, FEW));
  print(
    `${kind.title}: ${MANY} entries read in ${reading.toFixed(0)} ms` +
      check(reading < MOST_READING_MS),
  );
  for (const finds of [true, false]) {
    const keysOf = (count: number) =>
      // A stride that is prime to both counts, so that neighbours are not asked for in a row.
      Array.from({ length: LOOKUPS }, (_, i) => (finds ? kind.hit : kind.miss)(i * 7919 % count));
    const largeKeys = keysOf(MANY), smallKeys = keysOf(FEW);
    const largeTimes: number[] = [], smallTimes: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      largeTimes.push(lookup(large, largeKeys, finds));
      smallTimes.push(lookup(small, smallKeys, finds));
    }
    const many = median(largeTimes), few = median(smallTimes);
    print(
      `  ${finds ? "found" : "not found"}: ${many.toFixed(2)} µs among ${MANY}, ` +
        `${few.toFixed(2)} µs among ${FEW}, ratio ${(many / few).toFixed(1)}` +
        check(many <= MOST_LOOKUP_US && many / few <= MOST_RATIO),
    );
  }
}

/** Patterns in the number that Debian's postgrey list has, next to no pattern at all. */
async function measurePatterns(): Promise<void> {
  const text = Array.from({ length: 34 }, (_, i) => `/^mail-?out\\d+\\..*pool${i}\\.example$/`);
  const plain = await readClients([{ file: "list", text: "example.org" }]);
  const started = performance.now();
  const find = await readClients([{ file: "list", text: text.join("\n") }]);
  print(
    `34 patterns: engine loaded and list read in ${(performance.now() - started).toFixed(0)} ms`,
  );
  const keys = Array.from({ length: LOOKUPS }, (_, i) => `mailout${i}.dc${i % 9}.example.org.test`);
  const times: number[] = [], base: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    times.push(lookup(find, keys, false));
    base.push(lookup(plain, keys, false));
  }
  const took = median(times);
  print(
    `  not found: ${took.toFixed(2)} µs, ${median(base).toFixed(2)} µs without them` +
      check(took <= MOST_LOOKUP_US),
  );
  const evil = Array.from({ length: 47 }, (_, i) => `/(a|b)*a(a|b){${320 + i}}$/`);
  const worst = await readClients([{ file: "list", text: evil.join("\n") }]);
  let seed = 1;
  const name = () =>
    Array.from({ length: 512 }, () => (seed = seed * 48271 % 2147483647) & 1 ? "a" : "b").join("");
  const names = Array.from({ length: ROUNDS }, name);
  const slowest = median(names.map((each) => milliseconds(() => void worst(each))));
  print(`  47 patterns made to be slow, on 512 bytes made to be slow: ${slowest.toFixed(0)} ms`);
}

/** A whole request but for the connection, with its state in memory, beside the same without the list. */
async function measureSenders(): Promise<void> {
  const kind = RECIPIENTS[0];
  if (kind === undefined) return;
  const { list: senders, problems } = await finish(readSenderList(sources(kind, MANY)));
  if (problems.length > 0) throw new Error(`unreadable: ${problems[0]?.text}`);
  const clock = () => 1_700_000_000;
  const log = new Proxy({} as Log, { get: () => () => {} });
  const policyWith = (lists: typeof policyOptions.lists) => {
    const store = new MemoryStore(clock, 1_000_000);
    const parts = {
      store,
      log,
      clock,
      instances: new Instances(),
      learning: new Learning(store, log),
    };
    return createPolicy({ ...policyOptions, lists }, parts);
  };
  const asked = async (policy: Policy, nth: (i: number) => string) => {
    const requests = Array.from({ length: REQUESTS }, (_, i) => request({ sender: nth(i) }));
    const began = performance.now();
    for (const each of requests) await policy.answer(each);
    return (performance.now() - began) * 1000 / REQUESTS;
  };
  const cases = {
    "new senders": (turn: number) => (i: number) => `new${turn}-${i}@sender${i % 97}.example`,
    "forwarded senders": (turn: number) => (i: number) =>
      `SRS0=HHH=TT=sender${i % 97}.example=user${turn}x${i}@forwarder.example`,
    "a sender that waits": () => () => "alice@example.org",
  };
  print(`requests beside a list of ${MANY} senders:`);
  for (const [title, sendersOf] of Object.entries(cases)) {
    const plain = policyWith(policyOptions.lists);
    const listed = policyWith({ ...policyOptions.lists, senders });
    const times: number[] = [], base: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      if (turn % 2 === 0) base.push(await asked(plain, sendersOf(turn)));
      times.push(await asked(listed, sendersOf(turn)));
      if (turn % 2 === 1) base.push(await asked(plain, sendersOf(turn)));
    }
    const took = quiet(times), without = quiet(base);
    print(
      `  ${title}: ${took.toFixed(1)} µs, ${without.toFixed(1)} µs without the list, ratio ` +
        `${(took / without).toFixed(3)}` + check(took / without <= MOST_REQUEST_RATIO),
    );
  }
}

/** What is kept of a million names beside their text, and the longest time that a timer had to wait. */
async function measureMillion(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("run with --v8-flags=--expose-gc");
  const [names] = CLIENTS;
  if (names === undefined) return;
  const mebibytes = () => {
    gc();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 2 ** 20;
  };
  const text = sources(names, MILLION);
  const before = mebibytes();
  let last = performance.now(), longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  const find = await readClients(text);
  clearInterval(timer);
  print(
    `${MILLION} names: ${(mebibytes() - before).toFixed(0)} MiB beside the ` +
      `${((text[0]?.text.length ?? 0) / 2 ** 20).toFixed(0)} MiB of their text; others waited ` +
      `${longest.toFixed(0)} ms at most`,
  );
  if (find(names.hit(7)) === undefined) throw new Error("not found");
}

await measureMillion();
for (const kind of CLIENTS) await measure(kind, readClients);
for (const kind of RECIPIENTS) await measure(kind, readRecipients);
await measurePatterns();
await measureSenders();
process.exitCode = failed ? 1 : 0;
