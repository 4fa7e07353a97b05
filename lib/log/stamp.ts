/**
 * The two styles of time stamps in a mail log. Pure.
 *
 * - RFC 3339, as rsyslog and our log files have it: `2026-11-26T10:00:00+01:00`, with or without a fraction; the
 *   journal leaves out the zone's colon.
 * - RFC 3164, as syslog(3) has it: `Nov 26 10:00:00`, local time without a year. So a reader has to say how late the
 *   line can be at the most; the year is the latest that does not exceed it and has such a day.
 */

/** A day and time of no known year, local. */
export interface YearlessTime {
  /** 0 is January. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** UNIX seconds, with their fraction; or what is known without a year. */
export type Stamp = number | YearlessTime;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const rfc3339 =
  /(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):?(\d\d))(?: |$)/y;
const rfc3164 = /([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?: |$)/y;

/** The stamp at a place of a line, and where what follows it begins; undefined if there is none that can be. */
export function stampAt(
  line: string,
  place: number,
): { readonly stamp: Stamp; readonly end: number } | undefined {
  rfc3339.lastIndex = rfc3164.lastIndex = place;
  const full = rfc3339.exec(line);
  if (full !== null) {
    const [year, month, day, hour, minute, second] = full.slice(1, 7).map(Number) as Six;
    const { 7: fraction = 0, 8: sign, 9: zoneHours = 0, 10: zoneMinutes = 0 } = full;
    if (!isTime(hour, minute, second) || !isDay(year, month - 1, day)) return undefined;
    const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === "-" ? -60 : 60);
    const local = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
    return { stamp: local - zone + Number(fraction), end: rfc3339.lastIndex };
  }
  const short = rfc3164.exec(line);
  if (short === null) return undefined;
  const month = months.indexOf(short[1] ?? "");
  const [day, hour, minute, second] = short.slice(2).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  // In a leap year there is each day that there ever is.
  if (!isTime(hour, minute, second) || !isDay(2024, month, day)) return undefined;
  return { stamp: { month, day, hour, minute, second }, end: rfc3164.lastIndex };
}

type Six = [number, number, number, number, number, number];

/** A leap second counts as the next one. */
function isTime(hour: number, minute: number, second: number): boolean {
  return hour < 24 && minute < 60 && second <= 60;
}

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month, day));
  return date.getUTCMonth() === month && date.getUTCDate() === day;
}

/** The latest such time that is not later than `latest`, both UNIX seconds. */
export function timeOf(stamp: Stamp, latest: number): number {
  if (typeof stamp === "number") return stamp;
  const { month, day, hour, minute, second } = stamp;
  const lastYear = new Date(latest * 1000).getFullYear();
  // 1896 and 1904 are leap years, 1900 is none: no more than eight years lie between two.
  for (let year = lastYear; year > lastYear - 9; year--) {
    const date = new Date(year, month, day, hour, minute, second);
    if (date.getTime() <= latest * 1000 && isDay(year, month, day)) return date.getTime() / 1000;
  }
  return latest;
}
