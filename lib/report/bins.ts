/** Hours put together into no more than a picture can show. Pure. */
import type { Hour } from "./tally.ts";

/** What became of mails in some hours. */
export interface Bin extends Hour {
  /** When it begins, as the clock on the wall shows it: to be read as if it were UTC. */
  readonly from: Date;
}

export interface Bins {
  readonly hoursEach: number;
  /** One after the other, without a gap. */
  readonly bins: readonly Bin[];
}

const hourMilliseconds = 3_600_000;

/** A bar needs a few pixels, and a table not too many rows. */
const mostBins = 200;

/** What is natural to look at, in hours; beyond that, so many weeks as it takes. */
const sizes = [1, 3, 6, 12, 24, 7 * 24];

/** @param hours in order; `from` is in UNIX seconds */
export function binned(hours: readonly (Hour & { readonly from: number })[]): Bins | undefined {
  const first = hours[0], last = hours.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const begin = onTheWall(first.from), span = (onTheWall(last.from) - begin) / hourMilliseconds + 1;
  const weeks = Math.ceil(span / (mostBins - 2) / 168) * 168;
  // Both ends may stand in the middle of a bin.
  const hoursEach = sizes.find((size) => span / size <= mostBins - 2) ?? weeks;
  const placeOf = (from: number) => Math.floor(onTheWall(from) / hourMilliseconds / hoursEach);
  const bins = Array.from({ length: placeOf(last.from) - placeOf(first.from) + 1 }, (_, n) => ({
    from: new Date((placeOf(first.from) + n) * hoursEach * hourMilliseconds),
    deferred: 0,
    accepted: 0,
    letThrough: 0,
  }));
  for (const hour of hours) {
    const bin = bins[placeOf(hour.from) - placeOf(first.from)];
    if (bin === undefined) continue; // the clock was set back at the end of summer time
    bin.deferred += hour.deferred;
    bin.accepted += hour.accepted;
    bin.letThrough += hour.letThrough;
  }
  return { hoursEach, bins };
}

/** Milliseconds, as if the time on the wall were UTC. */
function onTheWall(seconds: number): number {
  const at = new Date(seconds * 1000);
  return at.getTime() - at.getTimezoneOffset() * 60_000;
}
