/** Copies that are known not to hold what was backed up, so that a good one may take their place. */

import type { Judged } from '../catalog/items.ts';
import { judge } from '../catalog/judge.ts';
import { manifestKey, parseKey } from '../catalog/keys.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';
import type { Stand } from './stand.ts';

/** Ids of one backup name whose copy here is damaged, or has lost its manifest, and may be deleted. */
export async function damagedAt(plan: ResolvedPlan, here: Stand, backup: string): Promise<Set<string>> {
  const { type, spec } = plan.destinations[here.name]!;
  if (findDestination(type).appendOnly?.(spec)) return new Set();
  const judged = (here.judged.get(backup) ?? []).filter(isDamaged).map(({ entry }) => entry.id);
  const orphans = here.shelf.orphans.flatMap((key) => {
    const parsed = parseKey(plan.name, key);
    return 'id' in parsed && parsed.backup === backup ? [parsed.id] : [];
  });
  const found = new Set<string>();
  for (const id of [...judged, ...orphans]) {
    const why = await here.destination.locked?.(manifestKey(plan.name, id));
    if (!why) found.add(id);
  }
  return found;
}

/** A check of the content that failed, or an anomaly, speaks of every copy: another one would be no better. */
function isDamaged({ entry, judgement }: Judged): boolean {
  if (judgement.state === 'incomplete') return true;
  if (judgement.state !== 'failed') return false;
  const records = entry.records.filter(({ finding, result }) => finding !== 'checksum' || result !== 'fail');
  return !['failed', 'anomalous'].includes(judge({ ...entry, records }, []).state);
}
