/**
 * A circuit breaker: after a few failures in a row nobody waits for what is broken any more, and one
 * caller at a time finds out whether it is back.
 *
 *     closed ── `failuresToOpen` failures in a row ──▶ open ── `probeAfterMs` ──▶ one probe
 *        ▲                                              ▲                          │   │
 *        └────────────── any success ───────────────────┼──────────────────────────┘   │
 *                                                       └────────── it fails ──────────┘
 *
 * Pure: time is a parameter, in milliseconds of any clock that does not go back. There is no timer, so
 * an unused breaker costs nothing, and the probe is a caller's own operation. Whoever was allowed must
 * report `success` or `failure`.
 */
export interface BreakerRules {
  /** How many failures in a row open it. */
  readonly failuresToOpen: number;
  /** How long after the last failure the next probe may go. */
  readonly probeAfterMs: number;
}

type State =
  | { readonly kind: "closed"; readonly failures: number }
  | {
    readonly kind: "open";
    readonly since: number;
    readonly probeAt: number;
    readonly probing: boolean;
  };

/** What a report changed: it opened now, it closed now after so long, or nothing a log should say. */
export type Change =
  | { readonly kind: "none" }
  | { readonly kind: "opened" }
  | { readonly kind: "closed"; readonly openMs: number };

const none: Change = { kind: "none" };
const healthy: State = { kind: "closed", failures: 0 };

export class Breaker {
  #state: State = healthy;

  constructor(private readonly rules: BreakerRules) {}

  /** Whether to try at all; when open, true makes the caller the probe. */
  allows(now: number): boolean {
    const state = this.#state;
    if (state.kind === "closed") return true;
    if (state.probing || now < state.probeAt) return false;
    this.#state = { ...state, probing: true };
    return true;
  }

  /** It worked. */
  success(now: number): Change {
    const state = this.#state;
    this.#state = healthy;
    return state.kind === "open" ? { kind: "closed", openMs: now - state.since } : none;
  }

  /** It did not. */
  failure(now: number): Change {
    const state = this.#state;
    const probeAt = now + this.rules.probeAfterMs;
    if (state.kind === "open") {
      this.#state = { ...state, probeAt, probing: false };
      return none;
    }
    const failures = state.failures + 1;
    if (failures < this.rules.failuresToOpen) {
      this.#state = { kind: "closed", failures };
      return none;
    }
    this.#state = { kind: "open", since: now, probeAt, probing: false };
    return { kind: "opened" };
  }
}
