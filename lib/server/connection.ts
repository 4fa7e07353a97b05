/**
 * One connection from Postfix: bytes in, requests answered strictly in order, one reply each.
 *
 * smtpd takes whatever arrives next for the answer to its next question, so nothing but a reply is ever
 * written, and after a broken request nothing at all: the connection is closed and the log says why.
 *
 * What arrives while a request is being answered waits; the peer is asked to pause meanwhile, so that one
 * that floods waits in its own socket and not in our memory. Nor does it keep the others waiting: what is
 * answered from memory never waits for anything, so from time to time this waits for the sake of the others.
 */
import type { Log } from "../log/log.ts";
import type { Policy } from "../greylist/policy.ts";
import { encodeAction, ProtocolError, RequestReader } from "../protocol/codec.ts";
import { nextTurn } from "./turns.ts";

/** The other end, whatever carries it. */
export interface Peer {
  /** What the log calls it. */
  readonly name: string;
  /** Sends a reply; settles when more may be sent. Rejects when the peer is gone. */
  send(reply: string): Promise<void> | undefined;
  pause(): void;
  resume(): void;
  /** Sends what is still to be sent, then closes. */
  end(): void;
}

export interface ConnectionOptions {
  readonly policy: () => Policy;
  readonly log: Log;
  readonly maxRequestSize: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Told how long each answer has taken. */
  readonly answered?: ((milliseconds: number) => void) | undefined;
}

/**
 * How long, in milliseconds, a peer that does not wait for its answers is served without letting the others in.
 * smtpd sends one request at a time, and never comes near it.
 */
const turnMilliseconds = 8;

export class Connection {
  readonly #peer: Peer;
  readonly #options: ConnectionOptions;
  readonly #reader: RequestReader;
  #state: "open" | "ending" | "closed" = "open";
  #busy = false;
  /** The policy is at work: the peer waits for us, and not we for the peer. */
  #deciding = false;
  #lastProgress: number;
  /** How long the present turn has lasted, in milliseconds. */
  #turn = 0;
  /** Since the last look: bytes have arrived; the peer was asked to pause, so that more may be in its socket. */
  #heard = false;
  #heldBack = false;
  /** Looks in a row that found nothing to do. */
  #quietLooks = 0;

  constructor(peer: Peer, options: ConnectionOptions) {
    this.#peer = peer;
    this.#options = options;
    this.#reader = new RequestReader(options.maxRequestSize);
    this.#lastProgress = options.now();
  }

  /** A request is being answered, or its reply being sent. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Since when the peer has been waited for, to send a request or to take a reply: `now` of the options.
   * While it waits for us (a store that hangs) that is this moment.
   */
  get lastProgress(): number {
    return this.#deciding ? this.#options.now() : this.#lastProgress;
  }

  /** Bytes have arrived, as a byte string. */
  receive(bytes: string): void {
    if (this.#state === "closed") return;
    this.#reader.push(bytes);
    this.#heard = true;
    if (!this.#busy) void this.#answerAll();
    else {
      this.#heldBack = true;
      this.#peer.pause();
    }
  }

  /** Nothing more will arrive: what has arrived is answered, then the connection ends. */
  finish(): void {
    if (this.#state === "open") this.#state = "ending";
    if (!this.#busy) this.#close();
  }

  /**
   * Ends the connection once all that has arrived is answered. What is in the peer's socket cannot be seen, so
   * this has to be called again and again, a few turns of the event loop apart: when two calls in a row find
   * nothing new, there was nothing. With `soon` no new requests are waited for, only those that were held back.
   */
  endWhenQuiet(soon: boolean): void {
    this.#quietLooks = this.#heard || this.#busy ? 0 : this.#quietLooks + 1;
    if (this.#quietLooks >= 2 || (soon && !this.#heldBack)) this.finish();
    this.#heard = false;
    this.#heldBack &&= this.#busy;
  }

  /** The carrier is gone: nothing more is sent. */
  abort(): void {
    this.#state = "closed";
  }

  /** Never rejects. */
  async #answerAll(): Promise<void> {
    this.#busy = true;
    let answered = 0;
    try {
      for (;; answered++) {
        const request = this.#reader.next();
        if (request === undefined) break;
        if (this.#turn >= turnMilliseconds) {
          await nextTurn();
          this.#turn = 0;
          if (this.#state === "closed") return;
        }
        const began = this.#options.now();
        this.#deciding = true;
        const action = await this.#options.policy().answer(request);
        this.#deciding = false;
        this.#lastProgress = this.#options.now();
        this.#options.answered?.(this.#lastProgress - began);
        if (this.#state === "closed") return;
        const sending = this.#peer.send(encodeAction(action));
        if (sending !== undefined) {
          await sending;
          this.#lastProgress = this.#options.now();
        }
        this.#turn += this.#lastProgress - began;
      }
      // The next piece of a flood goes on with its turn.
      if (answered <= 1) this.#turn = 0;
    } catch (error) {
      this.#report(error);
      this.#shut();
    } finally {
      this.#deciding = false;
      this.#busy = false;
    }
    if (this.#state === "ending") this.#close();
    else if (this.#state === "open") this.#peer.resume();
  }

  #report(error: unknown): void {
    const { log } = this.#options;
    if (error instanceof ProtocolError) log.protocolError(this.#peer.name, error.message);
    else if (error instanceof PeerGone) log.connectionError(this.#peer.name, error.message);
    else log.internalError(error);
  }

  #close(): void {
    if (this.#state === "closed") return;
    const bytes = this.#reader.pendingBytes;
    if (bytes > 0) {
      this.#options.log.protocolError(this.#peer.name, `ended after ${bytes} bytes of a request`);
    }
    this.#shut();
  }

  #shut(): void {
    this.#state = "closed";
    this.#peer.end();
  }
}

/** Sending failed because the peer does not take it any more. */
export class PeerGone extends Error {
  override readonly name = "PeerGone";
}
