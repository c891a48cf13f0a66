/**
 * A second implementation of the retention page, written from its sentences before the real one and never from its
 * code. Slow and literal on purpose: strings for periods, a formatter for every wall clock, no index, no shared helper.
 * What the page leaves open is fixed as follows, here and in src/retention/calendar.ts:
 *  - "younger than" is strict: a backup of exactly 7 days is not younger than 7d.
 *  - a wall clock that is skipped stands for the moment of the jump; one that is repeated for its first pass.
 *  - a reach never moves back while time goes on: where the literal rule would (before a clock is set back; on
 *    28 February of a leap year, because the 29th goes back to the 28th too) it waits at the earliest place.
 */
import type { Duration, RetentionPolicy, Tier } from '../../../src/retention/policy.ts';

type Entry = { id: string; time: Date; good: boolean; tags?: string[]; pinned?: boolean; held?: string };

const formatters = new Map<string, Intl.DateTimeFormat>();

/** The wall clock of the zone as if it were UTC: 02:30 in Berlin gives the instant that is 02:30 in UTC. */
function wallClock(zone: string, instant: number): number {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    const two = '2-digit';
    const fields = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
    formatter = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...fields });
    formatters.set(zone, formatter);
  }
  const parts: Record<string, number> = {};
  for (const part of formatter.formatToParts(instant)) parts[part.type] = Number(part.value);
  const { year, month, day, hour, minute, second } = parts as Record<string, number>;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) + (((instant % 1000) + 1000) % 1000);
}

const minute = 60_000;
const hour = 60 * minute;

/** First instant at which the zone's clock shows this wall clock; where it is skipped, the moment of the jump. */
function instantOf(zone: string, wall: number): number {
  const exact: number[] = [];
  for (let step = -26; step <= 26; step++) {
    const near = wall + step * hour;
    const instant = wall - (wallClock(zone, near) - near);
    if (wallClock(zone, instant) === wall) exact.push(instant);
  }
  if (exact.length > 0) return Math.min(...exact);
  let instant = Math.floor((wall - 26 * hour) / minute) * minute;
  while (wallClock(zone, instant) < wall) instant += minute;
  return instant;
}

function literalBack(zone: string, wall: number, reach: Duration): number {
  const date = new Date(wall);
  if (reach.unit === 'd') date.setUTCDate(date.getUTCDate() - reach.amount);
  if (reach.unit === 'w') date.setUTCDate(date.getUTCDate() - 7 * reach.amount);
  if (reach.unit === 'y') {
    const day = date.getUTCDate();
    date.setUTCFullYear(date.getUTCFullYear() - reach.amount);
    if (date.getUTCDate() !== day) date.setUTCDate(0); // 29 February became 1 March: the day before is the 28th
  }
  return instantOf(zone, date.getTime());
}

/** Where a reach that starts at `from` ends. */
export function naiveBack(zone: string, from: number, reach: Duration): number {
  if (reach.unit === 's') return from - reach.amount * 1000;
  if (reach.unit === 'm') return from - reach.amount * minute;
  if (reach.unit === 'h') return from - reach.amount * hour;
  const walls = [wallClock(zone, from)];
  // Later clocks that may show less: on a day on which the clock is set back, whatever it shows in each minute.
  const isSetBack = wallClock(zone, from + 25 * hour) < walls[0]! + 25 * hour;
  const until = isSetBack ? from + 25 * hour : from;
  for (let later = Math.floor(from / minute) * minute + minute; later <= until; later += minute) {
    const wall = wallClock(zone, later);
    if (wall < walls[0]!) walls.push(wall);
  }
  const lowest = Math.min(...walls);
  const ends = [literalBack(zone, lowest, reach)];
  const date = new Date(lowest);
  if (reach.unit === 'y' && date.getUTCMonth() === 1 && date.getUTCDate() === 28) {
    const next = new Date(Date.UTC(date.getUTCFullYear(), 1, 29));
    if (next.getUTCDate() === 29) ends.push(literalBack(zone, next.getTime(), reach));
  }
  return Math.min(...ends);
}

function isoDay(wall: number): string {
  return new Date(wall).toISOString().slice(0, 10);
}

/** A name for the period; names of one tier sort as the calendar does. */
function periodName(tier: Tier, policy: RetentionPolicy, zone: string, time: number): string {
  const wall = wallClock(zone, time);
  const day = isoDay(wall);
  const month = Number(day.slice(5, 7));
  if (tier === 'yearly') return day.slice(0, 4);
  if (tier === 'quarterly') return `${day.slice(0, 4)} quarter ${month <= 3 ? 1 : month <= 6 ? 2 : month <= 9 ? 3 : 4}`;
  if (tier === 'monthly') return day.slice(0, 7);
  if (tier === 'daily') return day;
  if (tier === 'weekly') {
    let first = wall;
    const wanted = policy.weekStarts === 'sunday' ? 0 : 1;
    while (new Date(first).getUTCDay() !== wanted) first -= 24 * hour;
    return isoDay(first);
  }
  const offset = wall - time;
  const shown = new Date(wall).toISOString().slice(0, 13);
  // Absolute begin first, so that the two passes of a repeated hour sort in the order in which they happened.
  return `${new Date(Date.parse(`${shown}:00:00Z`) - offset).toISOString()} shown as ${shown}`;
}

/** What stays, and for which tiers. */
export function naive(policy: RetentionPolicy, zone: string, entries: Entry[]): Map<string, Tier[]> {
  const ordered = [...entries].sort((a, b) => a.time.getTime() - b.time.getTime() || (a.id < b.id ? -1 : 1));
  const good = ordered.filter((entry) => entry.good);
  const newest = good.at(-1)?.time.getTime();
  const kept = new Map<string, Tier[]>();
  const keep = (entry: Entry) => kept.set(entry.id, kept.get(entry.id) ?? []);

  for (const entry of ordered) {
    if (entry.pinned === true || entry.held !== undefined) keep(entry);
    if (entry.tags?.some((tag) => policy.tags.includes(tag))) keep(entry);
    // 1. others stay until a newer good one exists and a grace period of 7 d has passed
    if (!entry.good) {
      if (newest === undefined) keep(entry);
      else if (entry.time.getTime() > naiveBack(zone, newest, { amount: 7, unit: 'd' })) keep(entry);
    }
  }
  if (newest === undefined) return kept;

  good.slice(Math.max(0, good.length - policy.floor)).forEach(keep);
  if (policy.last !== undefined) good.slice(Math.max(0, good.length - policy.last)).forEach(keep);
  if (policy.within !== undefined) {
    const end = naiveBack(zone, newest, policy.within);
    for (const entry of ordered) if (entry.time.getTime() > end) keep(entry);
  }
  for (const tier of ['yearly', 'quarterly', 'monthly', 'weekly', 'daily', 'hourly'] as const) {
    const rule = policy.tiers[tier];
    if (rule === undefined) continue;
    const representatives = new Map<string, Entry>();
    for (const entry of good) {
      const name = periodName(tier, policy, zone, entry.time.getTime());
      if (!representatives.has(name)) representatives.set(name, entry);
    }
    const names = [...representatives.keys()].sort();
    const end = 'reach' in rule ? naiveBack(zone, newest, rule.reach) : 0;
    names.forEach((name, index) => {
      const entry = representatives.get(name)!;
      const stays = 'count' in rule ? index >= names.length - rule.count : entry.time.getTime() > end;
      if (!stays) return;
      keep(entry);
      kept.get(entry.id)!.push(tier);
    });
  }
  return kept;
}
