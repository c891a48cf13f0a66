import { compareIds, parseId, stampOf } from '../../catalog/identity.ts';
import { judgeUnit, type UnitMember } from '../../catalog/sets.ts';
import { readShelf } from '../../catalog/shelf.ts';
import { requiredLevels } from '../../plan/levels.ts';
import { claim } from '../../retention/decide.ts';
import { tiersByRank } from '../../retention/periods.ts';
import type { Tier } from '../../retention/policy.ts';
import type { CaptureAction, RunContext } from './context.ts';

/** What the members of a set have in common: the end of their ids, and the tiers. */
export type SetPlan = { suffix: string; tiers: Tier[] };

/**
 * The stamp and nonce of all members of this run, so that names alone tell a set and the calendar puts it as a whole; settled by
 * the first that is captured. Null for what belongs to no group.
 */
export async function setPlan(action: CaptureAction, run: RunContext): Promise<SetPlan | null> {
  const { set } = action.manifest;
  if (!set) return null;
  const known = run.sets.get(set.name) ?? settleSet(action, set.members, run);
  run.sets.set(set.name, known);
  return await known;
}

/** The id of a member; null where a shelf that could not be read when the set began holds a newer one. */
export function memberId(backup: string, { suffix }: SetPlan, newest: string | null): string | null {
  const id = `${backup}-${suffix}`;
  return newest === null || compareIds(newest, id) < 0 ? id : null;
}

/** A second later at least than every known backup of every member. Members have the same destinations and retention. */
async function settleSet(action: CaptureAction, members: readonly string[], run: RunContext): Promise<SetPlan> {
  const unit = run.plan.backups.filter(({ name }) => members.includes(name));
  const wanted = unit.map((backup) => ({ name: backup.name, required: requiredLevels(backup) }));
  const sinks = action.branches.flatMap((branch) => branch.sinks);
  const now = Math.floor(Date.now() / 1000) * 1000;
  const readings = await Promise.all(sinks.map(({ destination }) => historyAt(destination, wanted, run)));
  const newest = readings.flatMap((reading) => reading.newest.map((id) => parseId(id)!.time.getTime() + 1000));
  const time = new Date(Math.max(now, ...newest));
  const policies = sinks.flatMap(({ retention }) => (retention ? [retention] : []));
  const claimed = wanted.flatMap(({ name }) => {
    const good = readings.flatMap((reading) => reading.good.get(name) ?? []);
    return claim(policies, action.timezone, good, time);
  });
  // The last six characters of a run's id are its nonce.
  const suffix = `${stampOf(time)}-${run.run.slice(-6)}`;
  return { suffix, tiers: tiersByRank.filter((tier) => claimed.includes(tier)) };
}

type History = { newest: string[]; good: Map<string, Date[]> };

/** The newest id of each member, and the times of those that fill slots. Nothing of a destination that is out of this run. */
async function historyAt(name: string, unit: readonly UnitMember[], run: RunContext): Promise<History> {
  try {
    const destination = await run.places.open(name);
    const shelf = await readShelf(destination, run.plan.name, null);
    const { judged } = await judgeUnit(shelf, destination, unit, { tags: false, now: new Date() });
    const times = [...judged].map(([backup, all]): [string, Date[]] => [
      backup,
      all.filter(({ item }) => item.good).map(({ entry }) => entry.time),
    ]);
    return { newest: unit.flatMap((member) => shelf.newest.get(member.name) ?? []), good: new Map(times) };
  } catch {
    // The capture that comes to this destination tells what is wrong with it.
    return { newest: [], good: new Map() };
  }
}
