/**
 * One timer for all operations that wait: it is aimed at the earliest deadline, and most operations
 * come and go without touching it. A timer for each would cost more than the operation's own work.
 *
 * - An operation that is still there at its deadline is told so by `expire`, once.
 * - Before that, the runtime gets one turn to read what has already arrived: when this process was busy
 *   past the deadline, the answer may be waiting in the socket, and the backend is not to blame.
 * - The timer keeps the process alive exactly while something waits.
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Deadline } from "./store.ts";

/** A longer one makes the runtimes print a warning and not wait at all. */
const longestWait = 2 ** 31 - 1;

export interface Waiting {
  readonly deadline: Deadline;
  /** Called once, after it was taken out. */
  expire(): void;
}

export class Deadlines {
  #waiting = new Set<Waiting>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What the timer is aimed at. */
  #due = Infinity;

  add(operation: Waiting): void {
    this.#waiting.add(operation);
    if (operation.deadline < this.#due) this.#aim(operation.deadline);
    else if (this.#waiting.size === 1) this.#timer?.ref();
  }

  /** Returns whether it was still waiting. */
  remove(operation: Waiting): boolean {
    const wasThere = this.#waiting.delete(operation);
    if (wasThere) this.#letGo();
    return wasThere;
  }

  #aim(deadline: Deadline): void {
    clearTimeout(this.#timer);
    this.#due = deadline;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - performance.now())), longestWait);
    this.#timer = setTimeout(() => {
      // Deno looks at its sockets when nothing is due, so an immediate alone is not enough.
      setImmediate(() => this.#timer = setTimeout(() => this.#expire(), 1));
    }, wait);
  }

  #expire(): void {
    const now = performance.now();
    const expired: Waiting[] = [];
    let next = Infinity;
    for (const operation of this.#waiting) {
      if (operation.deadline <= now) expired.push(operation);
      else if (operation.deadline < next) next = operation.deadline;
    }
    this.#due = Infinity;
    if (next !== Infinity) this.#aim(next);
    for (const operation of expired) {
      // One that expires may have taken others with it.
      if (this.#waiting.delete(operation)) operation.expire();
    }
    this.#letGo();
  }

  #letGo(): void {
    if (this.#waiting.size === 0) this.#timer?.unref();
  }
}
