/** One row a backup: what all destinations together know of it. */
import { compareIds, setOf } from '../catalog/identity.ts';
import { type Judgement, judge } from '../catalog/judge.ts';
import { judgeUnit, type SetState, type UnitMember } from '../catalog/sets.ts';
import type { ShelfEntry } from '../catalog/shelf.ts';
import { unitsOf } from '../plan/groups.ts';
import { requiredLevels } from '../plan/levels.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { decide } from '../retention/decide.ts';
import type { Tier } from '../retention/policy.ts';
import type { Failure, Place, Shelves } from './shelves.ts';

/** `counts`: it fills slots of its retention; `set` says why it does not although it is good. */
export type Copy = {
  destination: string;
  entry: ShelfEntry;
  judgement: Judgement;
  counts: boolean;
  set: SetState | null;
};

export type Row = {
  id: string;
  backup: string;
  time: Date;
  /** The state of its best copy; `unmanaged` when its entry has left the plan. */
  state: Judgement['state'] | 'unmanaged';
  pinned: boolean;
  /** All tiers that it holds at any destination, highest first. */
  tiers: Tier[];
  /** Whether all that was made with it at one moment is there and good at one destination; null: it is in no group. */
  set: SetState | null;
  /** Bytes of its artifacts; null where its name does not tell (a `layout` of its own). */
  size: number | null;
  copies: Copy[];
};

const best: Judgement['state'][] = ['good', 'unproven', 'anomalous', 'failed', 'forgotten', 'incomplete', 'opaque'];
const tierOrder: Tier[] = ['yearly', 'quarterly', 'monthly', 'weekly', 'daily', 'hourly'];

/** All rows, the oldest first. A manifest that had to be read and could not is told among the failures. */
export async function rowsOf(plan: ResolvedPlan, shelves: Pick<Shelves, 'places' | 'failures'>): Promise<Row[]> {
  const copies = new Map<string, Copy[]>();
  const tiers = new Map<string, Set<Tier>>();
  for (const place of shelves.places) {
    const here = await copiesAt(plan, place, shelves.failures);
    for (const copy of here) append(copies, copy.entry.id, copy);
    for (const [id, held] of tiersAt(plan, place.name, here)) {
      const known = tiers.get(id) ?? new Set<Tier>();
      for (const tier of held) known.add(tier);
      tiers.set(id, known);
    }
  }
  const managed = new Set(plan.backups.map(({ name }) => name));
  return [...copies.values()]
    .map((group) => rowOf(group, managed, tiers))
    .toSorted((left, right) => compareIds(left.id, right.id));
}

/** Judged as a prune would judge them; what left the plan is judged by its names alone. */
async function copiesAt(plan: ResolvedPlan, place: Place, failures: Failure[]): Promise<Copy[]> {
  const managed = new Set(plan.backups.map(({ name }) => name));
  const rest = place.shelf.entries.filter(({ backup }) => !managed.has(backup));
  const copies = rest.map((entry) => copyOf(place.name, entry, judge(entry, [])));
  for (const unit of unitsOf(plan)) {
    const members = unit.map((backup) => ({ name: backup.name, required: requiredLevels(backup) }));
    copies.push(...(await judgedAt(place, members, failures)));
  }
  return copies;
}

function copyOf(destination: string, entry: ShelfEntry, judgement: Judgement): Copy {
  return { destination, entry, judgement, counts: judgement.state === 'good', set: null };
}

async function judgedAt(
  { name, shelf, destination }: Place,
  unit: readonly UnitMember[],
  failures: Failure[],
): Promise<Copy[]> {
  try {
    const { judged, states } = await judgeUnit(shelf, destination, unit, { tags: false, now: new Date() });
    return [...judged.values()].flat().map(({ entry, judgement, item }) => ({
      ...copyOf(name, entry, judgement),
      counts: item.good,
      set: states.get(setOf(entry.id)) ?? null,
    }));
  } catch (error) {
    failures.push({ destination: name, message: (error as Error).message });
    return unit.flatMap((member) =>
      shelf.entries
        .filter((entry) => entry.backup === member.name)
        .map((entry) => copyOf(name, entry, judge(entry, member.required))),
    );
  }
}

function tiersAt(plan: ResolvedPlan, destination: string, copies: Copy[]): [string, Tier[]][] {
  return plan.backups.flatMap((backup) => {
    const policy = backup.retention[destination];
    if (!policy) return [];
    const items = copies
      .filter(({ entry }) => entry.backup === backup.name)
      .map(({ entry, counts }) => ({ id: entry.id, time: entry.time, good: counts }));
    return [...decide(policy, plan.timezone, items).tiers];
  });
}

function rowOf(copies: Copy[], managed: Set<string>, tiers: Map<string, Set<Tier>>): Row {
  const { id, backup, time } = copies[0]!.entry;
  const held = tiers.get(id);
  const states = copies.map(({ judgement }) => judgement.state);
  const size = copies.map(({ entry }) => sizeOf(entry)).find((bytes) => bytes !== null) ?? null;
  return {
    id,
    backup,
    time,
    state: managed.has(backup) ? best.find((state) => states.includes(state))! : 'unmanaged',
    pinned: copies.some(({ judgement }) => judgement.pinned),
    set: copies.some(({ set }) => set === 'whole') ? 'whole' : (copies[0]!.set ?? null),
    tiers: held ? tierOrder.filter((tier) => held.has(tier)) : [],
    size,
    copies,
  };
}

function sizeOf({ artifacts }: ShelfEntry): number | null {
  return artifacts.length === 0 ? null : artifacts.reduce((sum, { size }) => sum + size, 0);
}

function append<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
