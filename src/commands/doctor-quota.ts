/** What `doctor` says of quotas: how much of each is used, and whether the next backups fit. */

import { nearQuota, noRoom } from '../accounts/quota.ts';
import { sizesOf } from '../catalog/sizes.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { formatSize } from '../units.ts';
import { type Examined, examine } from './examination.ts';
import type { Place, Shelves } from './shelves.ts';

/** One row for each destination with a quota that could be listed. */
export async function examineQuotas(plan: ResolvedPlan, { places }: Shelves): Promise<Examined[]> {
  const limited = places.filter(({ name }) => plan.destinations[name]?.quota !== undefined);
  return await Promise.all(limited.map((place) => examine('quota', place.name, () => quotaOf(plan, place))));
}

async function quotaOf(plan: ResolvedPlan, { name, destination, shelf }: Place) {
  const { quota } = plan.destinations[name]!;
  const limits = { quota: quota! };
  const sizes = await sizesOf(destination, shelf.entries);
  const stored = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  for (const backup of plan.backups.filter(({ destinations }) => destinations.some((use) => use.name === name))) {
    const expected = newestSize(backup, shelf.entries, sizes);
    const why = noRoom(limits, { stored, free: null, expected });
    if (why !== null)
      return { health: 'problem' as const, message: `"${backup.name}" will not be begun there: ${why}` };
  }
  const near = nearQuota(limits, stored);
  if (near !== null) return { health: 'warning' as const, message: near };
  return quota!.fail === undefined ? formatSize(stored) : `${formatSize(stored)} of ${formatSize(quota!.fail)}`;
}

function newestSize({ name }: ResolvedBackup, entries: Place['shelf']['entries'], sizes: ReadonlyMap<string, number>) {
  const newest = entries.findLast(({ backup, id }) => backup === name && sizes.has(id));
  return newest ? sizes.get(newest.id)! : null;
}
