/**
 * Whether DNS is out of order, so that nobody waits for it any more.
 *
 *     works ── two requests in a row got no answer at all ──▶ the root's NS are asked for
 *           ── a third one, and the root's question got none either ──▶ out of order
 *     out of order ── once a second at most, while somebody would ask: the root's NS ── any answer ──▶ works
 *
 * Requests alone open nothing: their names are the senders' to choose, and a spammer's server that never answers
 * must not switch DNS off for everybody. Any answer is one, also a refusal. Pure: times are milliseconds of any clock
 * that does not go back.
 */
const requestsToAskRoot = 2;
const requestsToOpen = 3;
const probeEveryMilliseconds = 1000;

export class Outage {
  /** Requests in a row without an answer. */
  #unanswered = 0;
  #root: "not asked" | "asked" | "silent" = "not asked";
  #since: number | undefined;
  #askedAt = -Infinity;

  get isOpen(): boolean {
    return this.#since !== undefined;
  }

  /** A request got no answer. Gives what follows from that. */
  unanswered(now: number): "opened" | "ask the root" | undefined {
    if (this.isOpen) return undefined;
    this.#unanswered++;
    if (this.#root === "silent") return this.#open(now);
    if (this.#root === "asked" || this.#unanswered < requestsToAskRoot) return undefined;
    return this.#ask(now);
  }

  /** While it is open: whether it is time to ask the root again. The caller does. */
  probes(now: number): boolean {
    if (!this.isOpen || this.#root === "asked" || now - this.#askedAt < probeEveryMilliseconds) {
      return false;
    }
    this.#ask(now);
    return true;
  }

  /** The root's question that was asked at `begun` got no answer. */
  rootSilent(begun: number, now: number): "opened" | undefined {
    if (this.#root !== "asked" || begun !== this.#askedAt) return undefined;
    this.#root = "silent";
    return this.isOpen ? undefined : this.#open(now);
  }

  /** An answer, to whatever question. Gives for how long it was out of order, if it was. */
  answered(now: number): { readonly openMilliseconds: number } | undefined {
    this.#unanswered = 0;
    this.#root = "not asked";
    if (this.#since === undefined) return undefined;
    const openMilliseconds = now - this.#since;
    this.#since = undefined;
    return { openMilliseconds };
  }

  #ask(now: number): "ask the root" {
    this.#root = "asked";
    this.#askedAt = now;
    return "ask the root";
  }

  #open(now: number): "opened" | undefined {
    if (this.#unanswered < requestsToOpen) return undefined;
    this.#since = now;
    return "opened";
  }
}
