import { compareIds, parseId, stampOf } from '../../catalog/identity.ts';
import { readShelf } from '../../catalog/shelf.ts';
import type { CaptureAction, RunContext } from './context.ts';

/**
 * The id of a member of a consistency group: its stamp and nonce are those of all members of this run, so that names alone
 * tell a set, and the calendar puts it as a whole. Null for what belongs to no group.
 */
export async function setId(action: CaptureAction, newest: string | null, run: RunContext): Promise<string | null> {
  const { set } = action.manifest;
  if (!set) return null;
  const known = run.sets.get(set.name) ?? suffixOf(action, set.members, run);
  run.sets.set(set.name, known);
  const id = `${action.backup}-${await known}`;
  // A shelf that could not be read when the set began may hold a newer one: then it is no member by its name.
  return newest === null || compareIds(newest, id) < 0 ? id : null;
}

/** A second later at least than every known backup of every member: members have the same destinations. */
async function suffixOf({ branches }: CaptureAction, members: readonly string[], run: RunContext): Promise<string> {
  const times = [Math.floor(Date.now() / 1000) * 1000];
  for (const { destination } of branches.flatMap(({ sinks }) => sinks)) {
    const newest = await newestAt(destination, members, run);
    times.push(...newest.map((id) => parseId(id)!.time.getTime() + 1000));
  }
  // The last six characters of a run's id are its nonce.
  return `${stampOf(new Date(Math.max(...times)))}-${run.run.slice(-6)}`;
}

/** None where the destination is out of this run: the capture itself tells that. */
async function newestAt(destination: string, members: readonly string[], run: RunContext): Promise<string[]> {
  try {
    const shelf = await readShelf(await run.places.open(destination), run.plan.name, null);
    return members.flatMap((name) => shelf.newest.get(name) ?? []);
  } catch {
    return [];
  }
}
