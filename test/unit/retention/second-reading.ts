import type { Duration, RetentionPolicy, Tier } from '../../../src/retention/policy.ts';

/** What the second reading is told about a backup. `held`: why a chain or a lock holds it. */
export type Item = { id: string; time: Date; good: boolean; tags?: string[]; pinned?: boolean; held?: string };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GRACE: Duration = { amount: 7, unit: 'd' };

/** A backup and the names of the periods that it lies in, for each tier of the policy. */
type Noted = Item & { periods: Map<Tier, string> };
type Clock = Intl.DateTimeFormat;

/**
 * The ids that stay, read a second time from the words of the rules alone: every backup is asked every rule.
 * It shares no code with the real decision, so that a misreading would have to be made twice.
 */
export function keepers(policy: RetentionPolicy, timezone: string, items: Item[]): Set<string> {
  const clock = clockOf(timezone);
  const noted = items.map((item) => {
    const tiers = Object.keys(policy.tiers) as Tier[];
    const periods = tiers.map((tier) => [tier, period(tier, item.time, clock, policy.weekStarts)] as const);
    return { ...item, periods: new Map(periods) };
  });
  const kept = noted.filter((item) => isKept(item, policy, clock, noted));
  return new Set(kept.map((item) => item.id));
}

function isKept(item: Noted, policy: RetentionPolicy, clock: Clock, items: Noted[]): boolean {
  if (item.pinned) return true;
  if (item.held !== undefined) return true;
  if (item.tags?.some((tag) => policy.tags.includes(tag))) return true;

  const good = oldestFirst(items.filter((other) => other.good));
  const newest = good.at(-1);
  if (newest === undefined) return true;

  // "within: D keeps everything younger than D": everything, so what is not good as well.
  if (policy.within && isYounger(item, policy.within, newest, clock)) return true;
  // "Others fill no slot": no rule below is for what is not good.
  if (!item.good) return isYounger(item, GRACE, newest, clock);

  if (newestOf(good, policy.floor).includes(item)) return true;
  if (newestOf(good, policy.last ?? 0).includes(item)) return true;
  return [...item.periods.keys()].some((tier) => tierKeeps(tier, item, good, policy, clock));
}

function tierKeeps(tier: Tier, item: Noted, good: Noted[], policy: RetentionPolicy, clock: Clock): boolean {
  const rule = policy.tiers[tier];
  const mine = item.periods.get(tier);
  if (rule === undefined || mine === undefined) return false;
  const representative = good.find((other) => other.periods.get(tier) === mine);
  if (representative !== item) return false;
  if ('reach' in rule) return isYounger(item, rule.reach, good.at(-1)!, clock);
  const newerPeriods = new Set(good.map((other) => other.periods.get(tier)!).filter((name) => name > mine));
  return newerPeriods.size < rule.count;
}

/** Two of one moment stand in the order of their ids. */
function oldestFirst(items: Noted[]): Noted[] {
  return [...items].sort((a, b) => a.time.getTime() - b.time.getTime() || (a.id < b.id ? -1 : 1));
}

function newestOf(good: Noted[], count: number): Noted[] {
  return [...good].reverse().slice(0, count);
}

/** Exactly as old as the duration is not younger. */
function isYounger(item: Item, duration: Duration, newest: Noted, clock: Clock): boolean {
  return item.time.getTime() > goBack(newest.time, duration, clock).getTime();
}

/** A name for the period; of two names of one tier the newer period has the greater. */
function period(tier: Tier, time: Date, clock: Clock, weekStarts: 'monday' | 'sunday'): string {
  const wall = new Date(wallClock(time, clock));
  const day = wall.toISOString().slice(0, 10);
  if (tier === 'yearly') return day.slice(0, 4);
  if (tier === 'quarterly') return `${day.slice(0, 4)} quarter ${Math.floor(wall.getUTCMonth() / 3) + 1}`;
  if (tier === 'monthly') return day.slice(0, 7);
  if (tier === 'daily') return day;
  if (tier === 'weekly') {
    const sinceStart = weekStarts === 'sunday' ? wall.getUTCDay() : (wall.getUTCDay() + 6) % 7;
    return new Date(wall.getTime() - sinceStart * DAY).toISOString().slice(0, 10);
  }
  const startOfHour = wall.getTime() - (wall.getTime() % HOUR);
  const firstPass = momentOf(startOfHour, clock);
  // In a later pass the clock has been put back since the hour first began.
  const pass = ahead(time, clock) < ahead(firstPass, clock) ? 'second' : 'first';
  return `${day} hour ${String(wall.getUTCHours()).padStart(2, '0')} ${pass === 'first' ? 1 : 2}`;
}

/** Seconds, minutes and hours are absolute; days, weeks and years go back to the same wall clock. */
function goBack(from: Date, duration: Duration, clock: Clock): Date {
  const { amount, unit } = duration;
  if (unit === 's') return new Date(from.getTime() - amount * 1000);
  if (unit === 'm') return new Date(from.getTime() - amount * 60_000);
  if (unit === 'h') return new Date(from.getTime() - amount * HOUR);
  const wall = wallClock(startOfSecondPass(from, clock) ?? from, clock);
  if (unit === 'd') return momentOf(wall - amount * DAY, clock);
  if (unit === 'w') return momentOf(wall - amount * 7 * DAY, clock);
  const earlier = new Date(wall);
  const month = earlier.getUTCMonth();
  earlier.setUTCFullYear(earlier.getUTCFullYear() - amount);
  // 29 February of a year that has none overflows into 1 March: one day back is the 28th.
  if (earlier.getUTCMonth() !== month) earlier.setTime(earlier.getTime() - DAY);
  return momentOf(earlier.getTime(), clock);
}

/** For a moment in the first pass of what the clock will repeat: when the repeat begins. A reach waits there. */
function startOfSecondPass(time: Date, clock: Clock): Date | undefined {
  const again = momentsOf(wallClock(time, clock), clock).find((moment) => moment > time);
  if (again === undefined) return undefined;
  return firstMoment(time, again, (moment) => ahead(moment, clock) < ahead(time, clock));
}

function clockOf(timezone: string): Clock {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}

/** What the wall clock of the zone shows, as the milliseconds at which a clock in UTC would show the same. */
function wallClock(time: Date, clock: Clock): number {
  const parts = clock.formatToParts(time);
  const read = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const seconds = Date.UTC(read('year'), read('month') - 1, read('day'), read('hour'), read('minute'), read('second'));
  return seconds + time.getUTCMilliseconds();
}

/** How far the zone's wall clock is ahead of UTC, in milliseconds. */
function ahead(time: Date, clock: Clock): number {
  return wallClock(time, clock) - time.getTime();
}

/** All moments at which the wall clock shows this, the earliest first; none when it was skipped. */
function momentsOf(wall: number, clock: Clock): Date[] {
  const offsets = new Set([-36, -24, -12, 0, 12, 24, 36].map((hours) => ahead(new Date(wall + hours * HOUR), clock)));
  const moments = [...offsets].map((offset) => new Date(wall - offset));
  return moments.filter((moment) => wallClock(moment, clock) === wall).sort((a, b) => a.getTime() - b.getTime());
}

/** A repeated wall clock means its first pass; a skipped one means the moment of the jump. */
function momentOf(wall: number, clock: Clock): Date {
  const [first] = momentsOf(wall, clock);
  if (first !== undefined) return first;
  const before = new Date(wall - 36 * HOUR);
  return firstMoment(before, new Date(wall + 36 * HOUR), (moment) => wallClock(moment, clock) > wall);
}

/** The first millisecond after `from`, up to `until`, of which something is so, when it stays so from then on. */
function firstMoment(from: Date, until: Date, isSo: (moment: Date) => boolean): Date {
  let not = from.getTime();
  let so = until.getTime();
  while (so - not > 1) {
    const middle = Math.floor((not + so) / 2);
    if (isSo(new Date(middle))) so = middle;
    else not = middle;
  }
  return new Date(so);
}
