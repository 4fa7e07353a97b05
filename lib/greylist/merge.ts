/**
 * One record from what several copies of it say: some may be older, because their server was away when the
 * others were written, or has come back with what it had. Pure.
 *
 * - What is over does not take part, while another copy is not.
 * - Passed comes before waiting; of those that wait the earliest counts; of uses the latest. What was allowed stays so
 *   until its end, unless what was earned lasts longer.
 * - Nothing is added up: merging again what was merged changes nothing, in whatever order, so that no count
 *   grows by it. What happened while a copy was away may be missing from a count.
 */
import type {
  ClientRecord,
  CorrespondentRecord,
  DomainRecord,
  SenderRecord,
  TripletRecord,
  Use,
} from "./records.ts";
import type { ReleaseClient, ReleaseTriplet } from "./release.ts";
import { counts } from "./trust.ts";

/** What is over depends on these. */
export interface Times {
  /** UNIX seconds. */
  readonly now: number;
  readonly retryWindowSeconds: number;
  readonly maxAgeSeconds: number;
}

/** What 0.1.0 keeps says nothing of its end. */
type ReleaseUse = Pick<Use, "seen">;

/** The record that several are together; `records` has one at least. */
export type Merge<Kind> = (records: readonly Kind[], times: Times) => Kind;

function merging<Kind>(
  lives: (record: Kind, times: Times) => boolean,
  join: (a: Kind, b: Kind) => Kind,
): Merge<Kind> {
  return (records, times) => {
    const living = records.filter((record) => lives(record, times));
    return (living.length > 0 ? living : records.slice(0, 1)).reduce(join);
  };
}

const isUsed = (use: Use | ReleaseUse, { now, maxAgeSeconds }: Times) =>
  counts({ until: Infinity, ...use }, now, maxAgeSeconds);

const waitsOrIsUsed = (record: TripletRecord | ReleaseTriplet, times: Times) =>
  record.state === "passed"
    ? isUsed(record, times)
    : times.now - record.first <= times.retryWindowSeconds;

interface Dated {
  readonly seen?: number;
  readonly until?: number;
  readonly allowed?: true;
}

/** The one that was used later; of what was allowed, and anything beside it, the one that lasts longer. */
function later<Kind extends Dated>(a: Kind, b: Kind): Kind {
  if (a.allowed || b.allowed) {
    const lasts = (a.until ?? 0) - (b.until ?? 0) ||
      Number(a.allowed ?? 0) - Number(b.allowed ?? 0);
    return { ...(lasts >= 0 ? a : b), seen: Math.max(a.seen ?? 0, b.seen ?? 0) };
  }
  const ahead = (b.seen ?? 0) - (a.seen ?? 0) || (b.until ?? 0) - (a.until ?? 0);
  return ahead > 0 ? b : a;
}

function join<Kind extends Dated & { readonly first: number }>(a: Kind, b: Kind): Kind {
  return { ...later(a, b), first: Math.min(a.first, b.first) };
}

function joinTriplets<Kind extends TripletRecord | ReleaseTriplet>(a: Kind, b: Kind): Kind {
  if (a.state !== b.state) return a.state === "passed" ? a : b;
  return join<TripletRecord | ReleaseTriplet>(a, b) as Kind;
}

export const mergeSenders = merging<SenderRecord>(isUsed, join);
export const mergeTriplets = merging<TripletRecord>(waitsOrIsUsed, joinTriplets);

/** What was tried and came back is what they say who were halved last: before, more was counted. */
export const mergeClients = merging<ClientRecord>(isUsed, (a, b) => {
  const [older, newer] = a.halved > b.halved ? [b, a] : [a, b];
  const { tried, returned, halved } = older.halved < newer.halved ? newer : {
    tried: Math.max(a.tried, b.tried),
    returned: Math.max(a.returned, b.returned),
    halved: a.halved,
  };
  const passes = Math.max(a.passes, b.passes);
  // Of a client, what lasts longer may be counts that do not suffice.
  const use = a.allowed === b.allowed ? later(a, b) : a.allowed ? a : b;
  const seen = Math.max(a.seen, b.seen);
  return { ...use, seen, tried, returned, halved, passes };
});

export const mergeDomains = merging<DomainRecord>(isUsed, (a, b) => {
  const passed = a.senders === "passed" || b.senders === "passed";
  const { seen, until } = later(a, b);
  return { senders: passed ? "passed" : together(a.senders, b.senders), seen, until };
});

/** As many as a record holds (records.ts); with so many the domain has passed, whatever the setting. */
const mostSenders = 20;

function together(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].slice(0, mostSenders);
}

export const mergeCorrespondents = merging<CorrespondentRecord>(isUsed, later);

export const mergeReleaseTriplets = merging<ReleaseTriplet>(waitsOrIsUsed, joinTriplets);

export const mergeReleaseClients = merging<ReleaseClient>(isUsed, (a, b) => ({
  passes: Math.max(a.passes, b.passes),
  seen: Math.max(a.seen, b.seen),
}));
