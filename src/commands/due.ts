/** What a schedule owes: missed times count once, and a backup that failed is still owed. */
import { timeOfStamp } from '../catalog/identity.ts';
import { planKeys } from '../catalog/keys.ts';
import { readManifest } from '../catalog/manifest.ts';
import type { Destination } from '../destination.ts';
import type { RunRecord } from '../execute/actions/record.ts';
import type { ResolvedBackup, ResolvedPlan, ResolvedTask } from '../plan/resolved.ts';
import { zoneClock } from '../retention/calendar.ts';
import type { Place } from './shelves.ts';

export type Debt = { backup: string; due: boolean; next: Date };

type Scheduled = { name: string; schedule?: string };
type Paid = (name: string, since: Date) => Promise<boolean>;

/** The state of every backup that has a schedule, the next one first. Nothing known at any destination: owed. */
export async function debts(backups: ResolvedBackup[], timezone: string, places: Place[], now: Date): Promise<Debt[]> {
  return await debtsOf(backups, timezone, now, (name, since) => madeSince(name, since, now, places));
}

/** The same of tasks, by the records of runs. A task that failed is still owed. */
export async function taskDebts(
  tasks: readonly ResolvedTask[],
  { name: plan, timezone }: Pick<ResolvedPlan, 'name' | 'timezone'>,
  places: readonly Pick<Place, 'destination'>[],
  now: Date,
): Promise<Debt[]> {
  let runs: Promise<Runs[]> | undefined;
  return await debtsOf(tasks, timezone, now, async (name, since) => {
    runs ??= Promise.all(places.map(({ destination }) => runsAt(destination, plan)));
    return await doneSince(name, since, now, await runs);
  });
}

async function debtsOf(all: readonly Scheduled[], timezone: string, now: Date, isPaid: Paid): Promise<Debt[]> {
  const { CronExpressionParser } = await import('cron-parser');
  const found: Debt[] = [];
  for (const { name, schedule } of all) {
    if (schedule === undefined) continue;
    const latest = await latestTime(schedule, timezone, now);
    const next = CronExpressionParser.parse(schedule, { currentDate: now, tz: timezone }).next().toDate();
    found.push({ backup: name, due: !(await isPaid(name, latest)), next });
  }
  return found.toSorted((left, right) => left.next.getTime() - right.next.getTime());
}

/**
 * When a schedule was last to run. The parser looks back along the wall clock as if it were UTC, where no hour is skipped or
 * repeated: in a zone it passes over a run that falls into a skipped hour, and gives up where that hour is midnight. Such a
 * run is owed from the jump on. A repeated hour counts twice for schedules that name no hour, and once for those that do.
 */
export async function latestTime(schedule: string, timezone: string, now: Date): Promise<Date> {
  const { CronExpressionParser } = await import('cron-parser');
  const clock = zoneClock(timezone);
  // The parser looks strictly before its date; a run that starts on the very second is on time.
  const currentDate = new Date(clock.wall(now.getTime()) + 1);
  const shown = CronExpressionParser.parse(schedule, { currentDate, tz: 'UTC' }).prev().getTime();
  const first = clock.instant(shown);
  const again = shown - clock.offset(now.getTime());
  const namesNoHour = schedule.trim().split(/\s+/)[1]!.startsWith('*');
  return new Date(namesNoHour && clock.wall(again) === shown ? Math.max(first, again) : first);
}

/**
 * Whether a backup was begun since then and committed somewhere. A safety copy of a restore pays no debt, nor does one that a
 * clock running ahead put into the future; its id moves those of all that follow ahead as well, so their data's time counts.
 */
async function madeSince(backup: string, since: Date, now: Date, places: Place[]): Promise<boolean> {
  for (const { destination, shelf } of places) {
    for (const entry of shelf.entries) {
      if (entry.backup !== backup || entry.time < since) continue;
      const manifest = (await readManifest(destination, entry.manifestKey).catch(() => null))?.manifest;
      if (manifest?.purpose !== 'backup') continue;
      const begun = Date.parse(manifest.moment.from);
      if (begun >= since.getTime() && begun <= now.getTime() + tolerance) return true;
    }
  }
  return false;
}

type Runs = { destination: Destination; keys: string[] };

/** The keys of what is kept of every run. */
async function runsAt(destination: Destination, plan: string): Promise<Runs> {
  const keys: string[] = [];
  for await (const batch of destination.list(planKeys.runs(plan))) keys.push(...batch.map(({ key }) => key));
  return { destination, keys: keys.toSorted() };
}

/** Whoever did it most likely did it soon: runs are opened from that time on. */
async function doneSince(task: string, since: Date, now: Date, runs: readonly Runs[]): Promise<boolean> {
  for (const { destination, keys } of runs) {
    for (const key of keys.filter((one) => isRecordBetween(one, since, now))) {
      const record = await destination
        .read(key, 1 << 26)
        .then((bytes) => JSON.parse(Buffer.from(bytes).toString()) as RunRecord)
        .catch(() => null);
      if (record?.backups.some(({ name, outcome }) => name === task && outcome === 'ok')) return true;
    }
  }
  return false;
}

function isRecordBetween(key: string, since: Date, now: Date): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const begun = timeOfStamp(name.slice(0, 16));
  return name.endsWith('.json') && begun !== null && begun >= since && begun.getTime() <= now.getTime() + tolerance;
}

/** Clocks of hosts that share a plan may differ by this many milliseconds. */
const tolerance = 5 * 60_000;
