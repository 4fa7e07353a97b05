import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { countingLog } from "../../../lib/metrics/counting_log.ts";
import { CountingStore } from "../../../lib/metrics/counting_store.ts";
import { Counts, Histogram } from "../../../lib/metrics/counts.ts";
import { createPages } from "../../../lib/metrics/pages.ts";
import { metrics, type Observed } from "../../../lib/metrics/table.ts";
import { fieldNames } from "../../../lib/log/escape.ts";
import { reasonKinds } from "../../../lib/log/reasons.ts";
import { encodeTriplet, kindOfRecord } from "../../../lib/greylist/records.ts";
import { MemoryStore } from "../../../lib/stores/memory.ts";
import { recordingLog, request, scene } from "../../support/policy.ts";

const observed = (counts = new Counts()): Observed => ({
  counts,
  connections: 3,
  linesLost: 4,
  version: "1.2.3",
  runtime: "deno 1",
  startedAt: 1_700_000_000,
});
const health = { isStopping: false, store: "memory", asksDns: false };
const document = fs.readFileSync(new URL("../../../doc/monitoring.md", import.meta.url), "utf8");

test("doc/monitoring.md has each metric with its type and labels, and no other", () => {
  const rows = [...document.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\| (.*) \|$/gm)];
  assert.deepEqual(
    rows.map(([, name, type]) => `${name} ${type}`),
    metrics.map(({ name, type }) => `${name} ${type}`),
  );
  for (const [, name, , meaning] of rows) {
    const samples = metrics.find((metric) => metric.name === name)?.samples(observed(), "x") ?? [];
    for (const label of new Set(samples.flatMap(({ labels }) => Object.keys(labels)))) {
      if (label !== "le") assert.match(String(meaning), new RegExp(`\`${label}\``), name);
    }
  }
});

test("doc/monitoring.md has each field of the log", () => {
  for (
    const name of [...fieldNames, "identity", "client_kind", "client_is_generic", "client_why"]
  ) {
    assert.match(document, new RegExp(`^\\| \`${name}\` `, "m"), name);
  }
});

test("the dashboard and the alerts name only metrics that there are", () => {
  const known = new Set(
    metrics.flatMap(({ name, type, samples }) =>
      type === "histogram" ? samples(observed(), name).map((s) => s.metricName) : [name]
    ),
  );
  for (const file of ["grafana/greylist.json", "prometheus/alerts.yml"]) {
    const text = fs.readFileSync(new URL(`../../../contrib/${file}`, import.meta.url), "utf8");
    const named = text.match(/\bgreylist_\w+/g) ?? [];
    assert.ok(named.length >= 3, file);
    for (const name of named) assert.ok(known.has(name), `${file}: ${name}`);
  }
});

test("a histogram counts each value in the first bucket that takes it", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 })), (values) => {
      const bounds = [1, 5, 10], histogram = new Histogram(bounds);
      for (const value of values) histogram.add(value);
      const upTo = (bound: number) => values.filter((value) => value <= bound).length;
      let sum = 0;
      const counted = histogram.buckets.map((bucket) => sum += bucket);
      assert.deepEqual(counted, [...bounds, Infinity].map(upTo));
      assert.equal(histogram.sum, values.reduce((a, b) => a + b, 0));
    }),
    { numRuns: 100 },
  );
});

test("each decision is counted under its action and reason, and goes to the log as it is", () => {
  const counts = new Counts(), { log, events } = recordingLog();
  // As createLog gives it: an object with a method for each event.
  const methods = ["decision", "notAsked", "down", "up"] as const;
  const plain = Object.fromEntries(methods.map((name) => [name, log[name]]));
  const counting = countingLog(plain as unknown as typeof log, counts);
  const record = { action: "pass", reason: { kind: "triplet found" }, request: request() } as const;
  counting.decision(record);
  counting.decision({ ...record, delaySeconds: 301 });
  counting.notAsked("not at RCPT", request());
  counting.down("a", "why");
  counting.down("b", "why");
  counting.up("a", 1);
  assert.equal(counts.passed["triplet found"], 2);
  assert.equal(counts.waitedSeconds.sum, 301);
  assert.equal(counts.notAsked["not at RCPT"], 1);
  assert.deepEqual([...counts.storeDown], ["b"]);
  assert.deepEqual(events.map(([method]) => method), [
    ...["decision", "decision", "notAsked", "down", "down", "up"],
  ]);
  assert.equal(events[0]?.[1], record);
});

test("whatever is asked, the number of series stays what it was", async () => {
  const counts = new Counts();
  const pageAt = createPages(() => observed(counts), () => health);
  const series = async () => {
    const body = (await pageAt("/metrics"))?.body ?? "";
    return body.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.slice(0, line.lastIndexOf(" ")));
  };
  const before = await series();
  for (const kind of reasonKinds) {
    for (const action of ["pass", "greylist"] as const) {
      counts.decided({
        action,
        reason: kind === "early-retry" ? { kind, missing: 7 } : { kind },
        request: request(),
      });
    }
  }
  assert.deepEqual(await series(), before);
  assert.equal(new Set(before).size, before.length);
  assert.ok(before.length < 200, `${before.length} series`);
});

test("a store's operations are counted once each, with what they write", async () => {
  const counts = new Counts();
  const { policy, clock } = scene(
    {},
    (clock) => new CountingStore(new MemoryStore(() => clock.now), counts),
  );
  await policy.answer(request());
  clock.now += 301;
  await policy.answer(request());
  assert.deepEqual(counts.storeErrors, { read: 0, write: 0, delete: 0 });
  const reads = counts.storeSeconds.read.buckets.reduce((a, b) => a + b);
  assert.equal(reads, 2);
  assert.equal(counts.written.waiting, 2);
  assert.equal(counts.written.sender, 2);
  const store = new CountingStore(new MemoryStore(() => 0), counts);
  await store.close();
  await assert.rejects(store.put("k", "s1 1 1 1", 1, Infinity));
  await assert.rejects(store.get("k", Infinity));
  assert.deepEqual(counts.storeErrors, { read: 1, write: 1, delete: 0 });
  assert.equal(counts.written.sender, 2, "what was not written is not counted");
});

test("any answer ends that DNS is down, though other name servers gave it", () => {
  const counts = new Counts();
  countingLog(recordingLog().log, counts).dnsDown();
  counts.exchanged(0.5, false);
  assert.deepEqual([counts.dnsIsDown, counts.dnsUnanswered], [true, 1]);
  counts.exchanged(0.01, true);
  assert.deepEqual([counts.dnsIsDown, counts.dnsUnanswered], [false, 1]);
});

test("servers of the store that are left count as down no more", () => {
  const counts = new Counts(), moved: unknown[] = [];
  const inner = Object.assign(new MemoryStore(() => 0), {
    moveTo: (...args: unknown[]) => void moved.push(args),
  });
  const store = new CountingStore(inner, counts);
  for (
    const name of ["memcached:a:1", "memcached:a:1 (reading)", "memcached:a:11", "memcached:b:1"]
  ) {
    counts.storeDown.add(name);
  }
  const servers = [{ kind: "inet", host: "a", port: 1 }] as const;
  store.moveTo?.(servers, 2);
  assert.deepEqual(moved, [[servers, 2]]);
  assert.deepEqual([...counts.storeDown], ["memcached:a:1", "memcached:a:1 (reading)"]);
  assert.equal(new CountingStore(new MemoryStore(() => 0), counts).moveTo, undefined);
});

test("health is 503 only while stopping; store and DNS are told", async () => {
  const counts = new Counts();
  counts.storeDown.add("memcached:a:1");
  counts.dnsIsDown = true;
  let isStopping = false;
  const pageAt = createPages(
    () => observed(counts),
    () => ({ isStopping, store: "memcached", asksDns: true }),
  );
  const told = async () => {
    const page = await pageAt("/healthz");
    return [page?.status, JSON.parse(page?.body ?? "")];
  };
  const body = {
    version: "1.2.3",
    connections: 3,
    store: { name: "memcached", down: ["memcached:a:1"] },
    dns: "down",
  };
  assert.deepEqual(await told(), [200, { status: "ok", ...body }]);
  isStopping = true;
  assert.deepEqual(await told(), [503, { status: "stopping", ...body }]);
  assert.equal(await pageAt("/other"), undefined);
});

test("a record's kind is told by its first letters", () => {
  assert.equal(kindOfRecord(encodeTriplet({ state: "waiting", first: 1, until: 2 })), "waiting");
  assert.equal(
    kindOfRecord(encodeTriplet({ state: "passed", first: 1, seen: 1, until: 2 })),
    "passed",
  );
  const allowed = encodeTriplet({ state: "passed", first: 1, seen: 1, until: 2, allowed: true });
  assert.equal(kindOfRecord(allowed), "passed");
  assert.equal(kindOfRecord("1700000000"), undefined);
});
