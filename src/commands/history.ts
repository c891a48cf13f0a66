/** What the destinations of a plan say of one another: copies that are missing, hidden or not the same. */
import type { Alarm } from '../catalog/heads.ts';
import { readHistory, tombstoneReader } from '../catalog/history.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { type Examined, examine } from './examination.ts';
import type { Shelves } from './shelves.ts';

/** Gives the alarms of one backup after another; rejects when a file that must be read cannot be. */
export function historyReader(
  shelves: Pick<Shelves, 'places' | 'failures'>,
): (backup: ResolvedBackup) => Promise<Alarm[]> {
  const deletedAt = tombstoneReader();
  return ({ name, destinations }) => {
    const places = shelves.places.map((place) => {
      const sent = destinations.find((one) => one.name === place.name);
      return { ...place, wants: sent ? (sent.tiers ?? ('all' as const)) : null };
    });
    return readHistory(name, places, shelves.failures.length === 0, deletedAt);
  };
}

/** `doctor`: what a run that could not reach a destination leaves is a warning, everything else a problem. */
export async function examineHistory(plan: ResolvedPlan, shelves: Shelves): Promise<Examined[]> {
  const alarmsOf = historyReader(shelves);
  const rows: Examined[] = [];
  for (const backup of plan.backups) {
    const found: Examined[] = [];
    const fine = await examine('history', backup.name, async () => {
      for (const { kind, message } of await alarmsOf(backup)) {
        const health = kind === 'missing' || kind === 'overlooked' ? 'warning' : 'problem';
        found.push({ check: 'history', subject: backup.name, health, message });
      }
      if (shelves.places.length === 0) return { health: 'warning', message: 'no destination could be read' };
      const where = shelves.failures.length > 0 ? ' that could be read' : '';
      return `each backup follows the one before it, and no destination${where} lacks any of the newest`;
    });
    rows.push(...(found.length > 0 ? found : [fine]));
  }
  return rows;
}
