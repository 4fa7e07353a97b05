/**
 * The auto-whitelist: a client whose mail has come back often enough has shown that it does, and is not
 * asked to show it again. Pure.
 *
 * 1. A client is its network (triplet.ts). What counts is that one of its triplets passes for the first
 *    time, but at most once an hour: one burst of mail is one proof.
 * 2. With as many as `auto-whitelist` says it is whitelisted, until max-age after its last use.
 * 3. Use is written down once an hour at most.
 *
 * Times are rounded, times in the future count as now, and only an entry's own time tells how old it is,
 * all as in decide.ts.
 */
import { isAhead, renewalSeconds, wholeSeconds } from "./decide.ts";

/** What is kept of a client. */
export interface ClientEntry {
  /** How many of its triplets have passed, counted hour by hour. */
  readonly passes: number;
  /** When it was last written down, be it for a pass or for a use; whole UNIX seconds, rounded up. */
  readonly seen: number;
}

export interface AutoWhitelistRules {
  /** Passes that earn a client its place; 0: there is no auto-whitelist. */
  readonly passes: number;
  readonly maxAgeSeconds: number;
}

/** How often, in seconds, a pass is counted. */
export const countingSeconds = 3600;

/**
 * Whether a client with this entry is whitelisted at `now` (UNIX seconds; fractions count); `write` then,
 * when its use is to be stored.
 */
export function whitelisted(
  entry: ClientEntry | undefined,
  now: number,
  rules: AutoWhitelistRules,
): { readonly write?: ClientEntry } | undefined {
  if (rules.passes === 0 || entry === undefined || entry.passes < rules.passes) return undefined;
  if (now - entry.seen > rules.maxAgeSeconds) return undefined;
  const current = !isAhead(entry.seen, now) && now - entry.seen < renewalSeconds;
  return current ? {} : { write: { passes: entry.passes, seen: wholeSeconds(now) } };
}

/** The entry to store when a triplet of the client passes for the first time; undefined: it stays. */
export function credit(
  entry: ClientEntry | undefined,
  now: number,
  rules: AutoWhitelistRules,
): ClientEntry | undefined {
  if (rules.passes === 0) return undefined;
  if (entry === undefined || now - entry.seen > rules.maxAgeSeconds) {
    return { passes: 1, seen: wholeSeconds(now) };
  }
  if (!isAhead(entry.seen, now) && now - entry.seen < countingSeconds) return undefined;
  return { passes: entry.passes + 1, seen: wholeSeconds(now) };
}

/** How long, in seconds, an entry is worth keeping. */
export function clientTtlSeconds(rules: AutoWhitelistRules): number {
  return rules.maxAgeSeconds + renewalSeconds;
}

/** The stored form: `c passes seen`. */
export function encodeClient(entry: ClientEntry): string {
  return `c ${entry.passes} ${entry.seen}`;
}

/** The entry of a stored form, or undefined when it is none. */
export function decodeClient(text: string): ClientEntry | undefined {
  const [, passes, seen] = /^c (\d{1,9}) (\d{1,12})$/.exec(text) ?? [];
  return passes === undefined ? undefined : { passes: Number(passes), seen: Number(seen) };
}
