/**
 * What a client and a sender's domain have earned beyond one sender. Only mail that waited and came back
 * earns anything. Pure.
 *
 * The client (C), known by its whole address and nothing wider: with as many passes as auto-whitelist says,
 * counted once an hour, it is let through, if most of its mail comes back:
 *
 * - `tried` counts the triplets of it that began to wait since its record exists, `returned` those that came
 *   back after the delay. Fewer than 20 tried say nothing; otherwise half of them have to have come back,
 *   both to earn and to use its place. So a host with a few good hours and thousands of abandoned triplets
 *   gets none. (Once it has one nothing of it waits, so that nothing is counted against it any more.)
 * - Both are halved at 1,000 and after seven days: what counts is how it behaves now.
 *
 * The domain (D) of a sender at this client: after so many of its senders as auto-whitelist-domains says have
 * passed, all of them do.
 */
import type { ClientRecord, DomainRecord, Use } from "./records.ts";

/** How often, in seconds, the use of a record is written down, and a pass of a client counted. */
export const renewalSeconds = 3600;

/** So few first attempts say nothing about a client. */
export const fewestToJudge = 20;

/** When the counts of a client are halved: at so many, or after so many seconds. */
export const halvedAtTries = 1000;
export const halvedAfterSeconds = 7 * 86_400;

/** What a place is earned with, and how long it lasts. */
export interface TrustRules {
  /** Passes that earn a client its place; 0: none does. */
  readonly clientPasses: number;
  /** Senders that earn a domain its place; 0: none does. */
  readonly domainSenders: number;
  readonly maxAgeSeconds: number;
}

/** Whether a record last used at `seen` still counts. `until` is what it was told when it was written. */
export function counts({ seen, until, allowed }: Use, now: number, maxAgeSeconds: number): boolean {
  return now <= until && (allowed === true || now - seen <= maxAgeSeconds);
}

/** A time as it is stored: rounded up. */
export function wholeSeconds(time: number): number {
  return Math.ceil(time);
}

/** Whether a stored time is in the future: rounding alone puts one less than a second ahead. */
export function isAhead(stored: number, now: number): boolean {
  return stored >= now + 1;
}

/** The times of a record whose use is written down at `now`. At its end that may be an hour old. */
export function usedAt(
  now: number,
  maxAgeSeconds: number,
): { readonly seen: number; readonly until: number } {
  const seen = wholeSeconds(now);
  return { seen, until: seen + maxAgeSeconds + renewalSeconds };
}

/** The record with its use at `now` written down. What was allowed ends when it was to end. */
export function usedAgain<Used extends Use>(
  record: Used,
  now: number,
  maxAgeSeconds: number,
): Used {
  const use = usedAt(now, maxAgeSeconds);
  return record.allowed ? { ...record, seen: use.seen } : { ...record, ...use };
}

/** Whether it is time to write down a use. A time in the future, which another clock made, counts as now. */
export function wantsRenewal(seen: number, now: number): boolean {
  return now - seen >= renewalSeconds || isAhead(seen, now);
}

/** Whether so many of its first attempts have come back as one expects of a mail server. */
function comesBack({ tried, returned }: ClientRecord): boolean {
  return tried < fewestToJudge || 2 * returned >= tried;
}

/** Whether the client is let through. */
export function clientIsTrusted(
  record: ClientRecord | undefined,
  now: number,
  rules: TrustRules,
): record is ClientRecord {
  if (record === undefined || rules.clientPasses === 0) return false;
  const earned = record.passes >= rules.clientPasses && comesBack(record);
  return (record.allowed || earned) && counts(record, now, rules.maxAgeSeconds);
}

/** What happened to a mail of the client, as far as its record counts it. */
export type ClientEvent =
  /** A triplet began to wait. */
  | "tried"
  /** A waiting triplet came back after the delay, and was let through, whatever did that. */
  | "returned"
  /** It was let through because of this record. */
  | "used";

/**
 * The client's record after an event; undefined when there is none, or nothing about it to write.
 * Only mail that came back begins one: first attempts alone, which any bot makes, are not worth a record.
 */
export function afterEvent(
  record: ClientRecord | undefined,
  event: ClientEvent,
  now: number,
  rules: TrustRules,
): ClientRecord | undefined {
  if (rules.clientPasses === 0) return undefined;
  const seconds = wholeSeconds(now), { maxAgeSeconds } = rules;
  if (record === undefined || !counts(record, now, maxAgeSeconds)) {
    if (event !== "returned") return undefined;
    return { tried: 1, returned: 1, halved: seconds, passes: 1, ...usedAt(now, maxAgeSeconds) };
  }
  switch (event) {
    case "used":
      return wantsRenewal(record.seen, now) ? usedAgain(record, now, maxAgeSeconds) : undefined;
    case "tried":
      return halved({ ...record, tried: record.tried + 1 }, seconds);
    case "returned": {
      // What came back may have been tried before there was a record, and must not speak for what was not.
      const returned = Math.min(record.returned + 1, record.tried);
      const next = { ...record, returned };
      if (!comesBack(next) || !wantsRenewal(record.seen, now)) return halved(next, seconds);
      const counted = { ...next, passes: record.passes + 1 };
      return halved(usedAgain(counted, now, maxAgeSeconds), seconds);
    }
  }
}

function halved(record: ClientRecord, now: number): ClientRecord {
  const old = Math.abs(now - record.halved) >= halvedAfterSeconds;
  if (record.tried < halvedAtTries && !old) return record;
  const { tried, returned } = record;
  return { ...record, tried: tried >> 1, returned: returned >> 1, halved: now };
}

/** Whether all senders of the domain are let through. */
export function domainIsTrusted(
  record: DomainRecord | undefined,
  now: number,
  rules: TrustRules,
): record is DomainRecord {
  if (record === undefined || rules.domainSenders === 0) return false;
  const passed = record.senders === "passed" || record.senders.length >= rules.domainSenders;
  return passed && counts(record, now, rules.maxAgeSeconds);
}

/** The domain's record after one of its senders (its hash) has passed for the first time; undefined: it stays. */
export function afterSender(
  record: DomainRecord | undefined,
  sender: string,
  now: number,
  rules: TrustRules,
): DomainRecord | undefined {
  if (rules.domainSenders === 0) return undefined;
  const known = record !== undefined && counts(record, now, rules.maxAgeSeconds)
    ? record.senders
    : [];
  if (known === "passed" || known.includes(sender)) return undefined;
  const senders = [...known, sender];
  return {
    senders: senders.length >= rules.domainSenders ? "passed" : senders,
    ...usedAt(now, rules.maxAgeSeconds),
  };
}
