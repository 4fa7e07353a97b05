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
 * | believes any bytes: magic and opcode are not looked at, an unknown opaque is skipped; logs in as often as it is told to | each reply's header is checked before its body is waited for, the first that is wrong ends the connection |
 * | waits for as many bytes as a reply announces, up to 4 GiB, and for ever when they contradict each other | sees whole replies only, none longer than any of ours can be |
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
  /** Set before the callback when the server answers with an error: which, and what it says about it. */
  complaint: string;
  /** The connection is dead. Returns whether anybody still waited. */
  lost(why: string): boolean;
}

/** First byte of every reply in the binary protocol. */
const replyMagic = 0x81;

const headerBytes = 24;

/**
 * More than any reply to us can have behind its header: flags (4 bytes), key (250), blank and the longest
 * value (4096), which store.ts limits; Memcached's errors are texts of a line. Some room for other servers.
 */
const longestBody = 8192;

/** A reply without an error; the one to a request for a key that is not there. */
const success = 0x00, keyNotFound = 0x01;

/** Replies to the two requests of a login: for the mechanisms, and to the password. */
const loginOpcodes = [0x20, 0x21];

/** A server that closes a connection so soon after it was made does so with every one. */
const youngMs = 1000;

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
  /** The beginning of a reply. */
  #inbox: Buffer = Buffer.alloc(0);
  /** The replies that the login still wants, in order. */
  readonly #login: number[];
  readonly #since = performance.now();
  #dead = false;
  #lastReply = 0;
  #heard = 0;

  constructor(
    endpoint: Endpoint,
    auth: Credentials | undefined,
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
    this.#client = new Client([server], { retries: 1, logger: silent });

    server.write = (request) => {
      if (this.#outbox.push(request) === 1) queueMicrotask(() => this.#flush());
    };
    server.responseHandler = (data) => this.#receive(data);
    server.error = (error) => {
      // memjs passes a text instead of an Error for one thing only.
      if (typeof error !== "string") return this.#die(`connection failed: ${error.message}`, true);
      this.#die(auth === undefined ? "wants a user and a password" : "refused user and password");
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
    socket.on("end", () => this.#die("closed the connection", true));
    socket.on("close", () => this.#die("closed the connection", true));
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
    this.#inbox = this.#inbox.length === 0 ? data : Buffer.concat([this.#inbox, data]);
    while (this.#inbox.length > 0 && !this.#dead) {
      if (this.#inbox[0] !== replyMagic) {
        const start = printable(this.#inbox);
        return this.#die(
          `answers with something else than Memcached's binary protocol: "${start}"`,
        );
      }
      if (this.#inbox.length < headerBytes) return;
      const reply = headerOf(this.#inbox);
      const wrong = this.#objection(reply);
      if (wrong !== undefined) return this.#die(wrong);
      const end = headerBytes + reply.bodyLength;
      if (this.#inbox.length < end) return;
      const whole = this.#inbox.subarray(0, end);
      this.#inbox = this.#inbox.subarray(end);
      this.#take(reply, whole);
    }
  }

  /** What is wrong with a reply, as far as its header tells. */
  #objection({ opcode, opaque, bodyLength, textAt }: Header): string | undefined {
    if (bodyLength > longestBody) {
      return `announced a reply of ${bodyLength} bytes, wanted ${longestBody} at most`;
    }
    if (textAt > headerBytes + bodyLength) return "sent a reply that contradicts itself";
    const wanted = loginOpcodes.includes(opcode)
      ? this.#login[0] === opcode
      : this.#pending.get(opaque)?.opcode === opcode;
    return wanted ? undefined : "sent a reply that nobody asked for";
  }

  /** Hands a whole reply to memjs, which calls back who waits for it. */
  #take({ opcode, opaque, status, textAt }: Header, whole: Buffer): void {
    const pending = this.#pending.get(opaque);
    if (loginOpcodes.includes(opcode)) this.#login.shift();
    else if (pending !== undefined) {
      this.#lastReply = opaque;
      this.#heard = performance.now();
      if (status !== success && status !== keyNotFound) {
        const code = status.toString(16).padStart(4, "0");
        pending.complaint = `answers with an error, 0x${code} "${
          printable(whole.subarray(textAt))
        }"`;
      }
    }
    Server.prototype.responseHandler.call(this.#server, whole);
    // Afterwards, because memjs calls nobody back when it is told that a login is wanted.
    if (!this.#dead && pending !== undefined) this.#pending.delete(opaque);
  }

  /** @param closed by the server, or the network, and not by us for what the server said */
  #die(why: string, closed = false): void {
    if (this.#dead) return;
    const young = performance.now() - this.#since < youngMs;
    const busy = this.destroy(why);
    this.died(why, closed && !busy && !young);
  }
}

/** What is looked at of a reply's header (Memcached's BinaryProtocolRevamped). */
interface Header {
  readonly opcode: number;
  readonly status: number;
  readonly opaque: number;
  readonly bodyLength: number;
  /** Where extras and key end, and value or text begins. */
  readonly textAt: number;
}

function headerOf(bytes: Buffer): Header {
  return {
    opcode: bytes.readUInt8(1),
    status: bytes.readUInt16BE(6),
    opaque: bytes.readUInt32BE(12),
    bodyLength: bytes.readUInt32BE(8),
    textAt: headerBytes + bytes.readUInt8(4) + bytes.readUInt16BE(2),
  };
}

/** The beginning of what a server says, for a log. */
function printable(bytes: Buffer): string {
  return bytes.toString("latin1", 0, 40).replace(/[^\x20-\x7e]+/g, " ").trim();
}
