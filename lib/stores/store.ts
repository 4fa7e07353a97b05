/**
 * What greylist asks of whatever keeps its state, and what every adapter in this folder promises.
 *
 * The contract. What of it needs no fault is checked for every adapter, against its real backend, by
 * `tests/support/store_contract.ts`; what a server does that hangs, goes or comes back, by tests of the adapter's own:
 *
 * - Keys are 1 to 250 printable ASCII characters without a space (they are hashes behind a prefix).
 * - Values are byte strings: every character is one byte, U+0000 to U+00FF, and comes back as it went in.
 *   They are 4096 bytes long at most, so that an adapter knows what cannot be one (ours have under 500).
 * - `get` after `put` gives the value until its time to live is over; after `delete` it gives `undefined`.
 *   A miss is no error. `delete` of a missing key is no error.
 * - A time to live is a whole number of seconds, from 1 up; there is no upper limit that a caller
 *   has to know of. An entry lives at least that long, and may live longer: `memory` ends it on the
 *   dot, SQLite within a second, Memcached within two, but of more than 30 days not at all, until it
 *   wants the room. So a time to live only says what is no longer worth the room; who must not take an
 *   old entry for a new one keeps times in it, and looks at them.
 * - A bounded backend may forget an entry early to make room (`memory`, Memcached): that is a miss.
 * - A store may keep several copies of its entries. What is put or deleted is so in every copy that can be
 *   reached, and one of them is enough; one that was out of reach comes back with what it had.
 * - Every operation settles by its deadline, whatever happens to the backend: with its result, or by
 *   rejecting with a `StoreError`. An operation that has failed may still have taken effect, even
 *   a moment after it has failed. One whose deadline has already passed fails without being tried.
 * - A key, value or time to live outside these rules, or an operation after `close`, is a mistake in
 *   this program; it too rejects with a `StoreError`, before the backend sees any of it.
 * - `close` may be called more than once; operations still pending then settle at once.
 * - An open store keeps the process alive only while an operation is pending.
 *
 * Last writer wins: there is no compare-and-swap, and greylisting needs none. Two writers of one key
 * are two first attempts (or two first passes) of the same triplet within milliseconds of each other,
 * and whichever value stays differs from the other by those milliseconds. If a first attempt's value
 * should land on top of a first pass, the sender retries once more and passes again: a delay, never a
 * loss. A value written after its operation failed is subject to the same reasoning.
 */
import type { Endpoint } from "../endpoint.ts";

export interface Store {
  /** What it is, for the log: `memory`, `memcached`, `sqlite`. */
  readonly name: string;
  /**
   * Whether entries of another class of sizes are forgotten for themselves, as Memcached does it: then what
   * matters more is kept apart by its size.
   */
  readonly forgetsBySize: boolean;
  /** The value stored under `key`, or `undefined`. */
  get(key: string, deadline: Deadline): Promise<string | undefined>;
  /**
   * Reads many keys together, in one round trip for each server, and tells of each once: at once where nothing has
   * to be waited for. Where the store keeps several copies it gives the first that it can reach.
   */
  getMany(keys: readonly string[], deadline: Deadline, told: ToldOfKey): void;
  /** Stores `value` under `key` for `ttlSeconds`, in place of what was there. */
  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void>;
  /** Forgets `key`. */
  delete(key: string, deadline: Deadline): Promise<void>;
  /** Settles when the whole backend answers; rejects with the first part that does not. */
  ping(deadline: Deadline): Promise<void>;
  /** Where the servers of a store may change while it is open: goes on at these, with so many copies. */
  moveTo?(servers: readonly Endpoint[], copies: number): void;
  /** Lets go of every resource. Never rejects. */
  close(): Promise<void>;
}

/** One copy of an entry: what is done to it is done to no other. */
export interface Copy {
  get(key: string, deadline: Deadline): Promise<string | undefined>;
  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void>;
  delete(key: string, deadline: Deadline): Promise<void>;
}

/** Who has answered for an entry, and whom nobody has asked yet. */
export interface Copies {
  readonly answered: Copy;
  readonly unasked: readonly Copy[];
  /** Where the entry may be of old; it is not written there any more. */
  readonly elsewhere: readonly Copy[];
}

/**
 * Told what is stored under one of the keys: undefined for a miss; an error when it could not be read.
 *
 * @param place of the key among those that were asked for
 * @param copies where there are several: whom else one could ask, while it is fresh
 */
export type ToldOfKey = (
  place: number,
  answer: string | undefined | Error,
  copies?: Copies,
) => void;

/** A point in time by which an operation has to be settled, in milliseconds of `performance.now()`. */
export type Deadline = number;

/** The backend failed, or did not answer in time. The message names the backend and what happened. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Told when a backend (or one server of it) stops and starts being usable; once for each change. */
export interface StoreObserver {
  down(server: string, why: string): void;
  up(server: string, downSeconds: number): void;
}

/** In bytes. */
const longestValue = 4096;

/** `get` of a store, by its `getMany`. */
export function getOne(
  store: Pick<Store, "getMany">,
  key: string,
  deadline: Deadline,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    store.getMany([key], deadline, (_place, answer) => {
      if (answer instanceof Error) reject(answer);
      else resolve(answer);
    });
  });
}

/** What of an operation breaks the contract's rules, or `undefined`; adapters ask before they act. */
export function violation(key: string, value = "", ttlSeconds = 1): string | undefined {
  // Counted by itself: with {1,250} the expression takes twice as long.
  if (key.length > 250 || !/^[\x21-\x7e]+$/.test(key)) {
    return `key of ${key.length} characters, wanted 1 to 250 printable ASCII ones without a space`;
  }
  // deno-lint-ignore no-control-regex -- the range is that of a byte
  if (!/^[\x00-\xff]*$/.test(value)) return "value holds a character above U+00FF, wanted bytes";
  if (value.length > longestValue) {
    return `value of ${value.length} bytes, wanted ${longestValue} at most`;
  }
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1) {
    return `time to live of ${ttlSeconds} s, wanted a whole number from 1 up`;
  }
  return undefined;
}
