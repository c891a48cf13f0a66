import { judgeShelf } from '../../catalog/items.ts';
import { removeBackups } from '../../catalog/remove.ts';
import { readShelf, type Shelf } from '../../catalog/shelf.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { Destination } from '../../kind.ts';
import { requiredLevels } from '../../plan/levels.ts';
import { type Decision, decide } from '../../retention/decide.ts';
import { pruneBlocked } from '../../retention/guard.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { stillOurs } from './lease.ts';
import { unreadable } from './prune-keepers.ts';

type PruneAction = Extract<Action, { do: 'prune' }>;

/**
 * Deletes what retention no longer keeps: what is derived now, and only as far as it was shown before. The listing must be
 * whole, the clocks must agree, and what is kept instead must be there to be read.
 */
export async function prune(action: PruneAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const { backup, destination: name } = action;
  const anomaly = run.anomalies.get(backup);
  if (anomaly !== undefined)
    return { outcome: 'warned', message: `nothing is pruned, since the new backup looks wrong: ${anomaly}` };
  const view = run.graph.shelf.find((one) => one.backup === backup && one.destination === name);
  if (view?.blocked !== undefined) throw refused(name, view.blocked);
  const previewed = new Set(view?.delete.map(({ id }) => id));
  if (previewed.size === 0) return { message: 'nothing to delete' };
  const destination = await run.places.open(name);
  const shelf = await readShelf(destination, run.plan.name, backup);
  const wrongClock = pruneBlocked(shelf.entries, new Date(), await destination.clock());
  if (wrongClock !== null) throw refused(name, wrongClock);
  const decision = await decideSurely(action, shelf, destination, previewed, run);
  const byId = new Map(shelf.entries.map((entry) => [entry.id, entry]));
  const items = decision.delete.flatMap(({ id, reasons }) => {
    const entry = byId.get(id);
    return entry && previewed.has(id) ? [{ entry, reasons }] : [];
  });
  const { removed, refused: left } = await removeBackups(destination, run.plan.name, run.run, items, {
    now: new Date(),
    stillOurs: async () => {
      context.signal.throwIfAborted();
      await stillOurs(run, name);
    },
    onRemoved: (id, reasons) =>
      context.emit({ event: 'deleted', task: context.id, backup, id, destination: name, reasons }),
  });
  const kept = left.map(({ message }) => message);
  const spared = previewed.size - removed.length;
  const message = [`deleted ${removed.length}`, ...(spared > 0 ? [`${spared} that were to go are kept`] : []), ...kept];
  return { outcome: kept.length > 0 ? 'warned' : 'ok', message: message.join('; ') };
}

/** Decides, opens what would be kept, and decides again without what cannot be read, until nothing changes. */
async function decideSurely(
  action: PruneAction,
  shelf: Shelf,
  destination: Destination,
  previewed: ReadonlySet<string>,
  run: RunContext,
): Promise<Decision> {
  const planned = run.plan.backups.find(({ name }) => name === action.backup);
  const required = planned ? requiredLevels(planned) : [];
  const options = { required, tags: action.policy.tags.length > 0, now: new Date() };
  const items = (await judgeShelf(shelf, destination, action.backup, options)).map(({ item }) => item);
  const opened = new Set<string>();
  for (;;) {
    const decision = decide(action.policy, action.timezone, items);
    if (!decision.delete.some(({ id }) => previewed.has(id))) return decision;
    const kept = new Set(decision.keep.map(({ id }) => id));
    const unopened = items.filter(({ id, good }) => good && kept.has(id) && !opened.has(id));
    if (unopened.length === 0) return decision;
    for (const item of unopened) {
      opened.add(item.id);
      if (await unreadable(item.id, action.backup, destination, run)) item.good = false;
    }
  }
}

function refused(destination: string, why: string): RunnerError {
  return new RunnerError(`nothing is pruned at "${destination}": ${why}`);
}
