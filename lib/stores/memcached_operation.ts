/** One question to a Memcached server, from when it is sent to when its promise settles. */
import type { Waiting } from "./deadlines.ts";
import type { Health } from "./health.ts";
import type { MemcachedConnection, Pending } from "./memcached_connection.ts";
import { printable, type Reply, statuses } from "./memcached_protocol.ts";
import type { Question } from "./memcached_questions.ts";
import type { RemoteServer } from "./memcached_server.ts";
import type { Deadline, StoreError } from "./store.ts";

export class Operation<T> implements Pending, Waiting {
  sequence = 0;
  /** What the server says about an error that it has answered with. */
  #complaint: string | undefined;
  /** The replies to the requests at lower places have come, or will not: they come in order. */
  #nextPlace = 0;
  #settled = false;

  constructor(
    private readonly question: Question<T>,
    private readonly begun: number,
    readonly deadline: Deadline,
    private readonly server: RemoteServer,
    private readonly side: Health,
    private readonly connection: MemcachedConnection,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: StoreError) => void,
  ) {}

  expects(opcode: number, place: number): boolean {
    const { lastPlace, lastOpcode } = this.question;
    return place === lastPlace
      ? opcode === lastOpcode
      : place < lastPlace && place >= this.#nextPlace && opcode === this.question.opcode;
  }

  replied(reply: Reply, place: number, now: number): boolean {
    const { status } = reply, { question } = this;
    this.#nextPlace = place + 1;
    const isGood = status === statuses.success ||
      status === statuses.keyNotFound && question.mayMiss;
    if (!isGood) {
      const code = status.toString(16).padStart(4, "0");
      this.#complaint = `answers with an error, 0x${code} "${printable(reply.text)}"`;
    } else {
      const wrong = question.take(reply, place);
      if (wrong !== undefined) this.#disbelieved(wrong);
    }
    if (place !== question.lastPlace) return false;
    if (this.#complaint === undefined) this.#done(now);
    else this.#refused(this.#complaint, now);
    return true;
  }

  #done(now: number): void {
    if (this.#finish()) return;
    this.server.answered(this.begun, now);
    this.side.success(this.begun, now);
    this.resolve(this.question.answer);
  }

  /** The server answered, with an error. */
  #refused(why: string, now: number): void {
    if (this.#finish()) return;
    this.server.answered(this.begun, now);
    this.side.failure(this.begun, why);
    this.reject(this.server.error(why));
  }

  #disbelieved(why: string): void {
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
    const stays = this.server.late(this.begun, why, this.connection, this.sequence);
    if (stays && !this.server.isTooShort(this.deadline - this.begun)) {
      this.side.failure(this.begun, why);
    } else {
      this.side.inconclusive(this.begun);
    }
  }

  /** True when it was over before: then the reply comes too late to matter. */
  #finish(): boolean {
    if (this.#settled) return true;
    this.#settled = true;
    this.server.over(this);
    return false;
  }
}
