/**
 * One connection to one Memcached: the only module that names memjs, and the cage it is kept in.
 *
 * memjs turns operations into bytes and bytes into replies, nothing more. All that it does about time
 * and failure is switched off or replaced, because none of it can be relied on:
 *
 * | memjs | here |
 * |---|---|
 * | its timeout is the socket's idle timer, restarted by every write: a server that hangs under steady traffic is never noticed (issue 119) | its timers are off; callers bring deadlines |
 * | a clean close leaves requests pending for ever | `end` and `close` of the socket fail them |
 * | half a reply stays in the buffer after a reconnect (issue 117); late events of an old socket hit the new one | never reconnects: after any failure the connection is dead, and its owner makes a new one |
 * | gives up with end(), which leaks a descriptor while the server hangs | destroy() |
 * | believes any bytes: magic and opcode are not looked at, an unknown opaque is skipped | each is checked, the first that is wrong ends the connection |
 * | after 2^31 operations every call throws | the sequence starts again |
 * | reads user and password from MEMCACHIER_* and MEMCACHE_* | they are set or cleared afterwards, and never read |
 * | logs to the console | a logger that does nothing; every error comes back as a value |
 * | Nagle's algorithm on, so pipelined requests wait for each other | off |
 * | one write for each request | requests of one turn go out in one write: half the processor time of a busy daemon |
 *
 * The socket never keeps the process alive; whoever waits has a timer that does.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
// @ts-types="./memjs.d.ts"
import { Client, Server } from "memjs";
import type { Endpoint } from "../endpoint.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Opcodes of Memcached's binary protocol. */
export const opcodes = { get: 0x00, set: 0x01, delete: 0x04 } as const;

/** Who waits for a reply. */
export interface Pending {
  readonly opcode: number;
  /** The connection is dead. Returns whether anybody still waited. */
  lost(why: string): boolean;
}

/** First byte of every reply in the binary protocol. */
const replyMagic = 0x81;

/** memjs counts in 32 bits with sign; 0 is the opaque of its SASL requests. */
const lastSequence = 0x7fff_fffe;

const silent = { log() {} };

export class Connection {
  readonly #server: Server;
  readonly #client: Client;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | undefined;
  /** Requests of this turn, not yet written. */
  #outbox: Buffer[] = [];
  #dead = false;
  #lastReply = 0;
  #heard = 0;

  constructor(
    endpoint: Endpoint,
    auth: Credentials | undefined,
    /** Called once, when it dies of itself; not after `destroy`. `busy`: while somebody waited. */
    private readonly died: (why: string, busy: boolean) => void,
  ) {
    const options = { timeout: 0, conntimeout: 0, keepAlive: true, keepAliveDelay: 60 };
    // Without a user and a password given here memjs would look for them in the environment.
    const server = endpoint.kind === "unix"
      ? new Server(undefined, endpoint.path, "-", "-", options)
      : new Server(endpoint.host, endpoint.port, "-", "-", options);
    server.username = auth?.username;
    server.password = auth?.password;
    this.#server = server;
    this.#client = new Client([server], { retries: 1, logger: silent });

    server.write = (request) => {
      if (this.#outbox.push(request) === 1) queueMicrotask(() => this.#flush());
    };
    server.responseHandler = (data) => this.#receive(data);
    server.respond = (response) => {
      const { magic, opcode, opaque } = response.header;
      const pending = this.#pending.get(opaque);
      if (magic !== replyMagic || pending === undefined || pending.opcode !== opcode) {
        return this.#die("sent a reply that nobody asked for");
      }
      this.#pending.delete(opaque);
      this.#lastReply = opaque;
      this.#heard = performance.now();
      Server.prototype.respond.call(server, response);
    };
    server.error = (error) => {
      // memjs passes a text instead of an Error for one thing only.
      if (typeof error !== "string") return this.#die(`connection failed: ${error.message}`);
      this.#die(auth === undefined ? "wants a user and a password" : "refused user and password");
    };
    if (auth === undefined) {
      server.saslAuth = () => this.#die("sent a reply that nobody asked for");
    }
    this.#connect();
  }

  /** When the latest whole reply came, by performance.now(); 0 for never. */
  get heard(): number {
    return this.#heard;
  }

  /** Whether a request that was sent after this one has been answered: then this one never will be. */
  passedOver(sequence: number): boolean {
    return this.#lastReply > sequence;
  }

  /**
   * Lets `call` send one request of `pending.opcode` and returns its sequence number. The callback that
   * `call` gives to memjs runs when the reply has come; its error then is one that the server
   * answered with. `pending.lost` is called instead when the connection dies first.
   */
  send(pending: Pending, call: (client: Client) => void): number {
    if (this.#client.seq >= lastSequence) this.#client.seq = 0;
    call(this.#client);
    const sequence = this.#client.seq;
    this.#pending.set(sequence, pending);
    return sequence;
  }

  /** Ends it at once; everybody who waits is told why. Returns whether anybody did. */
  destroy(why: string): boolean {
    if (this.#dead) return false;
    this.#dead = true;
    this.#socket?.destroy();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    let busy = false;
    for (const one of pending) if (one.lost(why)) busy = true;
    return busy;
  }

  #connect(): void {
    // Connects now and not at the first request, so that the socket is there to be listened to.
    this.#server.sock(false, () => {});
    const socket = this.#server._socket;
    if (socket === undefined) throw new Error("memjs has made no socket");
    this.#socket = socket;
    socket.unref();
    socket.setNoDelay(true);
    socket.on("end", () => this.#die("closed the connection"));
    socket.on("close", () => this.#die("closed the connection"));
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = [];
    if (this.#dead) return;
    const [first] = requests;
    const bytes = requests.length === 1 && first !== undefined ? first : Buffer.concat(requests);
    this.#server.sock(false, (socket) => void socket.write(bytes));
  }

  #receive(data: Buffer): void {
    if (this.#dead) return;
    const server = this.#server;
    const first = server.responseBuffer.length > 0 ? server.responseBuffer[0] : data[0];
    if (first !== replyMagic) {
      const start = data.toString("latin1", 0, 40).replace(/[^\x20-\x7e]+/g, " ").trim();
      return this.#die(`answers with something else than Memcached's binary protocol: "${start}"`);
    }
    Server.prototype.responseHandler.call(server, data);
  }

  #die(why: string): void {
    if (this.#dead) return;
    this.died(why, this.destroy(why));
  }
}
