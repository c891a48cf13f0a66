/** What a schedule owes: missed times count once, and a backup that failed is still owed. */
import { readManifest } from '../catalog/manifest.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import type { Place } from './shelves.ts';

export type Debt = { backup: string; due: boolean; next: Date };

/** The state of every backup that has a schedule, the next one first. Nothing known at any destination: owed. */
export async function debts(backups: ResolvedBackup[], timezone: string, places: Place[], now: Date): Promise<Debt[]> {
  const { CronExpressionParser } = await import('cron-parser');
  const all: Debt[] = [];
  for (const { name, schedule } of backups) {
    if (schedule === undefined) continue;
    // The parser looks strictly before its date; a run that starts on the very second is on time.
    const later = new Date(now.getTime() + 1);
    const latest = CronExpressionParser.parse(schedule, { currentDate: later, tz: timezone }).prev().toDate();
    const next = CronExpressionParser.parse(schedule, { currentDate: now, tz: timezone }).next().toDate();
    all.push({ backup: name, due: !(await madeSince(name, latest, places)), next });
  }
  return all.toSorted((left, right) => left.next.getTime() - right.next.getTime());
}

/** Whether a backup was begun since then and committed somewhere. A safety copy of a restore pays no debt. */
async function madeSince(backup: string, since: Date, places: Place[]): Promise<boolean> {
  for (const { destination, shelf } of places) {
    for (const entry of shelf.entries) {
      if (entry.backup !== backup || entry.time < since) continue;
      const read = await readManifest(destination, entry.manifestKey).catch(() => null);
      if (read?.manifest.purpose === 'backup') return true;
    }
  }
  return false;
}
