import type { Graph, ShelfView, Task } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { describeTask, inOrder, leaseScope, leaseScopes, preflightTask, settleTasks } from './common.ts';
import type { RunFacts } from './facts.ts';
import { chosenBackups, destinationsOf } from './prune.ts';
import { seal } from './seal.ts';

/** `from`: the only destinations that are read; absent: all. `all`: also what is older than a destination. */
export type SyncChoice = { all: boolean; from?: string[] };

/**
 * One task a destination that copies what it lacks. Which backups those are stands in the shelf's half of the graph, so that
 * the tasks are the same whatever lies there. None where there is nobody to copy from.
 */
export function syncTasks(
  plan: ResolvedPlan,
  backups: readonly ResolvedBackup[],
  { all, from = Object.keys(plan.destinations) }: SyncChoice,
  needs: Task['needs'],
): Task[] {
  return destinationsOf([...backups]).flatMap((destination) => {
    const sources = from.filter((name) => name !== destination);
    if (sources.length === 0) return [];
    const here = backups.filter(({ destinations }) => destinations.some(({ name }) => name === destination));
    return [
      {
        id: `sync:${destination}`,
        title: `copy what is missing to ${destination}`,
        host: 'local',
        within: [leaseScope(destination)],
        needs: [{ task: `settle:${destination}`, on: 'ok' as const }, ...needs],
        action: { do: 'sync' as const, destination, backups: here.map(({ name }) => name), from: sources, all },
        outputs: [],
      },
    ];
  });
}

/** What the facts say is missing of a backup at a destination; nothing where nobody looked. */
export function toCopy(facts: RunFacts, backup: string, destination: string): Pick<ShelfView, 'copy' | 'uncopied'> {
  const found = facts.copies?.[destination];
  if (!found) return {};
  if ('unknown' in found) return { uncopied: found.unknown };
  const copy = found.missing
    .filter((one) => one.backup === backup)
    .map(({ id, from, bytes, isDamaged }) => ({ id, from, bytes, ...(isDamaged ? { isDamaged } : {}) }));
  return copy.length > 0 ? { copy } : {};
}

/** `runner sync`: copies alone. No source is touched. */
export function compileSync(
  plan: ResolvedPlan,
  facts: RunFacts,
  { only, ...choice }: SyncChoice & { only?: string[] },
): Graph {
  const backups = chosenBackups(plan, only);
  const tasks = syncTasks(plan, backups, choice, []);
  const targets = tasks.flatMap(({ action }) => (action.do === 'sync' ? [action.destination] : []));
  const ready = [{ task: 'preflight', on: 'ok' as const }];
  const documents = targets.map((name) => describeTask(plan, name, [{ task: `sync:${name}`, on: 'done' }]));
  const shelf = targets.flatMap((destination) =>
    backups
      .filter(({ destinations }) => destinations.some(({ name }) => name === destination))
      .map(({ name }): ShelfView => {
        const shelf = facts.shelves[destination];
        const digest = shelf && 'digests' in shelf ? (shelf.digests[name] ?? null) : null;
        return { backup: name, destination, digest, keep: [], delete: [], ...toCopy(facts, name, destination) };
      }),
  );
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'sync',
    tasks: [
      preflightTask(plan, targets, []),
      ...inOrder([...settleTasks(plan, targets, ready), ...tasks, ...documents], targets),
    ],
    scopes: leaseScopes(targets),
    shelf,
  });
}
