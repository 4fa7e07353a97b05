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
import { createHash, createHmac } from "node:crypto";

/** Who is meant by a request: texts, which are hashed here and nowhere else. */
export interface Parties {
  /** The client's identities, one or two, each with a word in front that says what kind it is. */
  readonly identities: readonly string[];
  /** The client's whole address. */
  readonly address: string;
  /** The sender as it identifies a mail; empty for the null sender, and where senders do not count. */
  readonly sender: string;
  readonly recipient: string;
  /** What all records but C of this request have in common: usually the sender's domain. */
  readonly place: string;
  /** Where the sender's domain may earn trust; undefined: nowhere. */
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

/** Gives the keys of a request's records. */
export type RecordKeysOf = (parties: Parties) => RecordKeys;

/**
 * Gives what hashes a byte string. The kind of a part is in what is hashed: a recipient that reads like a sender is
 * none.
 *
 * @param secret with it hashes are HMAC-SHA-256, without it SHA-256
 */
export function partHashWith(secret?: Uint8Array): (kind: string, text: string) => string {
  return (kind, text) => {
    const hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
    return hash.update(`${kind}\n${text}`, "latin1").digest("base64url").slice(0, hashLength);
  };
}

/**
 * @param prefix what all keys begin with
 * @param secret as for partHashWith
 */
export function recordKeysWith(prefix: string, secret?: Uint8Array): RecordKeysOf {
  const hash = partHashWith(secret);
  return ({ identities, address, sender, recipient, place, scope }) => {
    const placed = `${prefix}{${hash("place", place)}}`;
    const clients = identities.map((identity) => hash("identity", identity));
    const from = hash("sender", sender), to = hash("recipient", recipient);
    return {
      senders: clients.map((client) => `${placed}s${client}${from}`),
      triplets: clients.map((client) => `${placed}t${client}${from}${to}`),
      domain: scope === undefined ? undefined : `${placed}d${hash("scope", scope)}`,
      client: `${prefix}c${hash("address", address)}`,
      senderHash: from,
      id: `${clients[0]?.slice(0, 3)}${from.slice(0, 3)}${to.slice(0, 4)}`,
    };
  };
}
