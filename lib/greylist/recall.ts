/**
 * Between the rules and the store: which records a request wants read, all in one round trip, and how what
 * the rules want written gets there.
 *
 * - Senders, triplets and the domain stand on one server; when it fails, so does the reading.
 * - The client's record, the correspondent's and those of 0.1.0 may be on others. What is not there in time
 *   is no information: they are waited for as long as the rest takes, but no longer than half of the time
 *   that there is, so that the other half is left for writing.
 * - A record that cannot be read is forgotten, and counts as a failure, once.
 */
import type { RecordKeys } from "../identity/record_keys.ts";
import { type Deadline, type Store, StoreError } from "../stores/store.ts";
import type { Change, Known } from "./decide.ts";
import {
  decodeClient,
  decodeCorrespondent,
  decodeDomain,
  decodeSender,
  decodeTriplet,
  encodeClient,
  encodeDomain,
  encodeSender,
  encodeTriplet,
  sizedApart,
} from "./records.ts";
import { decodeReleaseClient, decodeReleaseTriplet } from "./release.ts";

/** The keys of all that is to be read; undefined: it is not asked for. */
export interface Wanted extends Omit<RecordKeys, "senders" | "client" | "senderHash" | "id"> {
  readonly senders: readonly string[] | undefined;
  readonly client: string | undefined;
  readonly correspondent: string | undefined;
  readonly releaseTriplet: string;
  readonly releaseClient: string | undefined;
}

export interface Recall {
  /** Rejects with a StoreError when what decides is out of reach. */
  read(wanted: Wanted, deadline: Deadline): Promise<Known>;
  /**
   * Writes what was decided. What a deferral depends on is a triplet that waits: rejects with a StoreError
   * when none of those could be written, because the mail would wait for ever.
   */
  write(changes: readonly Change[], wanted: Wanted, now: number, deadline: Deadline): Promise<void>;
}

/** What is told while reading and writing. */
export interface Told {
  /** A record that had to be forgotten. */
  unreadableEntry(key: string): void;
  internalError(error: unknown): void;
}

/** Undefined for what is no such record. */
type Decode<Kind> = (text: string) => Kind | undefined;

/** The record under a key. Rejects when the store fails, or what it has is no such record. */
export async function readRecord<Kind>(
  store: Store,
  told: Pick<Told, "unreadableEntry">,
  key: string,
  decode: Decode<Kind>,
  deadline: Deadline,
): Promise<Kind | undefined> {
  const stored = await store.get(key, deadline);
  if (stored === undefined) return undefined;
  const record = decode(stored);
  if (record !== undefined) return record;
  told.unreadableEntry(key);
  await store.delete(key, deadline);
  throw new StoreError(`the entry of ${key} could not be read`);
}

export function createRecall(store: Store, told: Told): Recall {
  return { read: readAll, write: writeAll };

  async function readAll(wanted: Wanted, deadline: Deadline): Promise<Known> {
    const { senders, triplets, domain } = wanted;
    const elsewhere = {
      client: optional(wanted.client, decodeClient, deadline),
      correspondent: optional(wanted.correspondent, decodeCorrespondent, deadline),
      releaseTriplet: optional(wanted.releaseTriplet, decodeReleaseTriplet, deadline),
      releaseClient: optional(wanted.releaseClient, decodeReleaseClient, deadline),
    };
    const began = performance.now();
    const together = await Promise.all([
      Promise.all(senders?.map((key) => read(key, decodeSender, deadline)) ?? []),
      Promise.all(triplets.map((key) => read(key, decodeTriplet, deadline))),
      domain === undefined ? undefined : read(domain, decodeDomain, deadline),
    ]);
    const late = Math.max(began + (deadline - began) / 2, performance.now());
    const [client, correspondent, releaseTriplet, releaseClient] = await Promise.all([
      elsewhere.client.by(late),
      elsewhere.correspondent.by(late),
      elsewhere.releaseTriplet.by(late),
      elsewhere.releaseClient.by(late),
    ]);
    return {
      senders: together[0],
      triplets: together[1],
      domain: together[2],
      client,
      correspondent: correspondent?.record,
      releaseTriplet: releaseTriplet?.record,
      releaseClient: releaseClient?.record,
    };
  }

  function read<Kind>(key: string, decode: Decode<Kind>, deadline: Deadline) {
    return readRecord(store, told, key, decode, deadline);
  }

  /** A record that may be had or not; `by` gives it if it is there by then. */
  function optional<Kind>(
    key: string | undefined,
    decode: Decode<Kind>,
    deadline: Deadline,
  ) {
    let found: { readonly record: Kind | undefined } | undefined, settled = key === undefined;
    const reading = key === undefined
      ? Promise.resolve()
      : read(key, decode, deadline).then((record) => found = { record }, onlyStoreErrors)
        .finally(() => settled = true);
    // Told by `by`, or not at all, when the rest has failed before.
    reading.catch(() => {});
    return {
      async by(time: Deadline): Promise<typeof found> {
        if (settled) return found;
        let timer: ReturnType<typeof setTimeout> | undefined;
        // At least a turn of the event loop: it may have arrived with the rest.
        const late = new Promise<void>((resolve) =>
          timer = setTimeout(resolve, Math.max(1, time - performance.now()))
        );
        await Promise.race([reading, late]).finally(() => clearTimeout(timer));
        return found;
      },
    };
  }

  async function writeAll(
    changes: readonly Change[],
    wanted: Wanted,
    now: number,
    deadline: Deadline,
  ): Promise<void> {
    const needed: Promise<void>[] = [], others: Promise<void>[] = [];
    for (const change of changes) {
      const written = write(change, wanted, now, deadline);
      const waits = change.kind === "triplet" && change.record?.state === "waiting";
      if (waits) needed.push(written);
      // The client's server may be another, and slow: nobody waits for it.
      else if (change.kind === "client") {
        void written.catch(onlyStoreErrors).catch(told.internalError);
      } // A pass stands whether it can be remembered or not; the store has told the log already.
      else others.push(written.catch(onlyStoreErrors));
    }
    const [outcomes] = await Promise.all([Promise.allSettled(needed), Promise.all(others)]);
    const [failed] = outcomes.filter((outcome) => outcome.status === "rejected");
    if (failed !== undefined && outcomes.every(({ status }) => status === "rejected")) {
      throw failed.reason;
    }
  }

  function write(
    change: Change,
    wanted: Wanted,
    now: number,
    deadline: Deadline,
  ): Promise<void> {
    const { key, text } = encoded(change, wanted, store.forgetsBySize);
    if (text === undefined) return store.delete(key, deadline);
    const until = change.record?.until ?? 0;
    return store.put(key, text, Math.max(1, Math.ceil(until - now)), deadline);
  }
}

/** Where a change goes, and what is stored there; undefined: it is taken away. */
function encoded(
  change: Change,
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

function keyOf(change: Change, wanted: Wanted): string {
  const keys = {
    sender: wanted.senders,
    triplet: wanted.triplets,
    client: [wanted.client],
    domain: [wanted.domain],
  }[change.kind];
  const key = keys?.["identity" in change ? change.identity : 0];
  if (key === undefined) throw new Error(`a ${change.kind} is to be written that was not read`);
  return key;
}

function onlyStoreErrors(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error;
}
