import { parseId, setOf } from '../../catalog/identity.ts';
import { type Removal, removeBackups } from '../../catalog/remove.ts';
import { judgeUnit } from '../../catalog/sets.ts';
import { readShelf, type Shelf } from '../../catalog/shelf.ts';
import { listedSize } from '../../catalog/sizes.ts';
import type { Destination } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import { requiredLevels } from '../../plan/levels.ts';
import { decide, type Reasons } from '../../retention/decide.ts';
import { pruneBlocked } from '../../retention/guard.ts';
import { together } from '../../retention/sets.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { stillOurs } from './lease.ts';
import { sentenceOf, type Unreliable, unreliable } from './prune-keepers.ts';
import { storedMore } from './room.ts';
import { markDamaged } from './sync-sources.ts';

type PruneAction = Extract<Action, { do: 'prune' }>;

/**
 * Deletes what retention no longer keeps: what is derived now, and only as far as it was shown before. The listing must be
 * whole, the clocks must agree, and what is kept instead must be there to be read.
 */
export async function prune(action: PruneAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const { destination: name } = action;
  const members = action.members ?? [action.backup];
  const anomaly = members.map((backup) => run.anomalies.get(backup)).find((why) => why !== undefined);
  if (anomaly !== undefined)
    return { outcome: 'warned', message: `nothing is pruned, since the new backup looks wrong: ${anomaly}` };
  const views = run.graph.shelf.filter((one) => members.includes(one.backup) && one.destination === name);
  const blocked = views.find((view) => view.blocked !== undefined)?.blocked;
  if (blocked !== undefined) throw refused(name, blocked);
  const previewed = new Set(views.flatMap((view) => view.delete.map(({ id }) => id)));
  if (previewed.size === 0) return { message: 'nothing to delete' };
  const destination = await run.places.open(name);
  const shelf = await readAll(destination, members, run);
  for (const backup of members) {
    const entries = shelf.entries.filter((entry) => entry.backup === backup);
    const wrongClock = pruneBlocked(entries, new Date(), await destination.clock());
    if (wrongClock !== null) throw refused(name, wrongClock);
  }
  const { doomed, unopened } = await decideSurely(action, shelf, destination, previewed, run);
  for (const { id, why, damaged } of unopened)
    if (damaged !== null) await markDamaged({ destination, sha256: damaged }, id, why, { run, context });
  const items = removalsOf(doomed, shelf, previewed);
  const {
    removed,
    refused: left,
    locked,
  } = await removeBackups(destination, run.plan.name, run.run, items, {
    now: new Date(),
    stillOurs: async () => {
      context.signal.throwIfAborted();
      await stillOurs(run, name);
    },
    onRemoved: (id, reasons) =>
      context.emit({
        event: 'deleted',
        task: context.id,
        backup: parseId(id)!.backup,
        id,
        destination: name,
        reasons,
      }),
  });
  for (const { entry } of items) if (removed.includes(entry.id)) storedMore(run, name, -(listedSize(entry) ?? 0));
  if (removed.length > 0) run.thinned.add(name);
  const kept = left.map(({ message }) => message);
  const told = locked.map(({ message }) => message);
  const spared = previewed.size - removed.length;
  const message = [
    `deleted ${removed.length}`,
    ...(spared > 0 ? [`${spared} that were to go are kept`] : []),
    ...kept,
    ...told,
    ...unopened.map((one) => sentenceOf(one, name)),
  ];
  const outcome = unopened.length > 0 ? 'partial' : kept.length > 0 ? 'warned' : 'ok';
  return { outcome, message: message.join('; ') };
}

/** One listing, whatever the number of members. */
async function readAll(destination: Destination, members: readonly string[], run: RunContext): Promise<Shelf> {
  return await readShelf(destination, run.plan.name, members.length === 1 ? members[0]! : null);
}

/** What goes; a set of which anything was not shown before stays whole. */
function removalsOf(doomed: Reasons[], shelf: Shelf, previewed: ReadonlySet<string>): Removal[] {
  const byId = new Map(shelf.entries.map((entry) => [entry.id, entry]));
  const unseen = new Set(doomed.filter(({ id }) => !previewed.has(id)).map(({ id }) => setOf(id)));
  return doomed.flatMap(({ id, reasons }) => {
    const entry = byId.get(id);
    return entry && !unseen.has(setOf(id)) ? [{ entry, reasons }] : [];
  });
}

/** `unopened`: what cannot be relied on of what would be kept. */
type Decided = { doomed: Reasons[]; unopened: Unreliable[] };

/** Decides, opens what would be kept, and decides again without what cannot be read, until nothing changes. */
async function decideSurely(
  action: PruneAction,
  shelf: Shelf,
  destination: Destination,
  previewed: ReadonlySet<string>,
  run: RunContext,
): Promise<Decided> {
  const unit = (action.members ?? [action.backup]).map((name) => {
    const planned = run.plan.backups.find((backup) => backup.name === name);
    return { name, required: planned ? requiredLevels(planned) : [] };
  });
  const options = { tags: action.policy.tags.length > 0, now: new Date() };
  const { judged } = await judgeUnit(shelf, destination, unit, options);
  const items = new Map([...judged].map(([backup, all]) => [backup, all.map(({ item }) => item)]));
  const everything = [...items.values()].flat();
  const opened = new Set<string>();
  const unopened: Unreliable[] = [];
  for (;;) {
    const decisions = [...items].map(([backup, own]) => ({
      backup,
      decision: decide(action.policy, action.timezone, own),
    }));
    const united = together(decisions, setOf).map(({ decision }) => decision);
    const doomed = united.flatMap((decision) => decision.delete);
    if (!doomed.some(({ id }) => previewed.has(id))) return { doomed: [], unopened };
    const kept = new Set(united.flatMap((decision) => decision.keep.map(({ id }) => id)));
    const toOpen = everything.filter(({ id, good }) => good && kept.has(id) && !opened.has(id));
    if (toOpen.length === 0) return { doomed, unopened };
    for (const { id } of toOpen) {
      opened.add(id);
      const found = await unreliable(id, parseId(id)!.backup, destination, run);
      if (found === null) continue;
      unopened.push(found);
      // A set of which one cannot be read is none.
      for (const other of everything) if (setOf(other.id) === setOf(id)) other.good = false;
    }
  }
}

function refused(destination: string, why: string): RunnerError {
  return new RunnerError(`nothing is pruned at "${destination}": ${why}`);
}
