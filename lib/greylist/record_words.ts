/** Records in words, with their times, for who asks why. Pure. */
import type { Rules } from "./knowledge.ts";
import type { ClientRecord, DomainRecord, TripletRecord, Use } from "./records.ts";
import type { ReleaseClient, ReleaseTriplet } from "./release.ts";
import { clientIsTrusted, counts, domainIsTrusted } from "./trust.ts";

/** What a record says, and whether mail passes by it now. */
export interface Words {
  readonly says: string;
  readonly passes: boolean;
  /** Until when it counts if it is not used again, in UNIX seconds. */
  readonly until: number;
  /** Whether its use makes that later. */
  readonly renews: boolean;
}

/** `2026-11-26 10:00:00 UTC`, of UNIX seconds. */
export function timeInWords(seconds: number): string {
  if (seconds > 253_402_300_799) return "for ever"; // the end of 9999, and of what Date writes in this form
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** When what was used ends: at its own time, or max-age after its last use, whatever comes first. */
export function endOf({ seen, until, allowed }: Use, { maxAgeSeconds }: Rules): number {
  return allowed ? until : Math.min(until, seen + maxAgeSeconds);
}

/** A record that counts, or did, by its use. */
function used(record: Use, what: string, now: number, rules: Rules): Words {
  const until = endOf(record, rules), passes = counts(record, now, rules.maxAgeSeconds);
  const by = record.allowed ? `was allowed, and passes until` : `${what}, and passes until`;
  return {
    says: passes ? `${by} ${timeInWords(until)}` : over(what, until),
    passes,
    until,
    renews: !record.allowed,
  };
}

function over(what: string, until: number): string {
  return `${what}, but no longer counts since ${timeInWords(until)}`;
}

export function senderInWords(record: Use & { first: number }, now: number, rules: Rules): Words {
  return used(record, `has passed, was last used ${timeInWords(record.seen)}`, now, rules);
}

export function tripletInWords(
  record: TripletRecord | ReleaseTriplet,
  now: number,
  rules: Rules,
): Words {
  if (record.state === "passed") {
    const until = record.seen + rules.maxAgeSeconds;
    return used(
      { until, ...record },
      `has passed, was last used ${timeInWords(record.seen)}`,
      now,
      rules,
    );
  }
  const { first } = record, until = first + rules.retryWindowSeconds;
  const vouched = "vouched" in record && record.vouched
    ? ", and its domain vouches for the client"
    : "";
  const since = `waits since ${timeInWords(first)}${vouched}`;
  if (now > until) return { says: over(since, until), passes: false, until, renews: false };
  const from = timeInWords(first + rules.delaySeconds);
  return {
    says: `${since}: passes from ${from} on, until ${timeInWords(until)}`,
    passes: now >= first + rules.delaySeconds,
    until,
    renews: false,
  };
}

export function domainInWords(record: DomainRecord, now: number, rules: Rules): Words {
  const count = record.senders === "passed" ? "enough" : record.senders.length;
  const what = `${count} of its senders have passed, of ${rules.domainSenders} wanted`;
  return earned(record, domainIsTrusted(record, now, rules), what, now, rules);
}

export function clientInWords(record: ClientRecord, now: number, rules: Rules): Words {
  const { tried, returned, passes } = record;
  const what =
    `${returned} of ${tried} mails came back, in ${passes} hours of ${rules.clientPasses} wanted`;
  return earned(record, clientIsTrusted(record, now, rules), what, now, rules);
}

export function releaseClientInWords(
  { passes, seen }: ReleaseClient,
  now: number,
  rules: Rules,
): Words {
  const until = seen + rules.maxAgeSeconds;
  const isEnough = rules.clientPasses > 0 && passes >= rules.clientPasses && now <= until;
  const what = `${passes} mails have passed, of ${rules.clientPasses} wanted`;
  return earned({ seen, until }, isEnough, what, now, rules);
}

export function correspondentInWords(record: Use, now: number, rules: Rules): Words {
  return used(record, `one of ours wrote ${timeInWords(record.seen)}`, now, rules);
}

/** What counts only when there is enough of it. */
function earned(record: Use, passes: boolean, what: string, now: number, rules: Rules): Words {
  const until = endOf(record, rules);
  if (passes || !counts(record, now, rules.maxAgeSeconds)) {
    return { ...used(record, what, now, rules), passes };
  }
  return { says: what, passes, until, renews: true };
}
