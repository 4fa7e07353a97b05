/**
 * Something of a store that can be down by itself, under its name in the log: a breaker, why it was opened
 * last, and who is told. Each change is told once.
 */
import { Breaker, type BreakerRules, type Change } from "./breaker.ts";
import type { StoreObserver } from "./store.ts";

export class Health {
  readonly #breaker: Breaker;
  #why = "";

  constructor(
    private readonly label: string,
    rules: BreakerRules,
    private readonly observer: StoreObserver,
  ) {
    this.#breaker = new Breaker(rules);
  }

  /** What failed last. */
  get why(): string {
    return this.#why;
  }

  get isDown(): boolean {
    return this.#breaker.isOpen;
  }

  /** Whether to try at all, now. */
  allows(now: number): boolean {
    return this.#breaker.allows(now);
  }

  /** Somebody tries; reports once, with the time of its beginning, in one of the three ways below. */
  begin(): void {
    this.#breaker.begin();
  }

  success(begun: number, now = performance.now()): void {
    this.#tell(this.#breaker.success(begun, now));
  }

  failure(begun: number, why: string): void {
    this.#why = why;
    this.#tell(this.#breaker.failure(begun, performance.now()));
  }

  /** It ended for a reason that says nothing about this. */
  inconclusive(begun: number): void {
    this.#breaker.inconclusive(begun, performance.now());
  }

  #tell(change: Change): void {
    if (change.kind === "opened") this.observer.down(this.label, this.#why);
    if (change.kind === "closed") this.observer.up(this.label, change.openMilliseconds / 1000);
  }
}
