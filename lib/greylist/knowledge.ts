/**
 * What is known of a mail when it is decided about, and how that changes by it. Pure.
 *
 * Records of senders and triplets stand under each identity of the client, and under the domain that vouches for it,
 * which is the last of them then: its waiting triplets say so.
 */
import type {
  ClientRecord,
  CorrespondentRecord,
  DomainRecord,
  SenderRecord,
  TripletRecord,
} from "./records.ts";
import type { ReleaseClient, ReleaseTriplet } from "./release.ts";
import {
  afterEvent,
  afterSender,
  type ClientEvent,
  type TrustRules,
  usedAgain,
  usedAt,
  wantsRenewal,
} from "./trust.ts";

/** The times that decide, in seconds, and what trust is earned with. */
export interface Rules extends TrustRules {
  readonly delaySeconds: number;
  readonly retryWindowSeconds: number;
}

/** What the store has. `senders` and `triplets` hold one record for each identity. */
export interface Known {
  readonly senders: readonly (SenderRecord | undefined)[];
  readonly triplets: readonly (TripletRecord | undefined)[];
  readonly domain: DomainRecord | undefined;
  /** Undefined: out of reach, or not to be asked; which is not the same as having none. */
  readonly client: { readonly record: ClientRecord | undefined } | undefined;
  /** Undefined also where it must not count (policy.ts). */
  readonly correspondent: CorrespondentRecord | undefined;
  /** Whether the last of the identities is a domain that vouches for the client. */
  readonly vouched?: boolean;
  readonly releaseTriplet: ReleaseTriplet | undefined;
  readonly releaseClient: ReleaseClient | undefined;
}

/** What this request can earn. What it cannot earn was not asked for either. */
export interface Earnings {
  readonly sender: boolean;
  /** The hash of the sender, to count for its domain; undefined: it does not. */
  readonly domainSender: string | undefined;
}

/** A record to write, or (undefined) to take away. `identity` is an index into the identities. */
export type Change =
  | { readonly kind: "sender"; readonly identity: number; readonly record: SenderRecord }
  | {
    readonly kind: "triplet";
    readonly identity: number;
    readonly record: TripletRecord | undefined;
  }
  | { readonly kind: "domain"; readonly record: DomainRecord }
  | { readonly kind: "client"; readonly record: ClientRecord };

export function waiting(identity: number, first: number, { vouched }: Known, rules: Rules): Change {
  // A store may drop a record a moment after its time to live began: hence one second more.
  const until = first + rules.retryWindowSeconds + 1;
  const record = { state: "waiting", first, until } as const;
  return { kind: "triplet", identity, record: vouched ? { ...record, vouched } : record };
}

/** The domain vouches for a mail that began to wait without it: DNS had no answer then, or SPF was off. */
export function vouchedFor(first: number, known: Known, now: number, rules: Rules): Change[] {
  return known.triplets.flatMap((triplet, identity) =>
    isVouched(triplet, now, rules) ? [] : [waiting(identity, first, known, rules)]
  );
}

/** Whether a triplet waits, and is within the retry window. */
export function waits<Triplet extends TripletRecord | ReleaseTriplet>(
  triplet: Triplet | undefined,
  now: number,
  rules: Rules,
): triplet is Extract<Triplet, { readonly state: "waiting" }> {
  return triplet?.state === "waiting" && now - triplet.first <= rules.retryWindowSeconds;
}

/** Whether it does, and says that a domain vouched for it. */
export function isVouched(triplet: TripletRecord | undefined, now: number, rules: Rules): boolean {
  return waits(triplet, now, rules) && triplet.vouched === true;
}

/** Writes down the use of records that let a mail pass; those found, and once an hour at most. */
export function renewed<Kind extends "sender" | "triplet">(
  kind: Kind,
  records: readonly (SenderRecord | undefined)[],
  now: number,
  rules: Rules,
): Change[] {
  return records.flatMap((record, identity): Change[] => {
    if (record === undefined || !wantsRenewal(record.seen, now)) return [];
    const used = usedAgain(record, now, rules.maxAgeSeconds);
    return kind === "sender"
      ? [{ kind: "sender", identity, record: used }]
      : [{ kind: "triplet", identity, record: { ...used, state: "passed" } }];
  });
}

/** Remembers that a mail first tried at `first` has passed: by its sender, or else by its triplet. */
export function remembered(
  first: number,
  known: Known,
  earns: Earnings,
  now: number,
  rules: Rules,
): Change[] {
  const use = usedAt(now, rules.maxAgeSeconds);
  const changes = known.triplets.map((_, identity): Change =>
    earns.sender
      ? { kind: "sender", identity, record: { first, ...use } }
      : { kind: "triplet", identity, record: { state: "passed", first, ...use } }
  );
  return earns.sender ? [...changes, ...takenAway(known)] : changes;
}

/** Takes the waiting triplets away. */
export function takenAway(known: Known): Change[] {
  return known.triplets.flatMap((triplet, identity): Change[] =>
    triplet?.state === "waiting" ? [{ kind: "triplet", identity, record: undefined }] : []
  );
}

export function countedForClient(
  event: ClientEvent,
  known: Known,
  now: number,
  rules: Rules,
): Change[] {
  const record = known.client && afterEvent(known.client.record, event, now, rules);
  return record === undefined ? [] : [{ kind: "client", record }];
}

export function countedForDomain(
  known: Known,
  earns: Earnings,
  now: number,
  rules: Rules,
): Change[] {
  if (earns.domainSender === undefined) return [];
  const record = afterSender(known.domain, earns.domainSender, now, rules);
  return record === undefined ? [] : [{ kind: "domain", record }];
}
