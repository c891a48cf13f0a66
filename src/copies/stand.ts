/** What lies at a destination, judged as retention counts it: what copies are chosen by. */
import type { Judged } from '../catalog/items.ts';
import { judgeUnit } from '../catalog/sets.ts';
import { readShelf, type Shelf } from '../catalog/shelf.ts';
import type { Destination } from '../destination.ts';
import { unitsOf } from '../plan/groups.ts';
import { requiredLevels } from '../plan/levels.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';

/** `judged`: by backup name, the oldest first; of every entry of the plan, sent there or not. */
export type Stand = {
  name: string;
  destination: Destination;
  offSite: boolean;
  shelf: Shelf;
  judged: ReadonlyMap<string, readonly Judged[]>;
};

/** Reads nothing but what names do not tell. Rejects when a file that must be read cannot be. */
export async function standOf(plan: ResolvedPlan, destination: Destination, shelf: Shelf): Promise<Stand> {
  const { name } = destination;
  const judged = new Map<string, readonly Judged[]>();
  for (const unit of unitsOf(plan)) {
    const members = unit.map((backup) => ({ name: backup.name, required: requiredLevels(backup) }));
    const tags = unit.some(({ retention }) =>
      Object.values(retention).some((policy) => (policy?.tags.length ?? 0) > 0),
    );
    const found = await judgeUnit(shelf, destination, members, { tags, now: new Date() });
    for (const [backup, all] of found.judged) judged.set(backup, all);
  }
  return { name, destination, offSite: plan.destinations[name]?.offSite ?? false, shelf, judged };
}

/** The same with a listing of its own. */
export async function readStand(plan: ResolvedPlan, destination: Destination): Promise<Stand> {
  return await standOf(plan, destination, await readShelf(destination, plan.name, null));
}
