/**
 * A record on its way into the store: its key, and what can be done to records of its kind without knowing which
 * kind that is. Pure.
 */
import type { Times } from "../greylist/merge.ts";
import { kinds } from "../greylist/recollection.ts";
import {
  type ClientRecord,
  type CorrespondentRecord,
  type DomainRecord,
  encodeClient,
  encodeCorrespondent,
  encodeDomain,
  encodeSender,
  encodeTriplet,
  type SenderRecord,
  type TripletRecord,
} from "../greylist/records.ts";
import {
  encodeReleaseClient,
  encodeReleaseTriplet,
  type ReleaseClient,
  type ReleaseTriplet,
} from "../greylist/release.ts";

/** What there is to know of a kind of records. */
export interface Form<Record> {
  decode(text: string): Record | undefined;
  encode(record: Record): string;
  merge(records: readonly Record[], times: Times): Record;
  /** Until when it is worth keeping, in UNIX seconds. */
  until(record: Record, times: Times): number;
  /** As which it is kept apart by its size, if it is (greylist/records.ts). */
  size(record: Record): "waiting" | "domain" | undefined;
}

export interface Item<Record = unknown> {
  readonly key: string;
  readonly form: Form<Record>;
  readonly record: Record;
}

const toItsEnd = ({ until }: { readonly until: number }) => until;
const small = () => undefined;

export const senderForm: Form<SenderRecord> = {
  ...kinds.sender,
  encode: encodeSender,
  until: toItsEnd,
  size: small,
};

export const tripletForm: Form<TripletRecord> = {
  ...kinds.triplet,
  encode: encodeTriplet,
  until: toItsEnd,
  size: ({ state }) => state === "waiting" ? "waiting" : undefined,
};

export const domainForm: Form<DomainRecord> = {
  ...kinds.domain,
  encode: encodeDomain,
  until: toItsEnd,
  size: () => "domain",
};

export const clientForm: Form<ClientRecord> = {
  ...kinds.client,
  encode: encodeClient,
  until: toItsEnd,
  size: small,
};

export const correspondentForm: Form<CorrespondentRecord> = {
  ...kinds.correspondent,
  encode: encodeCorrespondent,
  until: toItsEnd,
  size: small,
};

export const releaseTripletForm: Form<ReleaseTriplet> = {
  ...kinds.releaseTriplet,
  encode: encodeReleaseTriplet,
  until: (record, { retryWindowSeconds, maxAgeSeconds }) =>
    record.state === "waiting" ? record.first + retryWindowSeconds : record.seen + maxAgeSeconds,
  size: small,
};

export const releaseClientForm: Form<ReleaseClient> = {
  ...kinds.releaseClient,
  encode: encodeReleaseClient,
  until: ({ seen }, { maxAgeSeconds }) => seen + maxAgeSeconds,
  size: small,
};
