/** One backup as all destinations together know it. */
import { compareIds, setOf } from '../catalog/identity.ts';
import type { ShelfEntry } from '../catalog/shelf.ts';
import type { Item } from '../retention/decide.ts';
import type { Stand } from './stand.ts';

export type Known = {
  id: string;
  backup: string;
  /** As retention counts it, over all copies; pins and holds are a copy's own and do not stand here. */
  item: Item;
  /** Good copies: those near before those off-site, else in the order of the plan. */
  good: { stand: Stand; entry: ShelfEntry }[];
};

/**
 * The good backups of one unit, the oldest first. A set counts when it is whole at one destination, or when its members are good
 * here and there: that is what copying heals.
 */
export function goodOf(unit: readonly string[], stands: readonly Stand[]): Known[] {
  const known = new Map<string, Known>();
  for (const stand of nearFirst(stands)) {
    for (const backup of unit) {
      for (const { entry, judgement, item } of stand.judged.get(backup) ?? []) {
        if (judgement.state !== 'good') continue;
        const { id, time } = entry;
        const one = known.get(id) ?? { id, backup, item: { id, time, good: false }, good: [] };
        one.good.push({ stand, entry });
        one.item = { ...one.item, good: one.item.good || item.good, ...(item.tags ? { tags: item.tags } : {}) };
        known.set(id, one);
      }
    }
  }
  const all = [...known.values()].toSorted((left, right) => compareIds(left.id, right.id));
  if (unit.length > 1) countWholeSets(unit.length, all);
  return all.filter(({ item }) => item.good);
}

function countWholeSets(members: number, all: readonly Known[]): void {
  const sets = new Map<string, Known[]>();
  for (const one of all) sets.set(setOf(one.id), [...(sets.get(setOf(one.id)) ?? []), one]);
  for (const set of sets.values())
    if (set.length === members) for (const one of set) one.item = { ...one.item, good: true };
}

function nearFirst(stands: readonly Stand[]): Stand[] {
  return stands.toSorted((left, right) => Number(left.offSite) - Number(right.offSite));
}
