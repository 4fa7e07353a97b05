/**
 * Why a request is answered as it is, from what it was weighed by (judge.ts): all that was looked at, in words, what
 * comes of it now, and when that changes. Pure: nothing is decided here.
 */
import type { Entry } from "./entries.ts";
import { type Finding, findingOf, type Weighed } from "./judge.ts";
import { type Rules, waits } from "./knowledge.ts";
import type { Subject } from "../identity/subject.ts";
import type { Wanted } from "./recall.ts";
import type { Entries } from "./recollection.ts";
import {
  clientInWords,
  correspondentInWords,
  domainInWords,
  releaseClientInWords,
  senderInWords,
  timeInWords,
  tripletInWords,
  type Words,
} from "./record_words.ts";

/** What stands, or does not, under one key. */
export interface FoundRecord {
  readonly kind:
    | "sender"
    | "triplet"
    | "domain"
    | "client"
    | "correspondent"
    | "0.1.0's triplet"
    | "0.1.0's client";
  /** Whose it is: an identity, or a pair. */
  readonly of: string;
  readonly key: string;
  /** Undefined: there is none. */
  readonly words: Words | undefined;
}

/** What comes of a request, and until when. */
export interface Conclusion extends Finding {
  /** When it changes, in words. */
  readonly changes: string;
  /** UNIX seconds from which on it passes; undefined: it does now. */
  readonly passesFrom?: number;
  /** UNIX seconds until which it passes, or, if it waits, has to come back; undefined: no time ends it. */
  readonly until?: number;
}

/** Whose the entries are, in words. */
export interface Owners {
  /** In the order of the entries of senders and triplets. */
  readonly identities: readonly string[];
  /** The sender's domain, and where it may earn its place. */
  readonly domain: string;
  readonly client: string;
}

export function ownersOf(subject: Subject, isVouched: boolean): Owners {
  const { identities, scope } = subject.words(), vouching = `spf:${subject.vouchingDomain()}`;
  return {
    identities: isVouched ? [...identities, vouching] : identities,
    domain: `${scope?.domain} at ${isVouched ? vouching : scope?.identity}`,
    client: subject.client.addressIdentity,
  };
}

/** All records that were looked for, in the order in which they count. */
export function recordsOf(
  entries: Entries,
  owners: Owners,
  now: number,
  rules: Rules,
): FoundRecord[] {
  const found: FoundRecord[] = [];
  const add = <Record>(
    kind: FoundRecord["kind"],
    of: string,
    entry: Entry<Record> | undefined,
    inWords: (record: Record, now: number, rules: Rules) => Words,
  ) => {
    if (entry === undefined) return;
    const { key, record } = entry;
    found.push({ kind, of, key, words: record && inWords(record, now, rules) });
  };
  const { identities, domain, client } = owners;
  entries.senders.forEach((entry, i) => add("sender", identities[i] ?? "", entry, senderInWords));
  add("domain", domain, entries.domain, domainInWords);
  add("client", client, entries.client, clientInWords);
  add("0.1.0's client", "its network", entries.releaseClient, releaseClientInWords);
  entries.triplets.forEach((entry, i) =>
    add("triplet", identities[i] ?? "", entry, tripletInWords)
  );
  add("0.1.0's triplet", "its network", entries.releaseTriplet, tripletInWords);
  add("correspondent", "sender and recipient", entries.correspondent, correspondentInWords);
  return found;
}

/** The same of a request that was weighed. */
export function recordsWeighed(
  { read: { entries }, subject }: Weighed,
  now: number,
  rules: Rules,
): FoundRecord[] {
  return recordsOf(entries, ownersOf(subject, entries.vouched ?? false), now, rules);
}

/** What was asked for and not had: its server is out of reach. */
export function outOfReach(wanted: Wanted, entries: Entries): string[] {
  const names = ["client", "correspondent", "releaseTriplet", "releaseClient"] as const;
  return names.filter((name) => wanted[name] !== undefined && entries[name] === undefined);
}

/** What comes of a request that a list has decided, or that has no client. */
export function settled(finding: Finding): Conclusion {
  const changes = finding.entry === undefined
    ? "as long as the settings and the request are what they are"
    : "as long as that entry is there";
  return { ...finding, changes };
}

/** What comes of one that could not be weighed, as the store failed. */
export function unanswered(finding: Finding): Conclusion {
  return { ...finding, changes: "as soon as the store answers" };
}

/** What comes of one that was weighed. */
export function concluded(weighed: Weighed, now: number, rules: Rules): Conclusion {
  const finding = findingOf(weighed), { decision, outcome, read: { known } } = weighed;
  if (outcome?.verdict === "pass") {
    return {
      ...finding,
      changes: "as long as DNS and the request say so; nothing is remembered of it",
    };
  }
  const waiting = [...known.triplets, known.releaseTriplet];
  const firsts = waiting.flatMap((triplet) => waits(triplet, now, rules) ? [triplet.first] : []);
  if (decision.verdict === "defer") {
    // One in the future counts as now (decide.ts).
    const first = Math.min(Math.ceil(now), ...firsts);
    const from = first + rules.delaySeconds, until = first + rules.retryWindowSeconds;
    const when = `from ${timeInWords(from)} on, if it comes back until ${timeInWords(until)}`;
    const changes = decision.reason === "new"
      ? `it would begin to wait now, and pass ${when}`
      : `it passes ${when}; later it is new again`;
    return { ...finding, changes, passesFrom: from, until };
  }
  if (decision.waited !== undefined && decision.reason === "triplet found") {
    const until = Math.min(...firsts) + rules.retryWindowSeconds;
    const changes = `it has waited long enough, if it comes back until ${timeInWords(until)}`;
    return { ...finding, changes, until };
  }
  const passing = recordsWeighed(weighed, now, rules)
    .flatMap(({ words }) => words?.passes ? [words] : []);
  const until = Math.max(...passing.map((words) => words.until));
  const renews = passing.some((words) => words.renews);
  const changes = `until ${timeInWords(until)}${renews ? "; each use makes that later" : ""}`;
  return { ...finding, changes, until };
}
