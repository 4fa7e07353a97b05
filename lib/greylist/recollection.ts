/**
 * All that was read for a request, entry by entry: what is known by it, what other copies of the entries know,
 * and which of them lack something.
 */
import type { Copy, Deadline } from "../stores/store.ts";
import { type Entry, hasOthers, type Kind, readOthers, type Told } from "./entries.ts";
import type { Change, Known } from "./knowledge.ts";
import {
  mergeClients,
  mergeCorrespondents,
  mergeDomains,
  mergeReleaseClients,
  mergeReleaseTriplets,
  mergeSenders,
  mergeTriplets,
  type Times,
} from "./merge.ts";
import {
  type ClientRecord,
  type CorrespondentRecord,
  decodeClient,
  decodeCorrespondent,
  decodeDomain,
  decodeSender,
  decodeTriplet,
  type DomainRecord,
  type SenderRecord,
  type TripletRecord,
} from "./records.ts";
import {
  decodeReleaseClient,
  decodeReleaseTriplet,
  type ReleaseClient,
  type ReleaseTriplet,
} from "./release.ts";

export const kinds = {
  sender: { decode: decodeSender, merge: mergeSenders },
  triplet: { decode: decodeTriplet, merge: mergeTriplets },
  domain: { decode: decodeDomain, merge: mergeDomains },
  client: { decode: decodeClient, merge: mergeClients },
  correspondent: { decode: decodeCorrespondent, merge: mergeCorrespondents },
  releaseTriplet: { decode: decodeReleaseTriplet, merge: mergeReleaseTriplets },
  releaseClient: { decode: decodeReleaseClient, merge: mergeReleaseClients },
} as const;

/** What was read. Undefined: it was not asked for, or is out of reach. */
export interface Entries {
  readonly senders: readonly Entry<SenderRecord>[];
  readonly triplets: readonly Entry<TripletRecord>[];
  readonly domain: Entry<DomainRecord> | undefined;
  readonly client: Entry<ClientRecord> | undefined;
  readonly correspondent: Entry<CorrespondentRecord> | undefined;
  readonly releaseTriplet: Entry<ReleaseTriplet> | undefined;
  readonly releaseClient: Entry<ReleaseClient> | undefined;
  /** Whether the last of the identities is a domain that vouches for the client. */
  readonly vouched?: boolean;
}

export interface Recollection {
  readonly known: Known;
  readonly entries: Entries;
}

export function recollection(entries: Entries): Recollection {
  const { senders, triplets, domain, client, correspondent, releaseTriplet, releaseClient } =
    entries;
  const known = {
    senders: senders.map(({ record }) => record),
    triplets: triplets.map(({ record }) => record),
    domain: domain?.record,
    client,
    correspondent: correspondent?.record,
    releaseTriplet: releaseTriplet?.record,
    releaseClient: releaseClient?.record,
  };
  return { known: entries.vouched ? { ...known, vouched: true } : known, entries };
}

/** Whether there are copies of an entry that have not been asked. */
export function hasUnasked({ entries }: Recollection): boolean {
  return anyOf(entries, hasOthers);
}

/** Whether something is true of one of the entries. */
function anyOf(entries: Entries, is: (entry: Entry<unknown>) => boolean): boolean {
  const { domain, client, correspondent, releaseTriplet, releaseClient } = entries;
  const isOf = (entry: Entry<unknown> | undefined) => entry !== undefined && is(entry);
  return entries.senders.some(is) || entries.triplets.some(is) || isOf(domain) || isOf(client) ||
    isOf(correspondent) || isOf(releaseTriplet) || isOf(releaseClient);
}

/** The same with what the copies know that were not asked before. Never rejects because of the store. */
export async function withOthers(
  before: Recollection,
  times: Times,
  deadline: Deadline,
  told: Told,
): Promise<Recollection> {
  const { senders, triplets, vouched = false } = before.entries;
  const rest = <Record>(entry: Entry<Record>, kind: Kind<Record>) =>
    readOthers(entry, kind, times, deadline, told);
  const { domain, client, correspondent, releaseTriplet, releaseClient } = before.entries;
  const entries = await Promise.all([
    Promise.all(senders.map((entry) => rest(entry, kinds.sender))),
    Promise.all(triplets.map((entry) => rest(entry, kinds.triplet))),
    domain && rest(domain, kinds.domain),
    client && rest(client, kinds.client),
    correspondent && rest(correspondent, kinds.correspondent),
    releaseTriplet && rest(releaseTriplet, kinds.releaseTriplet),
    releaseClient && rest(releaseClient, kinds.releaseClient),
  ]);
  return recollection({
    senders: entries[0],
    triplets: entries[1],
    domain: entries[2],
    client: entries[3],
    correspondent: entries[4],
    releaseTriplet: entries[5],
    releaseClient: entries[6],
    vouched,
  });
}

/** What the rules want written; or a correspondent, which only a copy may want. */
export type Written = Change | {
  readonly kind: "correspondent";
  readonly record: CorrespondentRecord;
};

/** A record, and the copies of it that say something else. */
interface Repair {
  readonly key: string;
  readonly change: Written;
  readonly to: readonly Copy[];
}

/** What some copies lack. What 0.1.0 knows is left where 0.1.0 has put it. */
export function repairsOf(read: Recollection): Repair[] {
  const { senders, triplets, domain, client, correspondent } = read.entries;
  const repairs: Repair[] = [];
  if (!anyOf(read.entries, ({ stale }) => stale.length > 0)) return repairs;
  const add = <Record>(
    entry: Entry<Record> | undefined,
    change: (record: Record) => Written,
  ) => {
    if (entry === undefined || entry.record === undefined || entry.stale.length === 0) return;
    repairs.push({ key: entry.key, to: entry.stale, change: change(entry.record) });
  };
  for (const [identity, entry] of senders.entries()) {
    add(entry, (record) => ({ kind: "sender", identity, record }));
  }
  for (const [identity, entry] of triplets.entries()) {
    add(entry, (record) => ({ kind: "triplet", identity, record }));
  }
  add(domain, (record) => ({ kind: "domain", record }));
  add(client, (record) => ({ kind: "client", record }));
  add(correspondent, (record) => ({ kind: "correspondent", record }));
  return repairs;
}
