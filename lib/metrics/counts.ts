/**
 * What metrics count: plain numbers, because the path of a request may do no more than add to one. They are put into
 * Prometheus' form when somebody asks (table.ts). Pure.
 *
 * What can be counted is known beforehand: nothing here grows with what clients send.
 */
import type { DecisionRecord } from "../log/log.ts";
import { type NotAsked, type ReasonKind, reasonKinds } from "../log/reasons.ts";
import { type RecordKind, recordKinds } from "../greylist/records.ts";

export type StoreOperation = "read" | "write" | "delete";
export const storeOperations: readonly StoreOperation[] = ["read", "write", "delete"];

/** Bounds of times that somebody waits for an answer, in seconds: from memory to store-timeout and dns-timeout. */
const answerBounds = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005],
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
];

/** Bounds of what mail waits, in seconds: most senders come back within an hour, all within two days. */
const waitingBounds = [
  ...[60, 120, 300, 360, 480, 600, 900, 1200, 1800],
  ...[3600, 7200, 14_400, 43_200, 86_400, 172_800],
];

/** How often a value was at most so much. */
export class Histogram {
  /** For each bound, and for what is beyond the last one. */
  readonly buckets: number[];
  sum = 0;

  /** @param bounds ascending */
  constructor(readonly bounds: readonly number[]) {
    this.buckets = [...bounds, Infinity].map(() => 0);
  }

  add(value: number): void {
    let place = 0;
    while (place < this.bounds.length && value > (this.bounds[place] ?? 0)) place++;
    this.buckets[place] = (this.buckets[place] ?? 0) + 1;
    this.sum += value;
  }
}

/** All that is counted in a process. */
export class Counts {
  readonly deferred = zeros<ReasonKind>(reasonKinds);
  readonly passed = zeros<ReasonKind>(reasonKinds);
  readonly notAsked = zeros<NotAsked>(["not at RCPT", "authenticated client"]);
  readonly answerSeconds = new Histogram(answerBounds);
  readonly waitedSeconds = new Histogram(waitingBounds);
  readonly storeSeconds = {
    read: new Histogram(answerBounds),
    write: new Histogram(answerBounds),
    delete: new Histogram(answerBounds),
  };
  readonly storeErrors = zeros<StoreOperation>(storeOperations);
  readonly written = zeros<RecordKind>(recordKinds);
  /** Servers, or parts, of the store that are down, as the log names them. */
  readonly storeDown = new Set<string>();
  readonly dnsSeconds = new Histogram(answerBounds);
  dnsUnanswered = 0;
  dnsIsDown = false;
  clientsTrusted = 0;
  refused = 0;
  protocolErrors = 0;
  reloads = 0;
  reloadsRefused = 0;
  internalErrors = 0;

  decided({ action, reason: { kind }, delaySeconds }: DecisionRecord): void {
    if (action === "pass") this.passed[kind]++;
    else this.deferred[kind]++;
    if (delaySeconds !== undefined) this.waitedSeconds.add(delaySeconds);
  }

  /** A name server was asked. */
  exchanged(seconds: number, isAnswered: boolean): void {
    this.dnsSeconds.add(seconds);
    // It may be another one, which a reload has brought while the one before was down: nobody tells of its end.
    if (isAnswered) this.dnsIsDown = false;
    else this.dnsUnanswered++;
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
