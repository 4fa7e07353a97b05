/**
 * Under which keys the records of a request stand. A key is put together from hashes of its parts, so that
 * it has a fixed length, contains nothing a store could trip over, and, with a secret, tells nobody who
 * writes to whom. doc/state.md lists them.
 *
 *     S   PREFIX{place}s identity sender               T   PREFIX{place}t identity sender recipient
 *     D   PREFIX{place}d scope                         C   PREFIX c address
 *     W   PREFIX w pair  (correspondents.ts)
 *
 * (without the blanks). With several servers, what stands in braces chooses the one that keeps the key
 * (stores/rendezvous.ts): all but C and W of one request are on one server, so that it either knows them or is
 * out of reach. No key of 0.1.0 looks like one of these: they end in a hash of 43 characters.
 */
import { hashWith } from "./hash.ts";
import { remembering } from "../recent.ts";

/** Who is meant by a request. */
export interface Parties {
  /** The hashes of the client's identities, one or two. */
  readonly identities: readonly string[];
  /** That of the identity that the client's whole address is. */
  readonly address: string;
  /** The sender as it identifies a mail; empty for the null sender, and where senders do not count. */
  readonly sender: string;
  readonly recipient: string;
  /** What all records but C of this request have in common: usually the sender's domain. */
  readonly place: string;
  /** The hash of the identity at which the sender's domain may earn trust; undefined: nowhere. */
  readonly scope: string | undefined;
}

export interface RecordKeys {
  /** One for each identity; so for `triplets`. */
  readonly senders: readonly string[];
  readonly triplets: readonly string[];
  readonly domain: string | undefined;
  readonly client: string;
  /** The sender's hash, by which its domain's record knows it. */
  readonly senderHash: string;
  /** Identifies the triplet in the log: the same in all its lines, while the client's name can be resolved. */
  readonly id: string;
}

/** 132 bits: far beyond any accident, and a key of three of them is well within Memcached's 250 bytes. */
const hashLength = 22;

/** Gives the keys of requests' records. */
export interface RecordKeyMaker {
  /** The hash of an identity: a text with a word in front that says what kind it is. */
  hashOfIdentity(identity: string): string;
  keysOf(parties: Parties): RecordKeys;
}

/** Gives what hashes parts of one kind, byte strings. */
export type PartHashOf = (kind: string) => (text: string) => string;

/**
 * The kind of a part is in what is hashed: a recipient that reads like a sender is none.
 *
 * @param secret with it hashes are HMAC-SHA-256, without it SHA-256
 */
export function partHashWith(secret?: Uint8Array): PartHashOf {
  const hash = hashWith(secret);
  return (kind) => (text) => hash(`${kind}\n${text}`).slice(0, hashLength);
}

/**
 * @param prefix what all keys begin with
 * @param secret as for partHashWith
 */
export function recordKeysWith(prefix: string, secret?: Uint8Array): RecordKeyMaker {
  const hashOf = partHashWith(secret);
  const ofPlace = remembering(hashOf("place")), ofRecipient = remembering(hashOf("recipient"));
  const ofSender = hashOf("sender");
  return {
    hashOfIdentity: hashOf("identity"),
    keysOf({ identities, address, sender, recipient, place, scope }) {
      const placed = `${prefix}{${ofPlace(place)}}`;
      const from = ofSender(sender), to = ofRecipient(recipient);
      return {
        senders: identities.map((client) => `${placed}s${client}${from}`),
        triplets: identities.map((client) => `${placed}t${client}${from}${to}`),
        domain: scope === undefined ? undefined : `${placed}d${scope}`,
        client: `${prefix}c${address}`,
        senderHash: from,
        id: `${identities[0]?.slice(0, 3)}${from.slice(0, 3)}${to.slice(0, 4)}`,
      };
    },
  };
}
