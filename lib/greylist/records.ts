/**
 * What is remembered, record by record, and how it is written. Pure. doc/state.md has the whole picture.
 *
 * | record | of | form |
 * |---|---|---|
 * | sender (S) | a client's identity, a sender | `s1 FIRST SEEN UNTIL`, `s1 FIRST SEEN UNTIL a` |
 * | triplet (T) | a client's identity, a sender, a recipient | `t1 w FIRST UNTIL`, `t1 v FIRST UNTIL`, `t1 p FIRST SEEN UNTIL`, `t1 a FIRST SEEN UNTIL` |
 * | client (C) | a client's whole address | `c1 TRIED RETURNED HALVED PASSES SEEN UNTIL`, the same with ` a` |
 * | domain (D) | a scope, a sender's domain | `d1 SEEN UNTIL SENDER,SENDER…`, `d1 SEEN UNTIL passed` |
 * | correspondent (W) | an address outside, one of ours | `w1 SEEN UNTIL` |
 *
 * - Times are whole UNIX seconds. The number is the version of the form.
 * - A record says itself until when it is worth keeping, because a store may keep it longer than it was told.
 * - The letter `a` says that somebody has allowed it (`greylist allow`): it counts until then, whatever max-age says.
 * - Nothing here is a list that grows: D holds as many senders as auto-whitelist-domains says, 20 at most.
 *   There is no compare-and-swap, so a list that many writers change loses updates; of D a lost one costs
 *   one mail one wait.
 */

export const recordKinds = [
  "sender",
  "waiting",
  "passed",
  "client",
  "domain",
  "correspondent",
] as const;

/** What a record is of; of a triplet, whether it waits or has passed. */
export type RecordKind = (typeof recordKinds)[number];

/** By the first letter; for counting only: it is not looked whether the rest is as it should be. */
export function kindOfRecord(text: string): RecordKind | undefined {
  switch (text[0]) {
    case "s":
      return "sender";
    case "t":
      return text[3] === "p" || text[3] === "a" ? "passed" : "waiting";
    case "c":
      return "client";
    case "d":
      return "domain";
    case "w":
      return "correspondent";
    default:
      return undefined;
  }
}

/** When a record was used, and until when it counts. */
export interface Use {
  /** When its use was last written down. */
  readonly seen: number;
  readonly until: number;
  /** Nothing has earned it: it was allowed until then, and no use makes that later or earlier. */
  readonly allowed?: true;
}

/** A sender that has passed. */
export interface SenderRecord extends Use {
  /** The first attempt of the mail that earned it. */
  readonly first: number;
}

/** A triplet that waits, or, where no sender's record can be earned, has passed. */
export type TripletRecord =
  | {
    readonly state: "waiting";
    readonly first: number;
    readonly until: number;
    /** The sender's domain vouched for the client when it was written, and has one like it under its own name. */
    readonly vouched?: true;
  }
  | ({ readonly state: "passed"; readonly first: number } & Use);

/** How a client's mail behaves: how many first attempts, and how many of them came back. */
export interface ClientRecord extends Use {
  readonly tried: number;
  readonly returned: number;
  /** When both were halved the last time. */
  readonly halved: number;
  /** How many of its mails have passed, counted hour by hour. */
  readonly passes: number;
}

/** A domain whose senders are being counted (their hashes), or that has passed. */
export interface DomainRecord {
  readonly senders: readonly string[] | "passed";
  readonly seen: number;
  readonly until: number;
}

/** An address that one of our users has written to. */
export interface CorrespondentRecord {
  /** When that was last written down. */
  readonly seen: number;
  readonly until: number;
}

export function encodeSender({ first, seen, until, allowed }: SenderRecord): string {
  return `s1 ${first} ${seen} ${until}${allowed ? " a" : ""}`;
}

/** Undefined for what is no such record; so for all of these. */
export function decodeSender(text: string): SenderRecord | undefined {
  const [, first, seen, until, allowed] =
    /^s1 (\d{1,12}) (\d{1,12}) (\d{1,12})( a)? *$/.exec(text) ?? [];
  if (until === undefined) return undefined;
  const record = { first: Number(first), seen: Number(seen), until: Number(until) };
  return allowed === undefined ? record : { ...record, allowed: true };
}

export function encodeTriplet(record: TripletRecord): string {
  const { first, until } = record;
  return record.state === "waiting"
    ? `t1 ${record.vouched ? "v" : "w"} ${first} ${until}`
    : `t1 ${record.allowed ? "a" : "p"} ${first} ${record.seen} ${until}`;
}

export function decodeTriplet(text: string): TripletRecord | undefined {
  const [, state, first, seen, until] =
    /^t1 ([wvpa]) (\d{1,12})( \d{1,12})? (\d{1,12}) *$/.exec(text) ?? [];
  const hasPassed = state === "p" || state === "a";
  if (first === undefined || hasPassed !== (seen !== undefined)) return undefined;
  const times = { first: Number(first), until: Number(until) };
  return seen === undefined
    ? { state: "waiting", ...times, ...(state === "v" ? { vouched: true } : {}) }
    : {
      state: "passed",
      ...times,
      seen: Number(seen),
      ...(state === "a" ? { allowed: true } : {}),
    };
}

export function encodeClient(record: ClientRecord): string {
  const { tried, returned, halved, passes, seen, until, allowed } = record;
  return `c1 ${tried} ${returned} ${halved} ${passes} ${seen} ${until}${allowed ? " a" : ""}`;
}

export function decodeClient(text: string): ClientRecord | undefined {
  const [, tried, returned, halved, passes, seen, until, allowed] =
    /^c1 (\d{1,6}) (\d{1,6}) (\d{1,12}) (\d{1,9}) (\d{1,12}) (\d{1,12})( a)? *$/.exec(text) ?? [];
  if (until === undefined) return undefined;
  return {
    tried: Number(tried),
    returned: Number(returned),
    halved: Number(halved),
    passes: Number(passes),
    seen: Number(seen),
    until: Number(until),
    ...(allowed === undefined ? {} : { allowed: true }),
  };
}

export function encodeDomain({ senders, seen, until }: DomainRecord): string {
  return `d1 ${seen} ${until} ${senders === "passed" ? senders : senders.join(",")}`;
}

export function decodeDomain(text: string): DomainRecord | undefined {
  const [, seen, until, senders] =
    /^d1 (\d{1,12}) (\d{1,12}) (passed|[\w-]{1,64}(?:,[\w-]{1,64}){0,19}) *$/.exec(text) ?? [];
  if (senders === undefined) return undefined;
  return {
    senders: senders === "passed" ? senders : senders.split(","),
    seen: Number(seen),
    until: Number(until),
  };
}

export function encodeCorrespondent({ seen, until }: CorrespondentRecord): string {
  return `w1 ${seen} ${until}`;
}

export function decodeCorrespondent(text: string): CorrespondentRecord | undefined {
  const [, seen, until] = /^w1 (\d{1,12}) (\d{1,12}) *$/.exec(text) ?? [];
  return until === undefined ? undefined : { seen: Number(seen), until: Number(until) };
}

/** What Memcached adds to key and value of an item: header, CAS, flags, line end (its items.c). */
const itemOverheadBytes = 64;

/** The size from which on an item is in a larger class than one of `bytes`: each is 1.25 times the one below (`-f`). */
function nextClass(bytes: number): number {
  // A class is rounded up to 8 bytes.
  return 1.25 * bytes + 8;
}

/** A triplet's record that has passed, until the year 2286. Only a domain's record is longer. */
const passedBytes = "t1 p 1700000000 1700000000 1703027600".length;

/**
 * `text` with blanks behind it, so that its item is in the right class of sizes.
 *
 * Memcached has for each class its own memory and its own order of what to forget. So what waits, of which a
 * flood brings any number, is kept apart by its size from what has passed: it displaces only its own. What
 * waits is the larger one, because it is gone after two days; the rest is as small as it can be. Only a
 * domain's record is larger still, because it grows.
 *
 * @param key the record's own key
 * @param tripletKey the length of a triplet's key, which all of them have, and no other key exceeds
 */
export function sizedApart(
  kind: "waiting" | "domain",
  text: string,
  key: string,
  tripletKey: number,
): string {
  // An item holds its key twice: stores/memcached.ts puts it in front of the value.
  const waiting = nextClass(itemOverheadBytes + 2 * tripletKey + passedBytes);
  const wanted = kind === "waiting" ? waiting : nextClass(waiting);
  return text.padEnd(Math.ceil(wanted - itemOverheadBytes - 2 * key.length));
}
