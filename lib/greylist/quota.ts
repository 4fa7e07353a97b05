/**
 * How much a user may have learned: so many in an hour, which begins with the first. Pure; a user is known by a
 * hash. Of more users than there is room for, the one whose hour began first is forgotten.
 */

/** Nobody writes by hand to more addresses in an hour; whose password was stolen does. */
export const quotaPerHour = 200;

const windowSeconds = 3600;
const mostUsers = 10_000;

export class Quota {
  readonly #users = new Map<string, { readonly since: number; taken: number }>();

  /** Takes one of the user's hour at `now` (UNIX seconds). The first that is too many is told from the others. */
  take(user: string, now: number): "granted" | "first refused" | "refused" {
    const hour = this.#hourOf(user, now);
    hour.taken++;
    if (hour.taken <= quotaPerHour) return "granted";
    return hour.taken === quotaPerHour + 1 ? "first refused" : "refused";
  }

  #hourOf(user: string, now: number): { readonly since: number; taken: number } {
    const known = this.#users.get(user);
    // A clock that was set back begins a new one, too.
    if (known !== undefined && now >= known.since && now - known.since < windowSeconds) {
      return known;
    }
    const hour = { since: now, taken: 0 };
    // Behind all others, in the order of their beginnings.
    this.#users.delete(user);
    this.#users.set(user, hour);
    for (const oldest of this.#users.keys()) {
      if (this.#users.size <= mostUsers) break;
      this.#users.delete(oldest);
    }
    return hour;
  }
}
