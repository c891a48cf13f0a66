import { judgeShelf } from '../../catalog/items.ts';
import { type RecoveryBackup, writeRecovery } from '../../catalog/recovery-page.ts';
import { readShelf } from '../../catalog/shelf.ts';
import type { Destination } from '../../destination.ts';
import type { Action } from '../../graph.ts';
import { requiredLevels } from '../../plan/levels.ts';
import { findDestination } from '../../registry.ts';
import type { Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { unchangedManifest } from './manifests.ts';
import { signingKey } from './trust.ts';

/** Writes RECOVERY.md at one destination: how to get each backup back without this program, as of now. */
export async function document(action: Extract<Action, { do: 'document' }>, run: RunContext): Promise<Performed> {
  const destination = await run.places.open(action.destination);
  const configured = run.plan.destinations[action.destination];
  if (!configured) throw new Error(`no destination "${action.destination}" in the plan although the graph names it`);
  const kind = findDestination(configured.type);
  const backups: RecoveryBackup[] = [];
  for (const name of action.backups) backups.push(await recoverable(name, destination, run));
  const key = await signingKey(run);
  const page = {
    plan: run.plan.name,
    place: kind.describe(configured.spec),
    now: new Date(),
    backups,
    fetch: (name: string) => kind.fetch(configured.spec, name),
    publicKey: key?.publicKey ?? null,
  };
  await writeRecovery(destination, page, key);
  return {};
}

/** The good backups of one name at this destination, and the newest of them that can be read. */
async function recoverable(name: string, destination: Destination, run: RunContext): Promise<RecoveryBackup> {
  const shelf = await readShelf(destination, run.plan.name, name);
  const planned = run.plan.backups.find((backup) => backup.name === name);
  const options = { required: planned ? requiredLevels(planned) : [], tags: false, now: new Date() };
  const good = (await judgeShelf(shelf, destination, name, options)).filter(({ item }) => item.good);
  const oldest = good[0]?.entry.time.toISOString() ?? null;
  for (const { entry } of good.toReversed()) {
    const newest = await unchangedManifest(run, destination, entry.id).catch(() => null);
    if (newest) return { name, newest, good: good.length, oldest };
  }
  return { name, newest: null, good: good.length, oldest };
}
