/** Who is there most often, with a bound to how many are kept in mind. Pure. */

/** What is counted of somebody. */
export interface Counts {
  deferred: number;
  /** First attempts. */
  mails: number;
  cameBack: number;
}

export class Ranking {
  readonly #counts = new Map<string, Counts>();
  #missing = 0;

  /** @param most how many are kept; when there are more, the half that is seen least is forgotten */
  constructor(private readonly most = 50_000) {}

  /** By how much a count can be too low: as much as one had at most that was forgotten. */
  get missing(): number {
    return this.#missing;
  }

  of(name: string): Counts {
    const found = this.#counts.get(name);
    if (found !== undefined) return found;
    if (this.#counts.size >= this.most) this.#forgetHalf();
    const counts = { deferred: 0, mails: 0, cameBack: 0 };
    this.#counts.set(name, counts);
    return counts;
  }

  /** The first of those that were deferred, the most often first, then by name. */
  first(places: number): (Counts & { readonly name: string })[] {
    return [...this.#counts].map(([name, counts]) => ({ name, ...counts }))
      .filter(({ deferred }) => deferred > 0)
      .sort((a, b) => b.deferred - a.deferred || (a.name < b.name ? -1 : 1))
      .slice(0, places);
  }

  #forgetHalf(): void {
    const sizes = [...this.#counts.values()].map(({ deferred }) => deferred).sort((a, b) => a - b);
    const median = sizes[sizes.length >> 1] ?? 0;
    this.#missing += median;
    for (const [name, { deferred }] of this.#counts) {
      if (deferred <= median) this.#counts.delete(name);
    }
  }
}
