/**
 * The clock of one IANA zone, with nothing but Intl. Instants are milliseconds since 1970; a *wall clock* is what the
 * zone's clock shows, written as if it were UTC, in milliseconds too.
 *
 * Reaches (`back`): `s m h` are absolute. `d w y` go back to the same wall clock; 29 February becomes 28. What that
 * leaves open is fixed so that a reach never moves back while time goes on, or else a pruner with an old view could
 * delete what a newer one keeps:
 * - a wall clock that was skipped stands for the moment of the jump, one that was repeated for its first pass;
 * - while an hour that will be repeated runs for the first time, a reach waits where the second pass will begin;
 * - on 28 February of a leap year a reach in years waits at the start of that day, since from the 29th it goes back to
 *   the 28th as well.
 */

import { seconds } from '../units.ts';
import type { Duration } from './policy.ts';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

/** Offsets of one UTC day: `before` until the instant `at` (Infinity where nothing changes), `after` from then on. */
type OffsetOfDay = { before: number; at: number; after: number };

export type ZoneClock = {
  /** Wall clock minus instant, ms. */
  offset(instant: number): number;
  wall(instant: number): number;
  /** First instant that shows this wall clock; where it is skipped, the moment of the jump. */
  instant(wall: number): number;
  /** Where a reach that is measured from `from` ends. -Infinity before the year 1: it reaches everything. */
  back(from: number, reach: Duration): number;
  /** The same wall clock that much later; `s m h` are absolute. */
  ahead(from: number, length: Duration): number;
};

const clocks = new Map<string, ZoneClock>();

/** The clock of a zone; kept, since its offsets are cached by day. A zone that does not exist throws a RangeError. */
export function zoneClock(timezone: string): ZoneClock {
  const known = clocks.get(timezone);
  if (known !== undefined) return known;
  const clock = makeClock(offsetReader(timezone));
  clocks.set(timezone, clock);
  return clock;
}

/** Asks Intl: right everywhere and too slow to be asked for every backup. */
function offsetReader(timezone: string): (instant: number) => number {
  // Most plans have no other zone, and the first question to Intl takes some 15 ms of a start.
  if (timezone === 'UTC') return () => 0;
  const two = '2-digit';
  const fields = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, hourCycle: 'h23', ...fields });
  return (instant) => {
    const whole = Math.floor(instant / second) * second;
    const [month, date, year, hours, minutes, secs] = format.format(whole).match(/\d+/g)!.map(Number);
    const wall = new Date(0).setUTCFullYear(year!, month! - 1, date!);
    return wall + hours! * hour + minutes! * 60 * second + secs! * second - whole;
  };
}

/** First instant in (low, high] from which `after` holds; a zone's clock does not jump to and fro within a day. */
function jump(read: (instant: number) => number, low: number, high: number, after: number): number {
  let early = Math.floor(low / second);
  let late = Math.ceil(high / second);
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (read(middle * second) === after) late = middle;
    else early = middle;
  }
  return late * second;
}

function makeClock(read: (instant: number) => number): ZoneClock {
  const days = new Map<number, OffsetOfDay>();

  const ofDay = (index: number): OffsetOfDay => {
    // Backups come day after day: the day before has read this one's first offset already.
    const previous = days.get(index - 1);
    const before = previous?.after ?? read(index * day);
    const after = read((index + 1) * day);
    if (before !== after) return { before, at: jump(read, index * day, (index + 1) * day, after), after };
    return previous?.before === after ? previous : { before, at: Number.POSITIVE_INFINITY, after };
  };

  const offset = (instant: number): number => {
    const index = Math.floor(instant / day);
    let found = days.get(index);
    if (found === undefined) {
      found = ofDay(index);
      days.set(index, found);
    }
    return instant < found.at ? found.before : found.after;
  };

  const wall = (instant: number) => instant + offset(instant);

  const instantOf = (shown: number): number => {
    // No offset is larger than a day, and no zone changes twice within two.
    const before = offset(shown - day);
    const after = offset(shown + day);
    if (offset(shown - before) === before) return shown - before;
    if (offset(shown - after) === after) return shown - after;
    return jump(offset, shown - after, shown - before, after);
  };

  return {
    offset,
    wall,
    instant: instantOf,
    back: (from, reach) => {
      if (isAbsolute(reach)) return from - seconds(reach) * second;
      const shown = lowestToCome(offset, from);
      const target = waitsForLeapDay(shown, reach) ? Math.floor(shown / day) * day : shown;
      const earlier = move(target, reach, -1);
      return earlier < firstYear ? Number.NEGATIVE_INFINITY : instantOf(earlier);
    },
    ahead: (from, length) =>
      isAbsolute(length) ? from + seconds(length) * second : instantOf(move(wall(from), length, 1)),
  };
}

const firstYear = Date.parse('0001-01-02T00:00:00Z');

function isAbsolute(length: Duration): boolean {
  return length.unit === 's' || length.unit === 'm' || length.unit === 'h';
}

/** The earliest wall clock that is shown from now on: now's, or the one that a clock set back will start from. */
function lowestToCome(offset: (instant: number) => number, from: number): number {
  const now = offset(from);
  const later = offset(from + day + hour);
  if (later >= now) return from + now;
  return Math.min(from + now, jump(offset, from, from + day + hour, later) + later);
}

/** Whether 29 February comes next and goes back to the same date. */
function waitsForLeapDay(wall: number, reach: Duration): boolean {
  if (reach.unit !== 'y') return false;
  const date = new Date(wall);
  const isEve = date.getUTCMonth() === 1 && date.getUTCDate() === 28;
  return isEve && isLeap(date.getUTCFullYear()) && !isLeap(date.getUTCFullYear() - reach.amount);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** A wall clock that many days, weeks or years away; NaN-free: out of a Date's range is -Infinity. */
function move(wall: number, length: Duration, sign: 1 | -1): number {
  if (length.unit !== 'y') return wall + sign * seconds(length) * second;
  const date = new Date(wall);
  const year = date.getUTCFullYear() + sign * length.amount;
  const isLeapDay = date.getUTCMonth() === 1 && date.getUTCDate() === 29;
  const moved = date.setUTCFullYear(year, date.getUTCMonth(), isLeapDay && !isLeap(year) ? 28 : date.getUTCDate());
  return Number.isNaN(moved) ? Number.NEGATIVE_INFINITY : moved;
}
