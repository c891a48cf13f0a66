/**
 * Sets of a consistency group, told by names: the ids of a set end in the same stamp and nonce. A manifest is opened only where
 * not all of today's members are there: it says who was to be.
 */

import type { Destination } from '../destination.ts';
import type { Level } from '../graph.ts';
import { Damaged, MadeByNewer } from './document.ts';
import { setOf } from './identity.ts';
import { type Judged, type JudgeOptions, judgeShelf } from './items.ts';
import { readManifest } from './manifest.ts';
import type { Shelf } from './shelf.ts';

/** Whether a set counts: every backup that was to be in it is here and good. Keyed by `setOf`. */
export type SetState = 'whole' | 'incomplete';

/** Files read at a time. */
const width = 16;

/**
 * Judges the sets of a group at one destination. `members` are the names of today; `judged` what lies there of each. A set whose
 * members cannot be learnt is incomplete: it fills no slot, so that no good one goes because of it.
 */
async function judgeSets(
  members: readonly string[],
  judged: ReadonlyMap<string, readonly Judged[]>,
  destination: Destination,
): Promise<Map<string, SetState>> {
  const sets = new Map<string, Map<string, Judged>>();
  for (const [backup, all] of judged) {
    for (const one of all) {
      const set = sets.get(setOf(one.entry.id)) ?? new Map<string, Judged>();
      sets.set(setOf(one.entry.id), set.set(backup, one));
    }
  }
  const states = new Map<string, SetState>();
  const isWhole = (set: ReadonlyMap<string, Judged>, wanted: readonly string[]) =>
    wanted.every((name) => set.get(name)?.judgement.state === 'good');
  const unsure: [string, ReadonlyMap<string, Judged>][] = [];
  for (const [key, set] of sets) {
    if (isWhole(set, members)) states.set(key, 'whole');
    else unsure.push([key, set]);
  }
  for (let start = 0; start < unsure.length; start += width) {
    const batch = unsure.slice(start, start + width).map(async ([key, set]) => {
      const wanted = await wantedIn(set, members, destination);
      states.set(key, wanted && isWhole(set, wanted) ? 'whole' : 'incomplete');
    });
    await Promise.all(batch);
  }
  return states;
}

/**
 * Those of today's members that were to be in a set, as one of its manifests says; who was made in no group stands alone. Null
 * where none of them can be read.
 */
async function wantedIn(
  set: ReadonlyMap<string, Judged>,
  members: readonly string[],
  destination: Destination,
): Promise<string[] | null> {
  for (const { entry, manifest: known } of set.values()) {
    try {
      const manifest = known ?? (await readManifest(destination, entry.manifestKey)).manifest;
      const all = manifest.set?.members ?? [manifest.backup];
      return all.filter((name) => name === manifest.backup || members.includes(name));
    } catch (error) {
      if (!(error instanceof Damaged || error instanceof MadeByNewer)) throw error;
    }
  }
  return null;
}

/** What retention is told: a backup of a set that is incomplete fills no slot. */
function asSets(judged: readonly Judged[], states: ReadonlyMap<string, SetState>): Judged[] {
  return judged.map((one) => {
    if (!one.item.good || states.get(setOf(one.entry.id)) === 'whole') return one;
    return { ...one, item: { ...one.item, good: false } };
  });
}

export type UnitMember = { name: string; required: readonly Level[] };

/** Judges the backups of one unit (a group, or a backup alone) at a destination as retention counts them, by name. */
export async function judgeUnit(
  shelf: Shelf,
  destination: Destination,
  unit: readonly UnitMember[],
  o: Omit<JudgeOptions, 'required'>,
): Promise<{ judged: Map<string, Judged[]>; states: Map<string, SetState> }> {
  const judged = new Map<string, Judged[]>();
  for (const { name, required } of unit)
    judged.set(name, await judgeShelf(shelf, destination, name, { ...o, required }));
  if (unit.length === 1) return { judged, states: new Map() };
  const members = unit.map(({ name }) => name);
  const states = await judgeSets(members, judged, destination);
  return { judged: new Map([...judged].map(([name, all]) => [name, asSets(all, states)])), states };
}
