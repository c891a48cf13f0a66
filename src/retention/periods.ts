/**
 * Periods of the calendar. Each has a number that sorts as time does, and a name for a person.
 * An hour begins where the zone's clock shows a full hour; one that the clock repeats counts as two.
 */
import type { ZoneClock } from './calendar.ts';
import type { RetentionPolicy, Tier } from './policy.ts';

export type WeekStarts = RetentionPolicy['weekStarts'];

/** Highest first. */
export const tiersByRank: readonly Tier[] = ['yearly', 'quarterly', 'monthly', 'weekly', 'daily', 'hourly'];

/** What one period of a tier is called. */
export const periodWord: Record<Tier, string> = {
  yearly: 'year',
  quarterly: 'quarter',
  monthly: 'month',
  weekly: 'week',
  daily: 'day',
  hourly: 'hour',
};

const hour = 3_600_000;
const day = 24 * hour;

/** The number of the period of `tier` that shows this wall clock at this offset from UTC. */
export function periodOf(tier: Tier, weekStarts: WeekStarts, wall: number, offset: number): number {
  const days = Math.floor(wall / day);
  switch (tier) {
    case 'hourly': {
      const shown = Math.floor(wall / hour);
      // By its absolute begin; the second term tells hours apart that a jump in the middle of one lets begin together.
      return (shown * hour - offset) * 32 + (shown & 31);
    }
    case 'daily':
      return days;
    case 'weekly':
      return Math.floor((days + daysBeforeEpoch[weekStarts]) / 7);
    case 'monthly':
      return monthsOf(wall);
    case 'quarterly':
      return Math.floor(monthsOf(wall) / 3);
    case 'yearly':
      return Math.floor(monthsOf(wall) / 12);
  }
}

/** 1 January 1970 was a Thursday: days of its week that lay before it. */
const daysBeforeEpoch: Record<WeekStarts, number> = { monday: 3, sunday: 4 };

function monthsOf(wall: number): number {
  const date = new Date(wall);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** `2026`, `2026-Q4`, `2026-11`, `2026-W47` (sunday weeks: `from 2026-11-15`), `2026-11-20`, `2026-11-20T02+01:00`. */
export function periodName(tier: Tier, weekStarts: WeekStarts, clock: ZoneClock, instant: number): string {
  const wall = clock.wall(instant);
  const shown = new Date(wall).toISOString();
  switch (tier) {
    case 'hourly':
      return shown.slice(0, 13) + offsetName(clock.offset(instant));
    case 'daily':
      return shown.slice(0, 10);
    case 'weekly':
      return weekStarts === 'monday' ? isoWeek(wall) : weekFrom(wall);
    case 'monthly':
      return shown.slice(0, 7);
    case 'quarterly':
      return `${shown.slice(0, 4)}-Q${Math.floor((monthsOf(wall) % 12) / 3) + 1}`;
    case 'yearly':
      return shown.slice(0, 4);
  }
}

/** The ISO week belongs to the year of its Thursday. */
function isoWeek(wall: number): string {
  const days = Math.floor(wall / day);
  const thursday = Math.floor((days + daysBeforeEpoch.monday) / 7) * 7;
  const year = new Date(thursday * day).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1) / day) / 7) + 1;
  return `${String(year).padStart(4, '0')}-W${String(week).padStart(2, '0')}`;
}

function weekFrom(wall: number): string {
  const days = Math.floor(wall / day);
  const sunday = Math.floor((days + daysBeforeEpoch.sunday) / 7) * 7 - daysBeforeEpoch.sunday;
  return `from ${new Date(sunday * day).toISOString().slice(0, 10)}`;
}

function offsetName(offset: number): string {
  if (offset === 0) return 'Z';
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
