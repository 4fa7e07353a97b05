/**
 * Greylisting itself: what to answer, and what to write, given all that is known of a request and the time.
 * Pure; doc/design.md tells the same in words.
 *
 * A client has one identity or two (the name that says who it is, and its address), and the domain that vouches for
 * it, if one does. Records of senders (S) and triplets (T) stand under each; those of 0.1.0 (N) under its own keys.
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
 * - Where a domain vouches for the client its waiting triplets say so: when the mail comes back, and passes for its own
 *   sake, DNS is not asked, and S has to be written under the domain, too.
 * - The first attempt is kept as the next whole second, and compared with the time as it is: nobody is let
 *   through early.
 * - A first attempt in the future (clocks of several servers differ, and are set back) counts as now, and
 *   is written down as now: otherwise the mail would be held until that time has come.
 */
import {
  type Change,
  countedForClient,
  countedForDomain,
  type Earnings,
  isVouched,
  type Known,
  remembered,
  renewed,
  type Rules,
  takenAway,
  vouchedFor,
  waiting,
  waits,
} from "./knowledge.ts";
import type { TripletRecord } from "./records.ts";
import type { ReleaseTriplet } from "./release.ts";
import {
  clientIsTrusted,
  counts,
  domainIsTrusted,
  isAhead,
  usedAgain,
  wantsRenewal,
  wholeSeconds,
} from "./trust.ts";

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
    /** It passes for the first time, and a domain vouched for it when it waited: S belongs under that, too, and D. */
    readonly vouched?: boolean;
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
  if (missing > 0) {
    const changes = known.vouched ? vouchedFor(first, known, now, rules) : [];
    return { verdict: "defer", reason: "early-retry", missing, changes };
  }
  const changes = [
    ...remembered(first, known, earns, now, rules),
    ...countedForClient("returned", known, now, rules),
    ...countedForDomain(known, earns, now, rules),
  ];
  const vouched = triplets.some((triplet) => isVouched(triplet, now, rules));
  const waited = waitedSince(first, now);
  return { verdict: "pass", reason: "triplet found", waited, vouched, changes };
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
    const record = usedAgain(domain, now, rules.maxAgeSeconds);
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
  const changes = known.triplets.map((_, identity) => waiting(identity, first, known, rules));
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
    return waits(triplet, now, rules) ? [triplet.first] : [];
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
