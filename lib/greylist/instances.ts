/** Which transactions have their header: Postfix adds it once for every PREPEND, and a mail wants one. */

/** How many recent transactions are remembered. One smtpd has one at a time. */
const maxInstances = 1000;

/** The recent transactions that have their header, by Postfix's `instance`. */
export class Instances {
  readonly #claimed = new Set<string>();

  /** Whether this is the first to ask for this transaction; without a name each is one of its own. */
  claim(instance: string): boolean {
    if (instance === "") return true;
    if (this.#claimed.has(instance)) return false;
    this.#claimed.add(instance);
    for (const oldest of this.#claimed) {
      if (this.#claimed.size <= maxInstances) break;
      this.#claimed.delete(oldest);
    }
    return true;
  }
}
