/**
 * Between the rules and the store: which records a request wants read, all in one round trip, and how what
 * the rules want written gets there.
 *
 * - Senders, triplets and the domain stand on the same servers; when all of them fail, so does the reading.
 * - A store with several copies is read from one. What the others know costs a second round trip, and is asked
 *   for only when it may matter; what one of them lacked is then written to it.
 * - The client's record, the correspondent's and those of 0.1.0 may be on others. What is not there in time
 *   (texts.ts) is no information.
 */
import type { RecordKeys } from "../identity/record_keys.ts";
import type { Copy, Deadline, Store } from "../stores/store.ts";
import { EntryReader, onlyStoreErrors, type Told as Reading } from "./entries.ts";
import type { Change } from "./knowledge.ts";
import type { Times } from "./merge.ts";
import {
  kinds,
  type Recollection,
  recollection,
  repairsOf,
  withOthers,
  type Written,
} from "./recollection.ts";
import {
  encodeClient,
  encodeCorrespondent,
  encodeDomain,
  encodeSender,
  encodeTriplet,
  sizedApart,
} from "./records.ts";
import { readTexts } from "./texts.ts";

/** The keys of all that is to be read; undefined: it is not asked for. */
export interface Wanted extends Omit<RecordKeys, "senders" | "client" | "senderHash" | "id"> {
  readonly senders: readonly string[] | undefined;
  readonly client: string | undefined;
  readonly correspondent: string | undefined;
  readonly releaseTriplet: string | undefined;
  readonly releaseClient: string | undefined;
}

/** What is read of a domain that vouches for the client, in a second round trip. */
export type WantedOfDomain = Pick<Wanted, "senders" | "triplets" | "domain" | "correspondent">;

/** A request's keys with those of the domain, whose own record of domains (D) takes the place of the other. */
export function withDomain(wanted: Wanted, domain: WantedOfDomain): Wanted {
  return {
    ...wanted,
    senders: wanted.senders && [...wanted.senders, ...domain.senders ?? []],
    triplets: [...wanted.triplets, ...domain.triplets],
    domain: domain.domain,
    correspondent: wanted.correspondent ?? domain.correspondent,
  };
}

export interface Recall {
  /** Rejects with a StoreError when what decides is out of reach. */
  read(wanted: Wanted, deadline: Deadline): Promise<Recollection>;
  /** The same with what copies know that were not asked before, if there are any. */
  readRest(read: Recollection, times: Times, deadline: Deadline): Promise<Recollection>;
  /** What was read, with what there is of the domain. Rejects as `read`. */
  readDomain(
    wanted: WantedOfDomain,
    before: Recollection,
    deadline: Deadline,
  ): Promise<Recollection>;
  /**
   * Writes what was decided, and to copies that lacked something what the others had of it. What a deferral
   * depends on is a triplet that waits: rejects with a StoreError when none of those could be written, because
   * the mail would wait for ever.
   */
  write(
    changes: readonly Change[],
    read: Recollection,
    wanted: Wanted,
    now: number,
    deadline: Deadline,
  ): Promise<void>;
}

/** What is told while reading and writing. */
export interface Told extends Reading {
  internalError(error: unknown): void;
}

export function createRecall(store: Store, told: Told): Recall {
  return {
    read,
    readDomain,
    readRest: (before, times, deadline) => withOthers(before, times, deadline, told),
    write,
  };

  async function read(wanted: Wanted, deadline: Deadline): Promise<Recollection> {
    const { client, correspondent, releaseTriplet, releaseClient } = wanted;
    const { senders = [], triplets, domain } = wanted;
    const keys: string[] = [];
    for (const key of [client, correspondent, releaseTriplet, releaseClient]) {
      if (key !== undefined) keys.push(key);
    }
    const optional = keys.length;
    keys.push(...senders, ...triplets);
    if (domain !== undefined) keys.push(domain);
    const texts = await readTexts(store, keys, optional, deadline);
    const reader = new EntryReader(store, texts, deadline, told);
    // In the order of the keys.
    const entries = {
      client: reader.optional(client, kinds.client),
      correspondent: reader.optional(correspondent, kinds.correspondent),
      releaseTriplet: reader.optional(releaseTriplet, kinds.releaseTriplet),
      releaseClient: reader.optional(releaseClient, kinds.releaseClient),
      senders: senders.map((key) => reader.needed(key, kinds.sender)),
      triplets: triplets.map((key) => reader.needed(key, kinds.triplet)),
      domain: domain === undefined ? undefined : reader.needed(domain, kinds.domain),
    };
    await reader.done();
    return recollection(entries);
  }

  async function readDomain(
    wanted: WantedOfDomain,
    { entries: before }: Recollection,
    deadline: Deadline,
  ): Promise<Recollection> {
    const elsewhere = { client: undefined, releaseTriplet: undefined, releaseClient: undefined };
    const { entries: found } = await read({ ...wanted, ...elsewhere }, deadline);
    return recollection({
      ...before,
      senders: [...before.senders, ...found.senders],
      triplets: [...before.triplets, ...found.triplets],
      domain: found.domain,
      correspondent: before.correspondent ?? found.correspondent,
      vouched: true,
    });
  }

  async function write(
    changes: readonly Change[],
    read: Recollection,
    wanted: Wanted,
    now: number,
    deadline: Deadline,
  ): Promise<void> {
    const underWay: Promise<unknown>[] = [];
    let needed = 0, failures = 0, failure: unknown;
    const failed = (error: unknown) => {
      failures++;
      failure ??= error;
    };
    for (const change of changes) {
      const written = writeOne(change, store, wanted, now, deadline);
      if (change.kind === "triplet" && change.record?.state === "waiting") {
        needed++;
        underWay.push(written.catch(failed));
      } // The client's server may be another, and slow: nobody waits for it.
      else if (change.kind === "client") {
        written.catch(onlyStoreErrors).catch(told.internalError);
      } // A pass stands whether it can be remembered or not; the store has told the log already.
      else underWay.push(written.catch(onlyStoreErrors));
    }
    for (const { key, change, to } of repairsOf(read)) {
      if (changes.some((change) => keyOf(change, wanted) === key)) continue;
      for (const copy of to) {
        writeOne(change, copy, wanted, now, deadline)
          .catch(onlyStoreErrors).catch(told.internalError);
      }
    }
    await Promise.all(underWay);
    if (needed > 0 && failures === needed) throw failure;
  }

  function writeOne(
    change: Written,
    to: Copy,
    wanted: Wanted,
    now: number,
    deadline: Deadline,
  ): Promise<void> {
    const { key, text } = encoded(change, wanted, store.forgetsBySize);
    if (text === undefined) return to.delete(key, deadline);
    const until = change.record?.until ?? 0;
    return to.put(key, text, Math.max(1, Math.ceil(until - now)), deadline);
  }
}

/** Where a change goes, and what is stored there; undefined: it is taken away. */
function encoded(
  change: Written,
  wanted: Wanted,
  apart: boolean,
): { key: string; text: string | undefined } {
  const key = keyOf(change, wanted);
  const sized = (kind: "waiting" | "domain", text: string) =>
    apart ? sizedApart(kind, text, key, wanted.triplets[0]?.length ?? 0) : text;
  switch (change.kind) {
    case "sender":
      return { key, text: encodeSender(change.record) };
    case "client":
      return { key, text: encodeClient(change.record) };
    case "correspondent":
      return { key, text: encodeCorrespondent(change.record) };
    case "domain":
      return { key, text: sized("domain", encodeDomain(change.record)) };
    case "triplet": {
      const { record } = change;
      if (record === undefined) return { key, text: undefined };
      const text = encodeTriplet(record);
      return { key, text: record.state === "waiting" ? sized("waiting", text) : text };
    }
  }
}

function keyOf(change: Written, wanted: Wanted): string {
  const key = keyIn(change, wanted);
  if (key === undefined) throw new Error(`a ${change.kind} is to be written that was not read`);
  return key;
}

function keyIn(change: Written, wanted: Wanted): string | undefined {
  switch (change.kind) {
    case "sender":
      return wanted.senders?.[change.identity];
    case "triplet":
      return wanted.triplets[change.identity];
    case "client":
      return wanted.client;
    case "correspondent":
      return wanted.correspondent;
    case "domain":
      return wanted.domain;
  }
}
