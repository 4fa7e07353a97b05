/**
 * One connection to one Memcached: the only module that names memjs, and the cage it is kept in.
 *
 * memjs makes the socket, connects, and logs in, nothing more: its own requests and replies cost as much as all the rest
 * of an answer (memcached_protocol.ts has ours). All that it does about time and failure is switched off or replaced,
 * because none of it can be relied on:
 *
 * | memjs | here |
 * |---|---|
 * | its timeout is the socket's idle timer, restarted by every write: a server that hangs under steady traffic is never noticed (issue 119) | its timers are off; callers bring deadlines |
 * | a clean close leaves requests pending for ever | `end` and `close` of the socket fail them |
 * | half a reply stays in the buffer after a reconnect (issue 117); late events of an old socket hit the new one | never reconnects: after any failure the connection is dead, and its owner makes a new one |
 * | gives up with end(), which leaks a descriptor while the server hangs | destroy() |
 * | believes any bytes: magic and opcode are not looked at, an unknown opaque is skipped; logs in as often as it is told to | each reply's header is checked before its body is waited for, the first that is wrong ends the connection |
 * | waits for as many bytes as a reply announces, up to 4 GiB, and for ever when they contradict each other | sees whole replies only, none longer than any of ours can be |
 * | reads user and password from MEMCACHIER_* and MEMCACHE_* | they are set or cleared afterwards, and never read |
 * | logs to the console | a logger that does nothing; every error comes back as a value |
 * | Nagle's algorithm on, so pipelined requests wait for each other | off |
 * | one write for each request | requests of one turn go out in one write |
 *
 * The socket never keeps the process alive; whoever waits has a timer that does.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
// @ts-types="./memjs.d.ts"
import { Server } from "memjs";
import type { Endpoint } from "../endpoint.ts";
import {
  nextSequence,
  opcodes,
  places,
  type Reply,
  ReplyError,
  ReplyReader,
  statuses,
} from "./memcached_protocol.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Who waits for the replies to a question. */
export interface Pending {
  /** Whether a reply like that may come. */
  expects(opcode: number, place: number): boolean;
  /** A reply has come, at this time by performance.now(). Returns whether it was the last one. */
  replied(reply: Reply, place: number, now: number): boolean;
  /** The connection is dead. Returns whether anybody still waited. */
  lost(why: string): boolean;
}

/** Replies to the two requests of a login: for the mechanisms, and to the password. */
const loginOpcodes: readonly number[] = [opcodes.listMechanisms, opcodes.login];

/** A server that closes a connection so soon after it was made does so with every one. */
const youngMilliseconds = 1000;

export class MemcachedConnection {
  readonly #server: Server;
  /** By their sequence numbers. */
  readonly #pending = new Map<number, Pending>();
  readonly #replies = new ReplyReader((opcode, opaque) => this.#isWanted(opcode, opaque));
  #socket: Socket | undefined;
  /** Requests of this turn, not yet written. */
  #outbox = "";
  #sequence: number | undefined;
  /** The replies that the login still wants, in order. */
  readonly #login: number[];
  readonly #since = performance.now();
  #dead = false;
  #lastReply = 0;
  #heard = 0;

  constructor(
    endpoint: Endpoint,
    private readonly auth: Credentials | undefined,
    /**
     * Called once, when it dies of itself; not after `destroy`. `harmless`: the server closed it while
     * nobody waited, as when it is restarted, and not soon after it was made.
     */
    private readonly died: (why: string, harmless: boolean) => void,
  ) {
    this.#login = auth === undefined ? [] : [...loginOpcodes];
    const options = { timeout: 0, conntimeout: 0, keepAlive: true, keepAliveDelay: 60 };
    // Without a user and a password given here memjs would look for them in the environment.
    const server = endpoint.kind === "unix"
      ? new Server(undefined, endpoint.path, "-", "-", options)
      : new Server(endpoint.host, endpoint.port, "-", "-", options);
    server.username = auth?.username;
    server.password = auth?.password;
    this.#server = server;
    server.responseHandler = (data) => this.#receive(data.toString("latin1"));
    server.error = (error) => {
      // memjs passes a text instead of an Error for one thing only.
      if (typeof error !== "string") return this.#die(`connection failed: ${error.message}`, true);
      this.#refusedLogin();
    };
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
   * Sends a question's requests with the others of this turn, and returns its sequence number. `pending` is told of the
   * replies, or that there will be none.
   *
   * @param requests makes them, whose numbers count from `opaque`
   */
  send(pending: Pending, requests: (opaque: number) => string): number {
    const sequence = this.#sequence = nextSequence(this.#sequence);
    this.#pending.set(sequence, pending);
    if (this.#outbox === "") queueMicrotask(() => this.#flush());
    this.#outbox += requests(sequence * places);
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
    socket.on("end", () => this.#die("closed the connection", true));
    socket.on("close", () => this.#die("closed the connection", true));
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = "";
    if (!this.#dead) this.#server.sock(false, (socket) => void socket.write(requests, "latin1"));
  }

  #receive(bytes: string): void {
    const now = performance.now();
    this.#replies.push(bytes);
    try {
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next()) {
        this.#take(reply, now);
        if (this.#dead) return;
      }
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#die(error.message);
    }
  }

  #isWanted(opcode: number, opaque: number): boolean {
    if (loginOpcodes.includes(opcode)) return this.#login[0] === opcode;
    const place = opaque % places;
    return this.#pending.get((opaque - place) / places)?.expects(opcode, place) ?? false;
  }

  #take(reply: Reply, now: number): void {
    if (loginOpcodes.includes(reply.opcode)) {
      this.#login.shift();
      // memjs answers with the password, or goes on to what was to be sent.
      Server.prototype.responseHandler.call(this.#server, Buffer.from(reply.bytes, "latin1"));
      return;
    }
    if (reply.status === statuses.loginWanted) return this.#refusedLogin();
    const place = reply.opaque % places, sequence = (reply.opaque - place) / places;
    this.#lastReply = sequence;
    this.#heard = now;
    if (this.#pending.get(sequence)?.replied(reply, place, now)) this.#pending.delete(sequence);
  }

  #refusedLogin(): void {
    this.#die(
      this.auth === undefined ? "wants a user and a password" : "refused user and password",
    );
  }

  /** @param closed by the server, or the network, and not by us for what the server said */
  #die(why: string, closed = false): void {
    if (this.#dead) return;
    const young = performance.now() - this.#since < youngMilliseconds;
    const busy = this.destroy(why);
    this.died(why, closed && !busy && !young);
  }
}
