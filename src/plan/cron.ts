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

/** Minutes of the day at which it runs, ascending, and the days (as UTC midnights) on which it does. */
export type Cron = { minutes: number[]; isDay(midnight: number): boolean };

/** Reads an expression that the schema has let through; null when a range runs backwards. */
export function parseCron(text: string): Cron | null {
  const [minutes, hours, days, months, weekdays] = text.trim().split(/\s+/) as [string, string, string, string, string];
  const fields = {
    minutes: values(minutes, 0, 59),
    hours: values(hours, 0, 23),
    days: values(days, 1, 31),
    months: values(months, 1, 12, names.month, 1),
    weekdays: values(weekdays, 0, 7, names.weekday, 0),
  };
  if (Object.values(fields).some((field) => field === null)) return null;
  const { days: inMonth, months: inYear, weekdays: inWeek } = fields as Record<keyof typeof fields, Set<number>>;
  if (inWeek.has(7)) inWeek.add(0);
  // A day counts when either field names it, unless one of them says nothing.
  const either = days !== '*' && weekdays !== '*';
  return {
    minutes: [...fields.hours!]
      .flatMap((hour) => [...fields.minutes!].map((part) => hour * 60 + part))
      .toSorted((a, b) => a - b),
    isDay: (midnight) => {
      const date = new Date(midnight);
      if (!inYear.has(date.getUTCMonth() + 1)) return false;
      const [byMonth, byWeek] = [inMonth.has(date.getUTCDate()), inWeek.has(date.getUTCDay())];
      return either ? byMonth || byWeek : byMonth && byWeek;
    },
  };
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

/** Seconds. `usual`: between two runs by the calendar; `worst`: the same over a day on which clocks change. */
export type Gap = { usual: number; worst: number };

// Fixed years, so that a plan says the same every day: two leap years, and one year of clock changes.
const firstDay = Date.UTC(2024, 0, 1);
const lastDay = Date.UTC(2032, 2, 1);
const changesFrom = Date.UTC(2026, 0, 1);

/** The longest time between two runs; null when it never runs. */
export function longestGap(cron: Cron, timezone: string): Gap | null {
  const days: number[] = [];
  for (let midnight = firstDay; midnight < lastDay; midnight += day) if (cron.isDay(midnight)) days.push(midnight);
  if (days.length < 2) return null;
  const { minutes } = cron;
  const overnight = day + (minutes[0]! - minutes.at(-1)!) * minute;
  let usual = 0;
  for (let index = 1; index < minutes.length; index++) {
    usual = Math.max(usual, (minutes[index]! - minutes[index - 1]!) * minute);
  }
  for (let index = 1; index < days.length; index++)
    usual = Math.max(usual, days[index]! - days[index - 1]! - day + overnight);
  return { usual: usual / 1000, worst: Math.max(usual, gapAtChanges(cron, days, timezone)) / 1000 };
}

function gapAtChanges(cron: Cron, days: number[], timezone: string): number {
  if (timezone === 'UTC') return 0;
  const clock = zoneClock(timezone);
  let worst = 0;
  for (
    let index = days.findIndex((midnight) => midnight >= changesFrom);
    days[index]! < changesFrom + 365 * day;
    index++
  ) {
    const [from, to] = [days[index]!, days[index + 1]!];
    if (clock.offset(from - day) === clock.offset(to + 2 * day)) continue;
    const times = [from, to].flatMap((midnight) => cron.minutes.map((at) => clock.instant(midnight + at * minute)));
    for (let next = 1; next < times.length; next++) worst = Math.max(worst, times[next]! - times[next - 1]!);
  }
  return worst;
}
