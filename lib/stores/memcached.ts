/**
 * State in one or several Memcached servers, shared by every process and host that names them.
 *
 * - Each server has a connection and a circuit breaker of its own, so one that is dead or frozen takes
 *   down its share of the keys and nothing else. Which server keeps a key is decided here, by rendezvous
 *   hashing, and not by a memjs client with many servers, because such a client is replaced as a whole.
 * - An operation that is not answered by its deadline fails alone when replies still come in, late; when
 *   no reply has come since it was sent, the server hangs or is gone, and the connection is
 *   replaced, which fails everything else that waits on it.
 * - After three failures in a row a server is down: requests for it fail at once, and about every
 *   second one of them tries again. A connection that is lost counts once, however many waited.
 * - A stored value is its key, a space, and the value. A value that comes back with another key in front
 *   is another request's: it is not believed, and the connection is replaced.
 * - Memcached's clock ticks in whole seconds, so an entry that it is told to keep for 1 s may be gone after
 *   a millisecond: it is told one more. Above 30 days it takes the number for a UNIX time: it is told one.
 */
import { Buffer } from "node:buffer";
import { Breaker, type Change } from "./breaker.ts";
import type { Endpoint } from "../endpoint.ts";
import { formatServer } from "./address.ts";
import { Deadlines, type Waiting } from "./deadlines.ts";
import { Connection, type Credentials, opcodes, type Pending } from "./memcached_connection.ts";
import { Rendezvous } from "./rendezvous.ts";
import { type Deadline, type Store, StoreError, type StoreObserver, violation } from "./store.ts";

/** Three: one may be an accident, and each costs the requests that wait the whole store-timeout. */
const breakerRules = { failuresToOpen: 3, probeAfterMs: 1000 };

/** The longest time to live that Memcached does not take for a UNIX time (its protocol.txt). */
const longestRelativeSeconds = 30 * 86_400;

/** The field on the wire has 32 bits; 2106 is far enough away to stand for "until you are full". */
const latestExpiry = 0xffff_ffff;

/** Asked for by ping. It is no hash, so it is nobody's key. */
const pingKey = "greylist-ping";

type Client = Parameters<Parameters<Connection["send"]>[1]>[0];

export interface MemcachedOptions {
  /** How long an operation usually may take; tells a short remainder from a hanging server. */
  readonly timeoutMs: number;
  readonly observer: StoreObserver;
  /** UNIX time in seconds. */
  readonly clock: () => number;
  readonly auth?: Credentials;
}

export class MemcachedStore implements Store {
  readonly name = "memcached";
  readonly #servers: readonly RemoteServer[];
  readonly #rendezvous: Rendezvous;
  readonly #clock: () => number;
  #closed = false;

  /** Nothing is connected to before the first operation. */
  constructor(servers: readonly Endpoint[], options: MemcachedOptions) {
    if (servers.length === 0) throw new RangeError("Cannot use Memcached without a server");
    const { auth } = options;
    if (auth !== undefined && (auth.username === "" || auth.password === "")) {
      throw new RangeError(
        "Cannot log in to Memcached: wanted a user and a password, one is empty",
      );
    }
    const deadlines = new Deadlines();
    this.#servers = servers.map((server) => new RemoteServer(server, options, deadlines));
    this.#rendezvous = new Rendezvous(servers.map(formatServer));
    this.#clock = options.clock;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    const wrong = violation(key);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#server(key).get(key, deadline);
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const wrong = violation(key, value, ttlSeconds);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    let expires = ttlSeconds + 1;
    if (expires > longestRelativeSeconds) {
      expires = Math.min(Math.ceil(this.#clock()) + expires, latestExpiry);
    }
    return this.#server(key).put(key, value, expires, deadline);
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    const wrong = violation(key);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#server(key).delete(key, deadline);
  }

  async ping(deadline: Deadline): Promise<void> {
    if (this.#closed) return this.#refuse(undefined);
    await Promise.all(this.#servers.map((server) => server.get(pingKey, deadline)));
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const server of this.#servers) server.close();
    return Promise.resolve();
  }

  #server(key: string): RemoteServer {
    const server = this.#servers[this.#rendezvous.pick(key)];
    if (server === undefined) throw new Error("a key without a server");
    return server;
  }

  #refuse(wrong: string | undefined): Promise<never> {
    return Promise.reject(new StoreError(`memcached: ${wrong ?? "the store is closed"}`));
  }
}

/** One server: its connection, when there is one, and whether it is worth trying. */
class RemoteServer {
  readonly label: string;
  readonly patienceMs: number;
  readonly #breaker = new Breaker(breakerRules);
  #connection: Connection | undefined;
  #why = "";

  constructor(
    private readonly endpoint: Endpoint,
    private readonly options: MemcachedOptions,
    readonly deadlines: Deadlines,
  ) {
    this.label = `memcached:${formatServer(endpoint)}`;
    this.patienceMs = options.timeoutMs / 2;
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#perform<string | undefined>(opcodes.get, deadline, (client, operation) => {
      client.get(key, (error, value) => {
        if (error !== null) return operation.refused(error);
        if (value === null) return operation.done(undefined);
        const text = value.toString("latin1");
        if (text.charCodeAt(key.length) !== 0x20 || !text.startsWith(key)) {
          return operation.disbelieved("sent the value of another key");
        }
        operation.done(text.slice(key.length + 1));
      });
    });
  }

  put(key: string, value: string, expires: number, deadline: Deadline): Promise<void> {
    return this.#perform<void>(opcodes.set, deadline, (client, operation) => {
      client.set(key, Buffer.from(`${key} ${value}`, "latin1"), { expires }, (error) => {
        if (error !== null) operation.refused(error);
        else operation.done();
      });
    });
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#perform<void>(opcodes.delete, deadline, (client, operation) => {
      client.delete(key, (error) => {
        if (error !== null) operation.refused(error);
        else operation.done();
      });
    });
  }

  close(): void {
    this.#connection?.destroy("the store is closed");
    this.#connection = undefined;
  }

  /** The server has answered. */
  worked(): void {
    this.#report(this.#breaker.success(performance.now()));
  }

  /** It has not, or with nonsense; with `replace` the connection is not used again. */
  failed(why: string, replace: boolean): void {
    this.#why = why;
    this.#report(this.#breaker.failure(performance.now()));
    if (!replace) return;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy(why);
  }

  error(why: string): StoreError {
    return new StoreError(`${this.label}: ${why}`);
  }

  #perform<T>(
    opcode: number,
    deadline: Deadline,
    call: (client: Client, operation: Operation<T>) => void,
  ): Promise<T> {
    const now = performance.now();
    if (now >= deadline) return Promise.reject(this.error("no time left"));
    if (!this.#breaker.allows(now)) {
      return Promise.reject(this.error(`down, not asked: ${this.#why}`));
    }
    return new Promise((resolve, reject) => {
      try {
        const connection = this.#connection ??= this.#connect();
        const operation = new Operation<T>(
          opcode,
          now,
          deadline,
          this,
          connection,
          resolve,
          reject,
        );
        operation.sequence = connection.send(operation, (client) => call(client, operation));
        this.deadlines.add(operation);
      } catch (error) {
        // No socket could be made: no permission for it, or no descriptor left.
        const why = error instanceof Error ? error.message : String(error);
        this.failed(why, true);
        reject(this.error(why));
      }
    });
  }

  #connect(): Connection {
    const connection: Connection = new Connection(this.endpoint, this.options.auth, (why, busy) => {
      if (this.#connection === connection) this.#connection = undefined;
      // A connection that is closed while nobody uses it, as by a restart, is no failure.
      if (busy) this.failed(why, false);
    });
    return connection;
  }

  #report(change: Change): void {
    if (change.kind === "opened") this.options.observer.down(this.label, this.#why);
    if (change.kind === "closed") this.options.observer.up(this.label, change.openMs / 1000);
  }
}

/** One request, from when it is sent to when its promise settles. */
class Operation<T> implements Pending, Waiting {
  sequence = 0;
  #settled = false;

  constructor(
    readonly opcode: number,
    private readonly since: number,
    readonly deadline: Deadline,
    private readonly server: RemoteServer,
    private readonly connection: Connection,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: StoreError) => void,
  ) {}

  done(value: T): void {
    if (this.#finish()) return;
    this.server.worked();
    this.resolve(value);
  }

  /** The server answered, with an error of its own: full, or busy. It is up, all the same. */
  refused(error: Error): void {
    if (this.#finish()) return;
    this.server.worked();
    this.reject(this.server.error(error.message));
  }

  disbelieved(why: string): void {
    if (this.#finish()) return;
    this.reject(this.server.error(why));
    this.server.failed(why, true);
  }

  lost(why: string): boolean {
    if (this.#finish()) return false;
    this.reject(this.server.error(why));
    return true;
  }

  expire(): void {
    if (this.#finish()) return;
    const waited = performance.now() - this.since;
    const why = `no answer within ${Math.round(waited)} ms`;
    this.reject(this.server.error(why));
    const silent = this.connection.heard < this.since && waited >= this.server.patienceMs;
    this.server.failed(why, silent || this.connection.passedOver(this.sequence));
  }

  /** True when it was over before: then the reply comes too late to matter. */
  #finish(): boolean {
    if (this.#settled) return true;
    this.#settled = true;
    this.server.deadlines.remove(this);
    return false;
  }
}
