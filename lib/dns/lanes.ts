/**
 * How many questions are asked at a time: so many in all, because each has a socket, and so many for one domain,
 * so that one whose servers are slow leaves room for the others. The rest waits, for as long as somebody waits for it.
 * Pure.
 */

/** Questions at a time, each of which has a socket: a daemon keeps so many descriptors for them. */
export const mostInFlight = 128;

export interface LaneLimits {
  readonly inAll: number;
  readonly perDomain: number;
  readonly waiting: number;
}

export interface Waiter {
  readonly domain: string;
  /** Begins; `done` is to be called once when it has ended. */
  start(done: () => void): void;
  /** Whether nobody waits for it any more; then it is dropped. */
  isPointless(): boolean;
  /** It will not be started. */
  drop(): void;
}

export class Lanes {
  readonly #running = new Map<string, number>();
  #inAll = 0;
  #waiting: Waiter[] = [];

  constructor(private readonly limits: LaneLimits) {}

  /** Starts it now or later, or drops it. */
  add(waiter: Waiter): void {
    if (this.#hasRoom(waiter)) this.#start(waiter);
    else if (this.#waiting.length < this.limits.waiting) this.#waiting.push(waiter);
    else waiter.drop();
  }

  #hasRoom({ domain }: Waiter): boolean {
    const { inAll, perDomain } = this.limits;
    return this.#inAll < inAll && (this.#running.get(domain) ?? 0) < perDomain;
  }

  #start(waiter: Waiter): void {
    const { domain } = waiter;
    this.#inAll++;
    this.#running.set(domain, (this.#running.get(domain) ?? 0) + 1);
    waiter.start(() => {
      this.#inAll--;
      const left = (this.#running.get(domain) ?? 1) - 1;
      if (left === 0) this.#running.delete(domain);
      else this.#running.set(domain, left);
      this.#next();
    });
  }

  /** Starts what waits and has room now, in its order. */
  #next(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (waiter.isPointless()) waiter.drop();
      else if (this.#hasRoom(waiter)) this.#start(waiter);
      else this.#waiting.push(waiter);
    }
  }
}
