/** How long the mails that came back had waited: counted to the second as long as that is of use. Pure. */

/**
 * Above so many seconds a wait is counted with three digits, so that there is a bound to how many differ. Within two
 * days, the default retry window, each is what it is.
 */
const exactUpTo = 200_000;

/** The bounds, in seconds, of the distribution's classes. */
const bounds = [60, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, Infinity];

export interface WaitClass {
  readonly fromSeconds: number;
  /** Not included; undefined: there is no bound. */
  readonly toSeconds: number | undefined;
  readonly mails: number;
}

export class Waits {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #sorted: readonly (readonly [number, number])[] | undefined;

  add(seconds: number, mails = 1): void {
    const counted = rounded(seconds);
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + mails);
    this.#total += mails;
    this.#sorted = undefined;
  }

  get total(): number {
    return this.#total;
  }

  /** The shortest wait that a share of the mails did not exceed (the nearest rank); undefined if there is none. */
  percentile(share: number): number | undefined {
    let below = 0;
    for (const [seconds, mails] of this.#inOrder()) {
      below += mails;
      if (below >= share * this.#total) return seconds;
    }
    return undefined;
  }

  distribution(): WaitClass[] {
    const classes = bounds.map((bound, place) => ({
      fromSeconds: bounds[place - 1] ?? 0,
      toSeconds: bound === Infinity ? undefined : bound,
      mails: 0,
    }));
    for (const [seconds, mails] of this.#inOrder()) {
      classes[bounds.findIndex((bound) => seconds < bound)]!.mails += mails;
    }
    return classes;
  }

  #inOrder() {
    return this.#sorted ??= [...this.#counts].sort(([a], [b]) => a - b);
  }
}

function rounded(seconds: number): number {
  const whole = Math.floor(seconds);
  if (whole <= exactUpTo) return whole;
  const unit = 10 ** (Math.floor(Math.log10(whole)) - 2);
  return Math.floor(whole / unit) * unit;
}
