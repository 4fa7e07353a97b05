/** One request to a Memcached server, from when it is sent to when its promise settles. */
import type { Waiting } from "./deadlines.ts";
import type { Health } from "./health.ts";
import type { Connection, Pending } from "./memcached_connection.ts";
import type { RemoteServer } from "./memcached_server.ts";
import type { Deadline, StoreError } from "./store.ts";

export class Operation<T> implements Pending, Waiting {
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
