/**
 * What 0.1.0 remembered, and still does where it runs beside us: read for good, written by imports only.
 * 0.1.0 deletes what it cannot read under its keys, so nothing but these forms may ever stand there. Pure.
 */

/** A triplet of 0.1.0. Times are UNIX seconds. */
export type ReleaseTriplet =
  | { readonly state: "waiting"; readonly first: number }
  /** `seen`: when it was last written down as used. */
  | { readonly state: "passed"; readonly first: number; readonly seen: number };

/** A client's network in the auto-whitelist of 0.1.0. */
export interface ReleaseClient {
  /** How many of its triplets have passed, counted hour by hour. */
  readonly passes: number;
  readonly seen: number;
}

/** The stored form: `w first` or `p first seen`. */
export function encodeReleaseTriplet(entry: ReleaseTriplet): string {
  return entry.state === "waiting" ? `w ${entry.first}` : `p ${entry.first} ${entry.seen}`;
}

/** The entry of a stored form, or undefined when it is none. */
export function decodeReleaseTriplet(text: string): ReleaseTriplet | undefined {
  const [, w, p, seen] = /^(?:w (\d{1,12})|p (\d{1,12}) (\d{1,12}))$/.exec(text) ?? [];
  if (w !== undefined) return { state: "waiting", first: Number(w) };
  if (p === undefined) return undefined;
  return { state: "passed", first: Number(p), seen: Number(seen) };
}

/** The stored form: `c passes seen`. */
export function encodeReleaseClient(entry: ReleaseClient): string {
  return `c ${entry.passes} ${entry.seen}`;
}

/** The entry of a stored form, or undefined when it is none. */
export function decodeReleaseClient(text: string): ReleaseClient | undefined {
  const [, passes, seen] = /^c (\d{1,9}) (\d{1,12})$/.exec(text) ?? [];
  return passes === undefined ? undefined : { passes: Number(passes), seen: Number(seen) };
}
