/** Times, durations and numbers, as a report writes them. Pure. */

const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]] as const;

/** `1 d 3 h`, `6 min 12 s`, `0 s`: the two largest units. */
export function duration(seconds: number): string {
  let rest = Math.round(seconds);
  const largest = units.findIndex(([, size]) => rest >= size);
  if (largest < 0) return "0 s";
  return units.slice(largest, largest + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? "" : `${count} ${unit}`;
  }).filter((part) => part !== "").join(" ");
}

const two = (n: number) => String(n).padStart(2, "0");

/** `2026-11-26 10:00:00`, local. */
export function moment(seconds: number): string {
  const at = new Date(seconds * 1000);
  return `${day(seconds)} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `2026-11-26`, local. */
export function day(seconds: number): string {
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** `1,234,567`. */
export function number(n: number): string {
  return n.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** `12.3 %`; of nothing: nothing. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? "" : `${(part / whole * 100).toFixed(1)} %`;
}

/** What a class of waiting times is called. */
export function waitClass(from: number, to: number | undefined): string {
  if (to === undefined) return `${duration(from)} and more`;
  if (from === 0) return `under ${duration(to)}`;
  const [count, unit] = duration(from).split(" ");
  return `${duration(to).endsWith(` ${unit}`) ? count : duration(from)} – ${duration(to)}`;
}

/**
 * Reads `2026-11-26`, `2026-11-26 10:00`, `2026-11-26T10:00:00` (local, or with `Z`), or how long ago it was, as in `7d`.
 * Gives UNIX seconds. Throws RangeError.
 *
 * @param ago reads a duration, in seconds, or throws
 */
export function parseMoment(text: string, now: number, ago: (text: string) => number): number {
  const form = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?(Z|[+-]\d\d:\d\d)?$/;
  const found = form.exec(text);
  if (found !== null) {
    const [, year, month, date, hour = "00", minute = "00", second = "00", zone = ""] = found;
    const at = Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}${zone}`) / 1000;
    // Some take February 30 for March 2.
    const isThere = new Date(Date.UTC(Number(year), Number(month) - 1, Number(date)))
      .toISOString().startsWith(`${year}-${month}-${date}`);
    if (Number.isFinite(at) && isThere) return at;
  }
  try {
    if (found === null) return now - ago(text);
  } catch {
    // told below
  }
  throw new RangeError(
    `want a day, a time as in "2026-11-26 10:00", or 7d for so long ago, got "${text}"`,
  );
}
