/** What a schedule owes: missed times count once, and a backup that failed is still owed. */
import type { RunFacts } from '../facts.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';

export type Debt = { backup: string; due: boolean; next: Date };

/** The state of every backup that has a schedule. Nothing known at any destination: owed. */
export async function debts(
  backups: ResolvedBackup[],
  timezone: string,
  shelves: RunFacts['shelves'],
  now: Date,
): Promise<Debt[]> {
  const { CronExpressionParser } = await import('cron-parser');
  return backups.flatMap(({ name, schedule, destinations }) => {
    if (schedule === undefined) return [];
    const cron = () => CronExpressionParser.parse(schedule, { currentDate: now, tz: timezone });
    // The parser looks strictly before its date; a run that starts on the very second is on time.
    const later = new Date(now.getTime() + 1);
    const latest = CronExpressionParser.parse(schedule, { currentDate: later, tz: timezone }).prev().toDate();
    const made = newest(
      name,
      destinations.map((place) => place.name),
      shelves,
    );
    return [{ backup: name, due: made === null || made < latest, next: cron().next().toDate() }];
  });
}

/** When the newest committed backup was begun, at whichever destination. */
function newest(backup: string, destinations: string[], shelves: RunFacts['shelves']): Date | null {
  const times = destinations.flatMap((name) => {
    const facts = shelves[name];
    if (!facts || 'unknown' in facts) return [];
    return facts.shelf.entries.filter((entry) => entry.backup === backup).map((entry) => entry.time.getTime());
  });
  return times.length === 0 ? null : new Date(Math.max(...times));
}
