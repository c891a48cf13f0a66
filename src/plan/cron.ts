/**
 * Five fields of cron as sets of numbers, and the longest time between two runs. The programs that wait for a schedule
 * use cron-parser; a check of the plan does without it, because loading it takes longer than everything else here.
 */
import { zoneClock } from '../retention/calendar.ts';

const minute = 60_000;
const day = 1440 * minute;
const names = {
  month: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

// Fixed years, so that a plan is judged the same every day: from one 29 February to the next, and a year of clock changes.
const firstDay = Date.UTC(2024, 0, 1);
const lastDay = Date.UTC(2028, 3, 1);
const yearOfChanges = 2026;

/** The days on which something runs, as UTC midnights, ascending; `apart`: the most days between two of them. */
type Days = { list: number[]; apart: number };

/** `minutes`: those of the day at which it runs, ascending. */
export type Cron = { minutes: number[]; days: Days };

/** Seconds. `usual`: between two runs by the calendar; `worst`: the same over a day on which clocks change. */
export type Gap = { usual: number; worst(): number };

/** Reads an expression that the schema has let through; null when a range runs backwards. */
export function parseCron(text: string): Cron | null {
  const [minutes, hours, ...dayFields] = text.trim().split(/\s+/) as [string, string, string, string, string];
  const [minuteSet, hourSet, days] = [values(minutes, 0, 59), values(hours, 0, 23), daysOf(dayFields)];
  if (!minuteSet || !hourSet || !days) return null;
  const all = [...hourSet].flatMap((hour) => [...minuteSet].map((part) => hour * 60 + part));
  return { minutes: all.toSorted((a, b) => a - b), days };
}

function values(field: string, low: number, high: number, words: string[] = [], first = 0): Set<number> | null {
  const number = (text: string) => {
    const index = words.indexOf(text.toLowerCase());
    return index === -1 ? Number(text) : index + first;
  };
  const result = new Set<number>();
  for (const item of field.split(',')) {
    const [range, step] = item.split('/') as [string, string | undefined];
    const [from, to] = range === '*' ? [low, high] : range.split('-').map(number);
    if (to !== undefined && to < from!) return null;
    for (let value = from!; value <= (to ?? from!); value += Number(step ?? 1)) result.add(value);
  }
  return result;
}

// Many backups run on the same days.
const knownDays = new Map<string, Days | null>();

function daysOf(fields: [string, string, string]): Days | null {
  const key = fields.join(' ');
  if (!knownDays.has(key)) knownDays.set(key, findDays(fields));
  return knownDays.get(key)!;
}

function findDays([inMonth, inYear, inWeek]: [string, string, string]): Days | null {
  const dates = values(inMonth, 1, 31);
  const months = values(inYear, 1, 12, names.month, 1);
  const weekdays = values(inWeek, 0, 7, names.weekday, 0);
  if (!dates || !months || !weekdays) return null;
  if (weekdays.has(7)) weekdays.add(0);
  // A day counts when either field names it, unless one of them says nothing.
  const either = inMonth !== '*' && inWeek !== '*';
  const days: Days = { list: [], apart: 0 };
  for (let midnight = firstDay; midnight < lastDay; midnight += day) {
    const date = new Date(midnight);
    const [byDate, byWeek] = [dates.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
    if (!months.has(date.getUTCMonth() + 1) || !(either ? byDate || byWeek : byDate && byWeek)) continue;
    if (days.list.length > 0) days.apart = Math.max(days.apart, (midnight - days.list.at(-1)!) / day);
    days.list.push(midnight);
  }
  return days;
}

/** The longest time between two runs; null when it never runs. */
export function longestGap({ minutes, days }: Cron, timezone: string): Gap | null {
  if (days.list.length < 2) return null;
  let usual = days.apart * 1440 + minutes[0]! - minutes.at(-1)!;
  for (let index = 1; index < minutes.length; index++) usual = Math.max(usual, minutes[index]! - minutes[index - 1]!);
  return {
    usual: usual * 60,
    worst: () => {
      const atChanges = changesOf(timezone).map((midnight) => gapAround(midnight, minutes, days.list, timezone));
      return Math.max(usual * 60, ...atChanges);
    },
  };
}

const knownChanges = new Map<string, number[]>();

/** The days of one year on which the clocks of a zone change. */
function changesOf(timezone: string): number[] {
  if (timezone === 'UTC') return [];
  const known = knownChanges.get(timezone);
  if (known) return known;
  const clock = zoneClock(timezone);
  const changes: number[] = [];
  for (let midnight = Date.UTC(yearOfChanges, 0, 1); midnight < Date.UTC(yearOfChanges + 1, 0, 1); midnight += day) {
    const [before, after] = [clock.instant(midnight), clock.instant(midnight + day)];
    if (after - before !== day) changes.push(midnight);
  }
  knownChanges.set(timezone, changes);
  return changes;
}

/** Seconds: the longest time between two runs from the one before this day to the one after it. */
function gapAround(midnight: number, minutes: number[], days: number[], timezone: string): number {
  const clock = zoneClock(timezone);
  const next = firstAfter(days, midnight);
  const around = days.slice(Math.max(0, next - 2), next + 1);
  const runs = around.flatMap((start) => minutes.map((at) => clock.instant(start + at * minute)));
  let longest = 0;
  for (let index = 1; index < runs.length; index++) longest = Math.max(longest, runs[index]! - runs[index - 1]!);
  return longest / 1000;
}

function firstAfter(days: number[], midnight: number): number {
  let [low, high] = [0, days.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (days[middle]! > midnight) high = middle;
    else low = middle + 1;
  }
  return low;
}
