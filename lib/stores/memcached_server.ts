/**
 * One Memcached server: its connection, when there is one, and whether it is worth trying.
 *
 * - An operation that is not answered by its deadline fails alone when replies still come in, late; when
 *   no reply has come since it was sent, the server hangs or is gone, and the connection is replaced,
 *   which fails everything else that waits on it.
 * - What comes back and cannot be believed (memcached_questions.ts) has the connection replaced, too.
 * - Three things can be down by themselves, each with a breaker (breaker.ts):
 *
 *   | what | fails when | works when |
 *   |---|---|---|
 *   | the server | a connection cannot be made, hangs, is lost while it is used or soon after it was made, or brings nonsense; once for each connection | anything is answered |
 *   | its reading, its writing | an operation is answered too late, or with an error | it is answered well |
 *
 *   A server that is full answers every write with an error, and goes on reading. "Too large" is no
 *   exception: nothing that we store is too large for a Memcached that can be used.
 * - How often connections fail is counted by time and not against what works in between: otherwise a
 *   server that answers well and then spoils the connection would cost a connection for each request.
 * - Who has another copy to ask is told when a reading is not answered in a quarter of the usual time. From
 *   then on the server is doubtful, until a reading is answered sooner. That is not down: what is slow is still
 *   better than nothing.
 * - Memcached's clock ticks in whole seconds, so an entry that it is told to keep for 1 s may be gone after
 *   a millisecond: it is told one more.
 * - Above 30 days Memcached takes a time to live for a UNIX time, by its own clock; where that is ahead, the
 *   entry is gone at once. So it is told 0 then, which is for ever, or until it wants the room: who reads
 *   the entry knows by its own times that it is too old.
 */
import type { Endpoint } from "../endpoint.ts";
import { messageOf } from "../error.ts";
import { formatServer } from "./address.ts";
import { type BreakerRules, operationRules } from "./breaker.ts";
import type { Deadlines, Waiting } from "./deadlines.ts";
import { Health } from "./health.ts";
import { type Credentials, MemcachedConnection } from "./memcached_connection.ts";
import { Operation } from "./memcached_operation.ts";
import { places } from "./memcached_protocol.ts";
import { deleting, type Question, reading, readingMany, writing } from "./memcached_questions.ts";
import { type Deadline, StoreError, type StoreObserver } from "./store.ts";

/** Three failures within five seconds are too many; one in ten seconds is put up with for ever. */
const connectionRules: BreakerRules = {
  ...operationRules,
  failuresToOpen: 2.5,
  forgivenPerSuccess: 0,
  forgivenPerSecond: 0.1,
};

/**
 * What share of the usual time for an operation has to pass before silence means that the server hangs.
 * Operations with less time than that fail alone: others still wait for the same connection.
 */
const patience = 0.75;

/** The longest time to live that Memcached does not take for a UNIX time (its protocol.txt). */
const longestRelativeSeconds = 30 * 86_400;

/** Memcached's time to live for what does not expire. */
const never = 0;

/** What share of the usual time is too short for a judgement: what is left of a request may be a millisecond. */
const tooShort = 1 / 20;

/** In what share of the usual time a reading is to be answered, where another copy could be asked. */
const soon = 1 / 4;

/** For how many times the usual time all readings have to be slow before nobody waits for one any more. */
const longSlow = 2;

/** How many keys can be read in one go: a place each, and one for what ends it. */
export const mostTogether = places - 1;

export interface ServerOptions {
  /** How long an operation usually may take. */
  readonly timeoutMilliseconds: number;
  readonly observer: StoreObserver;
  readonly auth?: Credentials;
}

export class RemoteServer {
  readonly #label: string;
  readonly #connecting: Health;
  readonly #reading: Health;
  readonly #writing: Health;
  #connection: MemcachedConnection | undefined;
  #waiting = 0;
  #retired = false;
  #closed = false;
  /** When the first and the last slow reading began since one was answered soon. */
  #slow: { readonly since: number; readonly until: number } | undefined;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly options: ServerOptions,
    private readonly deadlines: Deadlines,
  ) {
    const { observer } = options;
    this.#label = `memcached:${formatServer(endpoint)}`;
    this.#connecting = new Health(this.#label, connectionRules, observer);
    this.#reading = new Health(`${this.#label} (reading)`, operationRules, observer);
    this.#writing = new Health(`${this.#label} (writing)`, operationRules, observer);
  }

  /** Whether it had better not be relied on where another copy can be asked. */
  get isDoubtful(): boolean {
    return this.#slow !== undefined || this.#isDown;
  }

  /** Whether nobody is to wait for it, not even for what it alone may know. */
  get isGivenUp(): boolean {
    const { since, until } = this.#slow ?? { since: 0, until: 0 };
    return until - since >= longSlow * this.options.timeoutMilliseconds || this.#isDown;
  }

  get #isDown(): boolean {
    return this.#connecting.isDown || this.#reading.isDown;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#perform(this.#reading, reading(key), deadline);
  }

  /**
   * Reads some keys in one go, up to `mostTogether`; settles with their values in that order.
   *
   * @param slow is called if it is not answered soon, and goes on
   */
  getMany(
    keys: readonly string[],
    deadline: Deadline,
    slow?: () => void,
  ): Promise<readonly (string | undefined)[]> {
    const [only] = keys;
    const values = keys.length === 1 && only !== undefined
      ? this.get(only, deadline).then((value) => [value])
      : this.#perform(this.#reading, readingMany(keys), deadline);
    if (slow !== undefined) this.#watch(values, slow);
    return values;
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const expires = ttlSeconds < longestRelativeSeconds ? ttlSeconds + 1 : never;
    return this.#perform(this.#writing, writing(key, value, expires), deadline);
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#perform(this.#writing, deleting(key), deadline);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.destroy("the store is closed");
    this.#connection = undefined;
  }

  /** Closes it when nobody waits for it any more. */
  retire(): void {
    this.#retired = true;
    if (this.#waiting === 0) this.close();
  }

  /** Somebody waits. */
  wait(operation: Waiting): void {
    this.#waiting++;
    this.deadlines.add(operation);
  }

  /** It is over for who waited. */
  over(operation: Waiting): void {
    this.#waiting--;
    this.deadlines.remove(operation);
    if (this.#retired && this.#waiting === 0) this.close();
  }

  /** A reply has come, whatever it says. */
  answered(begun: number, now: number): void {
    this.#connecting.success(begun, now);
  }

  /** Whether so little time says nothing about a server that has not answered. */
  isTooShort(milliseconds: number): boolean {
    return milliseconds < tooShort * this.options.timeoutMilliseconds;
  }

  /** No reply has come in time, but the connection may still be good. Returns whether it stays. */
  late(begun: number, why: string, connection: MemcachedConnection, sequence: number): boolean {
    const waited = performance.now() - begun;
    const silent = connection.heard < begun &&
      waited >= patience * this.options.timeoutMilliseconds;
    if (silent || connection.passedOver(sequence) || this.#connecting.isDown) {
      this.replace(why);
      return false;
    }
    this.#connecting.inconclusive(begun);
    return true;
  }

  /** The connection is not used again; who waits for it is told why. */
  replace(why: string): void {
    this.#connecting.failure(performance.now(), why);
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy(why);
  }

  error(why: string): StoreError {
    return new StoreError(`${this.#label}: ${why}`);
  }

  #watch(reading: Promise<unknown>, slow: () => void): void {
    const begun = performance.now();
    const waiting = {
      deadline: begun + soon * this.options.timeoutMilliseconds,
      expire: () => {
        this.#slow = { since: this.#slow?.since ?? begun, until: begun };
        slow();
      },
    };
    this.deadlines.add(waiting);
    const inTime = () => this.deadlines.remove(waiting);
    reading.then(() => {
      if (inTime()) this.#slow = undefined;
    }, inTime);
  }

  #perform<T>(side: Health, question: Question<T>, deadline: Deadline): Promise<T> {
    const now = performance.now();
    if (this.#closed) return Promise.reject(this.error("closed"));
    if (now >= deadline) return Promise.reject(this.error("no time left"));
    const down = !this.#connecting.allows(now)
      ? this.#connecting
      : side.allows(now)
      ? undefined
      : side;
    if (down !== undefined) return Promise.reject(this.error(`down, not asked: ${down.why}`));
    this.#connecting.begin();
    side.begin();
    return new Promise((resolve, reject) => {
      try {
        const connection = this.#connection ??= this.#connect();
        const operation = new Operation<T>(
          question,
          now,
          deadline,
          this,
          side,
          connection,
          resolve,
          reject,
        );
        operation.sequence = connection.send(operation, (opaque) => question.requests(opaque));
        this.wait(operation);
      } catch (error) {
        // No socket could be made: no permission for it, or no descriptor left.
        const why = messageOf(error);
        side.inconclusive(now);
        this.replace(why);
        reject(this.error(why));
      }
    });
  }

  #connect(): MemcachedConnection {
    const connection: MemcachedConnection = new MemcachedConnection(
      this.endpoint,
      this.options.auth,
      (why, harmless) => {
        if (this.#connection === connection) this.#connection = undefined;
        if (!harmless) this.#connecting.failure(performance.now(), why);
      },
    );
    return connection;
  }
}
