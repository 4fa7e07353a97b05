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
  /** Since midnight, by the clock on the wall. */
  readonly seconds: number;
}

/** UNIX seconds, with their fraction; or what is known without a year. */
export type Stamp = number | YearlessTime;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Behind the day and its `T`, each with a blank or the end of the line behind it. */
const timeAndZone = /(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):?(\d\d))(?: |$)/y;
const time = /(\d\d):(\d\d):(\d\d)(?: |$)/y;

/** The day that was last read: most lines are of the same one. */
let lastDay = "", lastDayBegins: number | undefined;

/** The stamp at a place of a line, and where what follows it begins; undefined if there is none that can be. */
export function stampAt(
  line: string,
  place: number,
): { readonly stamp: Stamp; readonly end: number } | undefined {
  return line[place + 10] === "T" ? fullAt(line, place) : yearlessAt(line, place);
}

function fullAt(line: string, place: number) {
  timeAndZone.lastIndex = place + 11;
  const found = timeAndZone.exec(line);
  if (found === null) return undefined;
  const day = line.slice(place, place + 10);
  if (day !== lastDay) [lastDay, lastDayBegins] = [day, beginningOf(day)];
  const seconds = secondsOf(found);
  if (lastDayBegins === undefined || seconds === undefined) return undefined;
  const { 4: fraction, 5: sign, 6: zoneHours, 7: zoneMinutes } = found;
  const zone = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * (sign === "-" ? -60 : 60);
  return {
    stamp: lastDayBegins + seconds - zone + Number(fraction ?? 0),
    end: timeAndZone.lastIndex,
  };
}

/** When a day begins in UTC, in UNIX seconds. */
function beginningOf(text: string): number | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (!isDay(Number(year), Number(month) - 1, Number(day))) return undefined;
  return Date.UTC(Number(year), Number(month) - 1, Number(day)) / 1000;
}

function yearlessAt(line: string, place: number) {
  if (line[place + 3] !== " " || line[place + 6] !== " ") return undefined;
  time.lastIndex = place + 7;
  const found = time.exec(line);
  if (found === null) return undefined;
  const month = months.indexOf(line.slice(place, place + 3));
  const day = Number(line.slice(place + 4, place + 6)), seconds = secondsOf(found);
  // In a leap year there is each day that there ever is.
  if (seconds === undefined || !isDay(2024, month, day)) return undefined;
  return { stamp: { month, day, seconds }, end: time.lastIndex };
}

/** Since midnight; a leap second counts as the next one. */
function secondsOf({ 1: hour, 2: minute, 3: second }: RegExpExecArray): number | undefined {
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return hours * 3600 + minutes * 60 + seconds;
}

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month, day));
  return date.getUTCMonth() === month && date.getUTCDate() === day;
}

/** The latest such time that is not later than `latest`, both UNIX seconds. */
export function timeOf(stamp: Stamp, latest: number): number {
  if (typeof stamp === "number") return stamp;
  const { month, day, seconds } = stamp;
  const lastYear = new Date(latest * 1000).getFullYear();
  // 1896 and 1904 are leap years, 1900 is none: no more than eight years lie between two.
  for (let year = lastYear; year > lastYear - 9; year--) {
    const date = new Date(year, month, day, 0, 0, seconds);
    if (date.getTime() <= latest * 1000 && isDay(year, month, day)) return date.getTime() / 1000;
  }
  return latest;
}
