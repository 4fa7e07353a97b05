/**
 * The values that settings are written in, and their one spelling: durations as in main.cf
 * (postconf(5): `s`, `m`, `h`, `d`, `w`; and `ms`), sizes and whole numbers.
 *
 * Every parser throws a RangeError that says what was wanted and what was given. Pure.
 */

const secondsPerUnit: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** Reads `5m`, `500ms`, `2d` or a bare number of seconds. Gives seconds. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})\s?(ms|[smhdw]|)$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new RangeError(`want a duration such as 500ms, 30s, 5m, 12h, 2d or 1w, got "${text}"`);
  }
  return Number(digits) * (secondsPerUnit[unit || "s"] ?? 1);
}

/** The shortest spelling that `parseDuration` reads back as the same number of seconds. */
export function formatDuration(seconds: number): string {
  if (!Number.isInteger(seconds)) return `${Math.round(seconds * 1000)}ms`;
  // More days than are read were weeks.
  if (seconds >= 1e9 * 86_400) return `${seconds / 604_800}w`;
  for (const unit of ["d", "h", "m"]) {
    const size = secondsPerUnit[unit] ?? 1;
    if (seconds !== 0 && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** Reads `65536`, `64k`, `64 KiB` or `1 MiB`. Gives bytes. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,9})\s?(?:([km])(?:ib)?)?$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new RangeError(`want a size such as 65536, 64k or 1 MiB, got "${text}"`);
  }
  const bytesPerUnit = unit === undefined ? 1 : unit.toLowerCase() === "k" ? 1024 : 1024 ** 2;
  return Number(digits) * bytesPerUnit;
}

/** Reads a whole number from `lowest` to `highest`. */
export function parseInteger(text: string, lowest: number, highest: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(value >= lowest && value <= highest)) {
    throw new RangeError(`want a whole number from ${lowest} to ${highest}, got "${text}"`);
  }
  return value;
}
