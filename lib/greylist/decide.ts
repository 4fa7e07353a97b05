/**
 * Greylisting itself: what to do about a triplet, given what is known of it and the time. Pure.
 *
 * An entry is either waiting (seen, not yet passed) or passed.
 *
 * 1. No entry, one waiting for longer than the retry window, or one passed longer than max-age ago:
 *    the triplet is new. `first` is now; defer.
 * 2. Waiting for less than the delay: defer, and leave `first` alone, so that a client that retries
 *    often is not punished for it.
 * 3. Waiting for at least the delay: pass, for the first time.
 * 4. Passed: pass. Its life begins anew, which is written down once an hour at most.
 * 5. A time in the future (clocks of several servers differ, and are set back) counts as now, and is
 *    written down as now: otherwise the mail would be held until that time has come.
 *
 * Entries hold whole seconds, rounded up, and are compared with a time that is not rounded: so nothing
 * passes before the delay is really over, and everything within a second after that. A time less than
 * a second ahead is therefore none in the future.
 *
 * How old an entry is, only its own times tell: a store may keep it for longer than it was asked to.
 */

/** What is kept of a triplet. Times are whole UNIX seconds, rounded up. */
export type Entry =
  | { readonly state: "waiting"; readonly first: number }
  /** `seen`: when it was last written down as used. */
  | { readonly state: "passed"; readonly first: number; readonly seen: number };

/** The times that decide, in seconds. */
export interface Rules {
  readonly delaySeconds: number;
  readonly retryWindowSeconds: number;
  readonly maxAgeSeconds: number;
}

/** An entry to store, and for how long it is worth keeping. */
export interface Write {
  readonly entry: Entry;
  readonly ttlSeconds: number;
}

export type Decision =
  | { readonly verdict: "defer"; readonly reason: "new"; readonly missing: number; write: Write }
  | {
    readonly verdict: "defer";
    readonly reason: "early-retry";
    /** Whole seconds after which an attempt will pass. */
    readonly missing: number;
    readonly write?: Write;
  }
  | {
    readonly verdict: "pass";
    /** Set when it passes for the first time: whole seconds since the first attempt. */
    readonly waited?: number;
    readonly write?: Write;
  };

/** How often, in seconds, the use of a passed entry is written down. */
export const renewalSeconds = 3600;

/** A time as it is stored. */
export function wholeSeconds(time: number): number {
  return Math.ceil(time);
}

/** Whether a stored time is in the future: rounding alone puts one less than a second ahead. */
export function isAhead(stored: number, now: number): boolean {
  return stored >= now + 1;
}

/** Decides about a triplet with this entry at `now` (UNIX seconds; fractions count). */
export function decide(entry: Entry | undefined, now: number, rules: Rules): Decision {
  if (entry?.state === "passed" && now - entry.seen <= rules.maxAgeSeconds) {
    const current = !isAhead(entry.seen, now) && now - entry.seen < renewalSeconds;
    if (current) return { verdict: "pass" };
    return { verdict: "pass", write: passed(entry.first, now, rules) };
  }
  if (entry?.state === "waiting" && now - entry.first <= rules.retryWindowSeconds) {
    if (isAhead(entry.first, now)) {
      return { verdict: "defer", reason: "early-retry", ...waiting(now, rules) };
    }
    const missing = missingSeconds(entry.first, now, rules);
    if (missing > 0) return { verdict: "defer", reason: "early-retry", missing };
    const waited = Math.floor(Math.max(0, now - entry.first));
    return { verdict: "pass", waited, write: passed(entry.first, now, rules) };
  }
  return { verdict: "defer", reason: "new", ...waiting(now, rules) };
}

/** How long until an attempt will pass, rounded up; 0: it passes now. */
function missingSeconds(first: number, now: number, rules: Rules): number {
  const age = Math.max(0, now - first);
  return age < rules.delaySeconds ? Math.ceil(first + rules.delaySeconds - now) : 0;
}

/** A first attempt at `now`. */
function waiting(now: number, rules: Rules): { readonly missing: number; readonly write: Write } {
  const first = wholeSeconds(now);
  return {
    missing: missingSeconds(first, now, rules),
    // The store may drop an entry a moment after its time to live began, so one second is added: an
    // attempt at the very end of the retry window is still within it.
    write: { entry: { state: "waiting", first }, ttlSeconds: rules.retryWindowSeconds + 1 },
  };
}

function passed(first: number, now: number, rules: Rules): Write {
  // What is written down may be older than the last use by as much as the renewal interval.
  const ttlSeconds = rules.maxAgeSeconds + renewalSeconds;
  return { entry: { state: "passed", first, seen: wholeSeconds(now) }, ttlSeconds };
}

/** The stored form of an entry: `w first` or `p first seen`. Another letter may follow one day. */
export function encodeEntry(entry: Entry): string {
  return entry.state === "waiting" ? `w ${entry.first}` : `p ${entry.first} ${entry.seen}`;
}

/** The entry of a stored form, or undefined when it is none. */
export function decodeEntry(text: string): Entry | undefined {
  const [, w, p, seen] = /^(?:w (\d{1,12})|p (\d{1,12}) (\d{1,12}))$/.exec(text) ?? [];
  if (w !== undefined) return { state: "waiting", first: Number(w) };
  if (p === undefined) return undefined;
  return { state: "passed", first: Number(p), seen: Number(seen) };
}
