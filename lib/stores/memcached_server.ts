/**
 * One Memcached server: its connection, when there is one, and whether it is worth trying.
 *
 * - An operation that is not answered by its deadline fails alone when replies still come in, late; when
 *   no reply has come since it was sent, the server hangs or is gone, and the connection is replaced,
 *   which fails everything else that waits on it.
 * - A stored value is its key, a space, and the value. A value that comes back with another key in front
 *   is another request's: it is not believed, and the connection is replaced.
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
 */
import { Buffer } from "node:buffer";
import type { Endpoint } from "../endpoint.ts";
import { formatServer } from "./address.ts";
import { type BreakerRules, operationRules } from "./breaker.ts";
import type { Deadlines, Waiting } from "./deadlines.ts";
import { Health } from "./health.ts";
import { Connection, type Credentials, opcodes, type Pending } from "./memcached_connection.ts";
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

type Client = Parameters<Parameters<Connection["send"]>[1]>[0];

export interface ServerOptions {
  /** How long an operation usually may take. */
  readonly timeoutMs: number;
  readonly observer: StoreObserver;
  readonly auth?: Credentials;
}

export class RemoteServer {
  readonly #label: string;
  readonly #connecting: Health;
  readonly #reading: Health;
  readonly #writing: Health;
  #connection: Connection | undefined;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly options: ServerOptions,
    readonly deadlines: Deadlines,
  ) {
    const { observer } = options;
    this.#label = `memcached:${formatServer(endpoint)}`;
    this.#connecting = new Health(this.#label, connectionRules, observer);
    this.#reading = new Health(`${this.#label} (reading)`, operationRules, observer);
    this.#writing = new Health(`${this.#label} (writing)`, operationRules, observer);
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    const start = (client: Client, operation: Operation<string | undefined>) => {
      client.get(key, (error, value) => {
        if (error !== null) return operation.refused();
        if (value === null) return operation.done(undefined);
        const text = value.toString("latin1");
        if (text.charCodeAt(key.length) !== 0x20 || !text.startsWith(key)) {
          return operation.disbelieved("sent the value of another key");
        }
        operation.done(text.slice(key.length + 1));
      });
    };
    return this.#perform(this.#reading, opcodes.get, deadline, start);
  }

  /** @param expires as Memcached takes it: seconds up to 30 days, or 0 for never */
  put(key: string, value: string, expires: number, deadline: Deadline): Promise<void> {
    const start = (client: Client, operation: Operation<void>) => {
      client.set(key, Buffer.from(`${key} ${value}`, "latin1"), { expires }, (error) => {
        if (error !== null) operation.refused();
        else operation.done();
      });
    };
    return this.#perform(this.#writing, opcodes.set, deadline, start);
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    const start = (client: Client, operation: Operation<void>) => {
      client.delete(key, (error) => {
        if (error !== null) operation.refused();
        else operation.done();
      });
    };
    return this.#perform(this.#writing, opcodes.delete, deadline, start);
  }

  close(): void {
    this.#connection?.destroy("the store is closed");
    this.#connection = undefined;
  }

  /** A reply has come, whatever it says. */
  answered(begun: number): void {
    this.#connecting.success(begun);
  }

  /** No reply has come in time, but the connection may still be good. Returns whether it stays. */
  late(begun: number, why: string, connection: Connection, sequence: number): boolean {
    const waited = performance.now() - begun;
    const silent = connection.heard < begun && waited >= patience * this.options.timeoutMs;
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

  #perform<T>(
    side: Health,
    opcode: number,
    deadline: Deadline,
    call: (client: Client, operation: Operation<T>) => void,
  ): Promise<T> {
    const now = performance.now();
    if (now >= deadline) return Promise.reject(this.error("no time left"));
    const down = [this.#connecting, side].find((health) => !health.allows(now));
    if (down !== undefined) return Promise.reject(this.error(`down, not asked: ${down.why}`));
    this.#connecting.begin();
    side.begin();
    return new Promise((resolve, reject) => {
      try {
        const connection = this.#connection ??= this.#connect();
        const operation = new Operation<T>(
          opcode,
          now,
          deadline,
          this,
          side,
          connection,
          resolve,
          reject,
        );
        operation.sequence = connection.send(operation, (client) => call(client, operation));
        this.deadlines.add(operation);
      } catch (error) {
        // No socket could be made: no permission for it, or no descriptor left.
        const why = error instanceof Error ? error.message : String(error);
        side.inconclusive(now);
        this.replace(why);
        reject(this.error(why));
      }
    });
  }

  #connect(): Connection {
    const connection: Connection = new Connection(
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

/** One request, from when it is sent to when its promise settles. */
class Operation<T> implements Pending, Waiting {
  sequence = 0;
  /** What the server says about an error that it answers with. */
  complaint = "answers with an error";
  #settled = false;

  constructor(
    readonly opcode: number,
    private readonly begun: number,
    readonly deadline: Deadline,
    private readonly server: RemoteServer,
    private readonly side: Health,
    private readonly connection: Connection,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: StoreError) => void,
  ) {}

  done(value: T): void {
    if (this.#finish()) return;
    this.server.answered(this.begun);
    this.side.success(this.begun);
    this.resolve(value);
  }

  /** The server answered, with an error. */
  refused(): void {
    if (this.#finish()) return;
    this.server.answered(this.begun);
    this.side.failure(this.begun, this.complaint);
    this.reject(this.server.error(this.complaint));
  }

  disbelieved(why: string): void {
    if (this.#finish()) return;
    this.side.inconclusive(this.begun);
    this.reject(this.server.error(why));
    this.server.replace(why);
  }

  lost(why: string): boolean {
    if (this.#finish()) return false;
    this.side.inconclusive(this.begun);
    this.reject(this.server.error(why));
    return true;
  }

  expire(): void {
    if (this.#finish()) return;
    const why = `no answer within ${Math.round(performance.now() - this.begun)} ms`;
    this.reject(this.server.error(why));
    if (this.server.late(this.begun, why, this.connection, this.sequence)) {
      this.side.failure(this.begun, why);
    } else {
      this.side.inconclusive(this.begun);
    }
  }

  /** True when it was over before: then the reply comes too late to matter. */
  #finish(): boolean {
    if (this.#settled) return true;
    this.#settled = true;
    this.server.deadlines.remove(this);
    return false;
  }
}
