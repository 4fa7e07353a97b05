/**
 * A circuit breaker: nobody waits any more for what is broken, and one caller at a time finds out
 * whether it is back.
 *
 *     closed ── the count of failures reaches `failuresToOpen` ──▶ open
 *     open ──── `probeAfterMilliseconds` after a failure, or at once after a success ──▶ one probe
 *     probe ─── it is the last of `successesToClose` in a row, and open long enough ──▶ closed
 *           └── it fails, or it is not yet the last ──▶ open
 *
 * - The count goes up by one with each failure, and down, but not below 0, by `forgivenPerSuccess` with
 *   each success and by `forgivenPerSecond` as time goes by. So failures need not be in a row to open it.
 * - Open long enough: `probeAfterMilliseconds`; but when it opens within `relapseMilliseconds` of having closed, twice as long
 *   as the time before, up to `relapseMilliseconds`. What is at the edge is soon down for a minute at a time, with
 *   one line in the log each time, and not down and up with every second request.
 * - A report on something that began before the last change says nothing of the time after it, and counts
 *   for nothing: answers still come in when it has opened, late failures when it has closed.
 *
 * Pure: time is a parameter, in milliseconds of any clock that does not go back. There is no timer, so
 * an unused breaker costs nothing, and the probe is a caller's own operation. Whoever calls `begin` must
 * report once: `success`, `failure`, or `inconclusive`.
 */
export interface BreakerRules {
  /** The count of failures that opens it. */
  readonly failuresToOpen: number;
  readonly forgivenPerSuccess: number;
  readonly forgivenPerSecond: number;
  /** How long after the last failure the next probe may go. */
  readonly probeAfterMilliseconds: number;
  /** How many probes have to succeed in a row. */
  readonly successesToClose: number;
  /** Opening again so soon is a relapse; also the longest that a relapse keeps it open. */
  readonly relapseMilliseconds: number;
}

/**
 * For reads, or writes, of a store. Three failures: one may be an accident, and each costs the requests
 * that wait the whole store-timeout. A store that fails more than one in three does more harm than good.
 */
export const operationRules: BreakerRules = {
  failuresToOpen: 3,
  forgivenPerSuccess: 0.5,
  forgivenPerSecond: 0,
  probeAfterMilliseconds: 1000,
  successesToClose: 3,
  relapseMilliseconds: 60_000,
};

type State =
  | { readonly kind: "closed"; readonly failures: number; readonly countedAt: number }
  | {
    readonly kind: "open";
    readonly since: number;
    readonly probeAt: number;
    readonly probing: boolean;
    readonly successes: number;
  };

/** What a report changed: it opened now, it closed now after so long, or nothing a log should say. */
export type Change =
  | { readonly kind: "none" }
  | { readonly kind: "opened" }
  | { readonly kind: "closed"; readonly openMilliseconds: number };

const none: Change = { kind: "none" };

export class Breaker {
  #state: State = { kind: "closed", failures: 0, countedAt: 0 };
  /** When it last opened or closed. */
  #changedAt = -Infinity;
  /** How long it stays open at least, this time or the last. */
  #holdMilliseconds = 0;

  constructor(private readonly rules: BreakerRules) {}

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Whether to try at all. */
  allows(now: number): boolean {
    const state = this.#state;
    return state.kind === "closed" || !state.probing && now >= state.probeAt;
  }

  /** Somebody who was allowed to tries: the probe, when it is open. */
  begin(): void {
    if (this.#state.kind === "open") this.#state = { ...this.#state, probing: true };
  }

  /** What began at `begun` worked. */
  success(begun: number, now: number): Change {
    const state = this.#state;
    if (begun <= this.#changedAt) return none;
    if (state.kind === "closed") {
      if (state.failures > 0) this.#count(-this.rules.forgivenPerSuccess, now);
      return none;
    }
    const openMilliseconds = now - state.since, successes = state.successes + 1;
    if (successes < this.rules.successesToClose || openMilliseconds < this.#holdMilliseconds) {
      this.#state = { ...state, probeAt: now, probing: false, successes };
      return none;
    }
    this.#state = { kind: "closed", failures: 0, countedAt: now };
    this.#changedAt = now;
    return { kind: "closed", openMilliseconds };
  }

  /** What began at `begun` did not work. */
  failure(begun: number, now: number): Change {
    const state = this.#state;
    if (begun <= this.#changedAt) return none;
    const { probeAfterMilliseconds, relapseMilliseconds } = this.rules,
      probeAt = now + probeAfterMilliseconds;
    if (state.kind === "open") {
      this.#state = { ...state, probeAt, probing: false, successes: 0 };
      return none;
    }
    if (this.#count(1, now) < this.rules.failuresToOpen) return none;
    const relapse = now - this.#changedAt < relapseMilliseconds;
    this.#holdMilliseconds = relapse
      ? Math.min(2 * this.#holdMilliseconds, relapseMilliseconds)
      : probeAfterMilliseconds;
    this.#state = { kind: "open", since: now, probeAt, probing: false, successes: 0 };
    this.#changedAt = now;
    return { kind: "opened" };
  }

  /** What began at `begun` ended for a reason that is not this breaker's to judge. */
  inconclusive(begun: number, now: number): void {
    const state = this.#state;
    if (state.kind === "closed" || begun <= this.#changedAt) return;
    this.#state = { ...state, probeAt: now + this.rules.probeAfterMilliseconds, probing: false };
  }

  /** Brings the count up to date, and changes it. */
  #count(change: number, now: number): number {
    const state = this.#state;
    if (state.kind === "open") return 0;
    const forgiven = this.rules.forgivenPerSecond * (now - state.countedAt) / 1000;
    const failures = Math.max(0, Math.max(0, state.failures - forgiven) + change);
    this.#state = { kind: "closed", failures, countedAt: now };
    return failures;
  }
}
