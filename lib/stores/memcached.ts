/**
 * State in one or several Memcached servers, shared by every process and host that names them.
 *
 * - Each server is on its own (memcached_server.ts), so one that is dead or frozen takes down nothing but
 *   itself. Which servers keep a key is decided here, by rendezvous hashing, and not by a memjs client with
 *   many servers, because such a client is replaced as a whole.
 * - With several copies of each entry, copies.ts has the rules for reading and writing them.
 */
import type { Endpoint } from "../endpoint.ts";
import { formatServer } from "./address.ts";
import { readFirst, toAll } from "./copies.ts";
import { Deadlines } from "./deadlines.ts";
import type { Credentials } from "./memcached_connection.ts";
import { mostTogether, RemoteServer } from "./memcached_server.ts";
import { placeOf, Rendezvous } from "./rendezvous.ts";
import {
  type Deadline,
  getOne,
  type Store,
  StoreError,
  type StoreObserver,
  type ToldOfKey,
  violation,
} from "./store.ts";

/** Written and read by ping. It is no hash, so it is nobody's key. */
const pingKey = "greylist-ping";

export interface MemcachedOptions {
  /** How long an operation usually may take; tells a short remainder from a hanging server. */
  readonly timeoutMilliseconds: number;
  readonly observer: StoreObserver;
  readonly auth?: Credentials;
  /** What all keys begin with; behind it may stand in braces what chooses the servers. */
  readonly keyPrefix?: string;
  /** On how many servers each entry is kept, if there are as many; 1 by default. */
  readonly copies?: number;
}

/** The servers that are used now. */
interface Layout {
  readonly servers: ReadonlyMap<string, RemoteServer>;
  readonly inOrder: readonly RemoteServer[];
  readonly rendezvous: Rendezvous;
  readonly copies: number;
}

/** Keys, by their places among those that are asked for, and the servers that keep them. */
interface Group {
  readonly servers: readonly RemoteServer[];
  readonly members: number[];
}

export class MemcachedStore implements Store {
  readonly name = "memcached";
  readonly forgetsBySize = true;
  readonly #prefixLength: number;
  readonly #deadlines = new Deadlines();
  #layout: Layout;
  #closed = false;

  /** Nothing is connected to before the first operation. */
  constructor(servers: readonly Endpoint[], private readonly options: MemcachedOptions) {
    const { auth } = options;
    if (auth !== undefined && (auth.username === "" || auth.password === "")) {
      throw new RangeError(
        "Cannot log in to Memcached: wanted a user and a password, one is empty",
      );
    }
    this.#prefixLength = options.keyPrefix?.length ?? 0;
    this.#layout = this.#layoutOf(servers, options.copies ?? 1);
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return getOne(this, key, deadline);
  }

  getMany(keys: readonly string[], deadline: Deadline, told: ToldOfKey): void {
    for (const { servers, members } of this.#groupsOf(keys, told)) {
      const failed = (error: Error) => members.forEach((place) => told(place, error));
      const together = members.map((place) => keys[place] ?? "");
      const { copies: count } = this.#layout, [first] = servers;
      if (count === 1 && first !== undefined) {
        first.getMany(together, deadline)
          .then((values) => members.forEach((place, i) => told(place, values[i])), failed);
      } else {
        readFirst(servers, count, together, deadline).then(
          ({ values, copies }) => members.forEach((place, i) => told(place, values[i], copies)),
          failed,
        );
      }
    }
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const wrong = violation(key, value, ttlSeconds);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#toAll(key, deadline, (server, until) => server.put(key, value, ttlSeconds, until));
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    const wrong = violation(key);
    if (wrong !== undefined || this.#closed) return this.#refuse(wrong);
    return this.#toAll(key, deadline, (server, until) => server.delete(key, until));
  }

  /** Goes on at these servers. Those that were there stay as they are; those that go end when nobody waits. */
  moveTo(servers: readonly Endpoint[], copies: number): void {
    const before = this.#layout;
    this.#layout = this.#layoutOf(servers, copies, before);
    for (const server of before.inOrder) {
      if (!this.#layout.inOrder.includes(server)) server.retire();
    }
  }

  /** Settles when every server can be read and written: one that is full may well answer. */
  async ping(deadline: Deadline): Promise<void> {
    if (this.#closed) return this.#refuse(undefined);
    const both = (server: RemoteServer) => [
      server.put(pingKey, "", 1, deadline),
      server.get(pingKey, deadline),
    ];
    await Promise.all(this.#layout.inOrder.flatMap(both));
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const server of this.#layout.inOrder) server.close();
    return Promise.resolve();
  }

  #layoutOf(endpoints: readonly Endpoint[], wanted: number, before?: Layout): Layout {
    if (endpoints.length === 0) throw new RangeError("Cannot use Memcached without a server");
    const copies = Math.min(wanted, endpoints.length);
    const servers = new Map(endpoints.map((endpoint) => {
      const name = formatServer(endpoint);
      const server = before?.servers.get(name) ??
        new RemoteServer(endpoint, this.options, this.#deadlines);
      return [name, server];
    }));
    const rendezvous = new Rendezvous([...servers.keys()]);
    return { servers, inOrder: [...servers.values()], rendezvous, copies };
  }

  #toAll(
    key: string,
    deadline: Deadline,
    operation: (server: RemoteServer, deadline: Deadline) => Promise<void>,
  ): Promise<void> {
    const { copies } = this.#layout, servers = this.#inOrderOf(key), [first] = servers;
    return copies === 1 && first !== undefined
      ? operation(first, deadline)
      : toAll(servers.slice(0, copies), deadline, this.options.timeoutMilliseconds, operation);
  }

  /** The places of the keys that can be read in one go, because the same servers keep them; others are told. */
  #groupsOf(keys: readonly string[], told: ToldOfKey): readonly Group[] {
    const groups: Group[] = [], { copies } = this.#layout;
    for (const [place, key] of keys.entries()) {
      const wrong = this.#closed ? "the store is closed" : violation(key);
      if (wrong !== undefined) {
        told(place, this.#error(wrong));
        continue;
      }
      const servers = this.#inOrderOf(key);
      const known = groups.find((group) =>
        group.members.length < mostTogether && areAlike(group.servers, servers, copies)
      );
      if (known === undefined) groups.push({ servers, members: [place] });
      else known.members.push(place);
    }
    return groups;
  }

  /** The servers in the order of their weights for a key: as many as there are copies keep it. */
  #inOrderOf(key: string): readonly RemoteServer[] {
    const { inOrder, rendezvous } = this.#layout;
    if (inOrder.length === 1) return inOrder;
    return rendezvous.order(placeOf(key, this.#prefixLength)).map((place) => {
      const server = inOrder[place];
      if (server === undefined) throw new Error("a key without a server");
      return server;
    });
  }

  #refuse(wrong: string | undefined): Promise<never> {
    return Promise.reject(this.#error(wrong ?? "the store is closed"));
  }

  #error(why: string): StoreError {
    return new StoreError(`memcached: ${why}`);
  }
}

/** Whether keys of these servers can be read together. Without copies only the first of them is asked. */
function areAlike(
  some: readonly RemoteServer[],
  others: readonly RemoteServer[],
  copies: number,
): boolean {
  return copies === 1 ? some[0] === others[0] : some.every((server, i) => server === others[i]);
}
