/**
 * Greylisting itself: what to answer, and what to write, given all that is known of a request and the time.
 * Pure; doc/design.md tells the same in words.
 *
 * A client has one identity or two (the name that says who it is, and its address). Records of senders (S)
 * and triplets (T) stand under each; those of 0.1.0 (N) under its own keys.
 *
 * 1. A sender that has passed (S), a domain (D), a client (C), a network in the auto-whitelist of 0.1.0:
 *    pass. Its use is written down once an hour at most: every S that was found, or else what let it pass.
 * 2. A triplet that has passed: pass. One of 0.1.0 is taken over, as S where that can be earned.
 * 3. One of our users has written to the sender (W): pass. Nothing is written: it proves nothing, and a mail that
 *    waited before has not come back by it.
 * 4. Of the triplets that wait, and are within the retry window, the earliest counts. Younger than the
 *    delay: defer, and leave it alone, so that a client that retries often is not punished for it.
 * 5. At least as old: pass, for the first time. S is written under every identity, and its triplets are
 *    taken away, so that each counts once; where S cannot be earned they are kept as passed. It counts for
 *    the client and for the sender's domain.
 * 6. Otherwise it is new: a waiting T under every identity; defer.
 *
 * - The first attempt is kept as the next whole second, and compared with the time as it is: nobody is let
 *   through early.
 * - A first attempt in the future (clocks of several servers differ, and are set back) counts as now, and
 *   is written down as now: otherwise the mail would be held until that time has come.
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
  clientIsTrusted,
  counts,
  domainIsTrusted,
  isAhead,
  type TrustRules,
  usedAt,
  wantsRenewal,
  wholeSeconds,
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

export type PassReason =
  | "sender AWL"
  | "domain AWL"
  | "client AWL"
  | "triplet found"
  | "correspondent";

export type Decision =
  | {
    readonly verdict: "defer";
    readonly reason: "new" | "early-retry";
    /** Whole seconds after which an attempt will pass. */
    readonly missing: number;
    readonly changes: readonly Change[];
  }
  | {
    readonly verdict: "pass";
    readonly reason: PassReason;
    /** Whole seconds since the first attempt, when it has waited. */
    readonly waited?: number;
    readonly changes: readonly Change[];
  };

/** Decides at `now` (UNIX seconds, with their fraction). */
export function decide(known: Known, earns: Earnings, now: number, rules: Rules): Decision {
  const { triplets, correspondent, releaseTriplet } = known;
  const trust = trustIn(known, now, rules);
  if (trust !== undefined) return passTrusted(trust, known, now, rules);

  const passed = triplets.map((triplet) =>
    triplet?.state === "passed" && counts(triplet, now, rules.maxAgeSeconds) ? triplet : undefined
  );
  if (passed.some((triplet) => triplet !== undefined)) {
    return {
      verdict: "pass",
      reason: "triplet found",
      changes: renewed("triplet", passed, now, rules),
    };
  }
  if (releaseTriplet?.state === "passed" && now - releaseTriplet.seen <= rules.maxAgeSeconds) {
    const changes = remembered(releaseTriplet.first, known, earns, now, rules);
    return { verdict: "pass", reason: "triplet found", changes };
  }

  if (correspondent !== undefined && counts(correspondent, now, rules.maxAgeSeconds)) {
    return { verdict: "pass", reason: "correspondent", changes: [] };
  }

  const first = firstAttempt([...triplets, releaseTriplet], now, rules);
  if (first === undefined) return defer("new", known, now, rules);
  if (isAhead(first, now)) return defer("early-retry", known, now, rules);
  const missing = missingSeconds(first, now, rules);
  if (missing > 0) return { verdict: "defer", reason: "early-retry", missing, changes: [] };
  const changes = [
    ...remembered(first, known, earns, now, rules),
    ...countedForClient("returned", known, now, rules),
    ...countedForDomain(known, earns, now, rules),
  ];
  return { verdict: "pass", reason: "triplet found", waited: waitedSince(first, now), changes };
}

/** What lets the mail pass whatever its triplet is: the reason, and how its use is written down. */
function trustIn(
  known: Known,
  now: number,
  rules: Rules,
): { readonly reason: PassReason; readonly renewal: readonly Change[] } | undefined {
  const { domain, client, releaseClient } = known;
  const senders = known.senders.map((sender) =>
    sender !== undefined && counts(sender, now, rules.maxAgeSeconds) ? sender : undefined
  );
  if (senders.some((sender) => sender !== undefined)) {
    return { reason: "sender AWL", renewal: renewed("sender", senders, now, rules) };
  }
  if (domainIsTrusted(domain, now, rules)) {
    const record = { ...domain, ...usedAt(now, rules.maxAgeSeconds) };
    const renewal = wantsRenewal(domain.seen, now) ? [{ kind: "domain", record } as const] : [];
    return { reason: "domain AWL", renewal };
  }
  if (clientIsTrusted(client?.record, now, rules)) {
    return { reason: "client AWL", renewal: countedForClient("used", known, now, rules) };
  }
  const { clientPasses, maxAgeSeconds } = rules;
  const earned = clientPasses > 0 && (releaseClient?.passes ?? 0) >= clientPasses;
  if (releaseClient !== undefined && earned && now - releaseClient.seen <= maxAgeSeconds) {
    return { reason: "client AWL", renewal: [] };
  }
  return undefined;
}

/**
 * A mail that was trusted may have waited before it was: then that has come back, and counts, once. The first
 * identity tells: under the address of a pool's host may stand what another host has brought back since.
 */
function passTrusted(
  { reason, renewal }: { readonly reason: PassReason; readonly renewal: readonly Change[] },
  known: Known,
  now: number,
  rules: Rules,
): Decision {
  const first = firstAttempt(known.triplets.slice(0, 1), now, rules);
  if (first === undefined || isAhead(first, now) || missingSeconds(first, now, rules) > 0) {
    return { verdict: "pass", reason, changes: renewal };
  }
  const changes = [
    // What is counted for the client is written as a use of it, too.
    ...renewal.filter(({ kind }) => kind !== "client"),
    ...takenAway(known),
    ...countedForClient("returned", known, now, rules),
  ];
  return { verdict: "pass", reason, waited: waitedSince(first, now), changes };
}

/** A new triplet, or one from the future: it begins to wait now. */
function defer(reason: "new" | "early-retry", known: Known, now: number, rules: Rules): Decision {
  const first = wholeSeconds(now), missing = missingSeconds(first, now, rules);
  // A store may drop a record a moment after its time to live began: hence one second more.
  const until = first + rules.retryWindowSeconds + 1;
  const changes = known.triplets.map((_, identity): Change => {
    return { kind: "triplet", identity, record: { state: "waiting", first, until } };
  });
  const counted = reason === "new" ? countedForClient("tried", known, now, rules) : [];
  return {
    verdict: "defer",
    reason,
    missing,
    changes: [...changes, ...counted],
  };
}

/** The earliest first attempt of those that wait and are within the retry window. */
function firstAttempt(
  triplets: readonly (TripletRecord | ReleaseTriplet | undefined)[],
  now: number,
  rules: Rules,
): number | undefined {
  const firsts = triplets.flatMap((triplet) => {
    const waits = triplet?.state === "waiting" && now - triplet.first <= rules.retryWindowSeconds;
    return waits ? [triplet.first] : [];
  });
  return firsts.length === 0 ? undefined : Math.min(...firsts);
}

/** How long until an attempt will pass, in whole seconds, rounded up; 0: it passes now. */
function missingSeconds(first: number, now: number, rules: Rules): number {
  const age = Math.max(0, now - first);
  return age < rules.delaySeconds ? Math.ceil(first + rules.delaySeconds - now) : 0;
}

/** Whole seconds since the first attempt, which is stored rounded up. */
function waitedSince(first: number, now: number): number {
  return Math.max(0, Math.floor(now - first));
}

/** Writes down the use of records that let a mail pass; those found, and once an hour at most. */
function renewed<Kind extends "sender" | "triplet">(
  kind: Kind,
  records: readonly ({ readonly first: number; readonly seen: number } | undefined)[],
  now: number,
  rules: Rules,
): Change[] {
  return records.flatMap((record, identity): Change[] => {
    if (record === undefined || !wantsRenewal(record.seen, now)) return [];
    const { first } = record, use = usedAt(now, rules.maxAgeSeconds);
    return kind === "sender"
      ? [{ kind: "sender", identity, record: { first, ...use } }]
      : [{ kind: "triplet", identity, record: { state: "passed", first, ...use } }];
  });
}

/** Remembers that a mail first tried at `first` has passed: by its sender, or else by its triplet. */
function remembered(
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
function takenAway(known: Known): Change[] {
  return known.triplets.flatMap((triplet, identity): Change[] =>
    triplet?.state === "waiting" ? [{ kind: "triplet", identity, record: undefined }] : []
  );
}

function countedForClient(
  event: ClientEvent,
  known: Known,
  now: number,
  rules: Rules,
): Change[] {
  const record = known.client && afterEvent(known.client.record, event, now, rules);
  return record === undefined ? [] : [{ kind: "client", record }];
}

function countedForDomain(known: Known, earns: Earnings, now: number, rules: Rules): Change[] {
  if (earns.domainSender === undefined) return [];
  const record = afterSender(known.domain, earns.domainSender, now, rules);
  return record === undefined ? [] : [{ kind: "domain", record }];
}
