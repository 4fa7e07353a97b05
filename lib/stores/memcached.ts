/**
 * State in one or several Memcached servers, shared by every process and host that names them.
 *
 * - Each server is on its own (memcached_server.ts), so one that is dead or frozen takes down its share of
 *   the keys and nothing else. Which server keeps a key is decided here, by rendezvous hashing, and not by
 *   a memjs client with many servers, because such a client is replaced as a whole.
 * - Memcached's clock ticks in whole seconds, so an entry that it is told to keep for 1 s may be gone after
 *   a millisecond: it is told one more.
 * - Above 30 days Memcached takes a time to live for a UNIX time, by its own clock; where that is ahead, the
 *   entry is gone at once. So it is told 0 then, which is for ever, or until it wants the room: who reads
 *   the entry knows by its own times that it is too old.
 */
import type { Endpoint } from "../endpoint.ts";
import { formatServer } from "./address.ts";
import { Deadlines } from "./deadlines.ts";
import type { Credentials } from "./memcached_connection.ts";
import { RemoteServer } from "./memcached_server.ts";
import { placeOf, Rendezvous } from "./rendezvous.ts";
import { type Deadline, type Store, StoreError, type StoreObserver, violation } from "./store.ts";

/** The longest time to live that Memcached does not take for a UNIX time (its protocol.txt). */
const longestRelativeSeconds = 30 * 86_400;

/** Memcached's time to live for what does not expire. */
const never = 0;

/** Written and read by ping. It is no hash, so it is nobody's key. */
const pingKey = "greylist-ping";

export interface MemcachedOptions {
  /** How long an operation usually may take; tells a short remainder from a hanging server. */
  readonly timeoutMs: number;
  readonly observer: StoreObserver;
  readonly auth?: Credentials;
  /** What all keys begin with; behind it may stand in braces what chooses the server. */
  readonly keyPrefix?: string;
}

export class MemcachedStore implements Store {
  readonly name = "memcached";
  readonly forgetsBySize = true;
  readonly #prefixLength: number;
  readonly #servers: readonly RemoteServer[];
  readonly #rendezvous: Rendezvous;
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
    this.#prefixLength = options.keyPrefix?.length ?? 0;
    const deadlines = new Deadlines();
    this.#servers = servers.map((server) => new RemoteServer(server, options, deadlines));
    this.#rendezvous = new Rendezvous(servers.map(formatServer));
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    const wrong = violation(key);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#server(key).get(key, deadline);
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const wrong = violation(key, value, ttlSeconds);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    const expires = ttlSeconds < longestRelativeSeconds ? ttlSeconds + 1 : never;
    return this.#server(key).put(key, value, expires, deadline);
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    const wrong = violation(key);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#server(key).delete(key, deadline);
  }

  /** Settles when every server can be read and written: one that is full may well answer. */
  async ping(deadline: Deadline): Promise<void> {
    if (this.#closed) return this.#refuse(undefined);
    const both = (server: RemoteServer) => [
      server.put(pingKey, "", 1, deadline),
      server.get(pingKey, deadline),
    ];
    await Promise.all(this.#servers.flatMap(both));
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const server of this.#servers) server.close();
    return Promise.resolve();
  }

  #server(key: string): RemoteServer {
    const place = placeOf(key, this.#prefixLength);
    const server = this.#servers[this.#rendezvous.pick(place)];
    if (server === undefined) throw new Error("a key without a server");
    return server;
  }

  #refuse(wrong: string | undefined): Promise<never> {
    return Promise.reject(new StoreError(`memcached: ${wrong ?? "the store is closed"}`));
  }
}
