import type { Graph, Scope, Task } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { describeTask, leaseScope, leaseScopes, preflightTask, settleTasks } from './common.ts';
import type { RunFacts } from './facts.ts';
import { seal } from './seal.ts';
import { shelfView } from './shelf-view.ts';

/** Tasks that delete what retention no longer keeps, one per destination that has one. */
export function pruneTasks(backup: ResolvedBackup, timezone: string, needs: Task['needs']): Task[] {
  return backup.destinations.flatMap(({ name: destination }) => {
    const policy = backup.retention[destination];
    if (!policy) return [];
    return [
      {
        id: `prune:${backup.name}:${destination}`,
        title: `prune ${backup.name} at ${destination}`,
        host: 'local',
        within: [leaseScope(destination)],
        needs,
        action: { do: 'prune' as const, backup: backup.name, destination, policy, timezone },
        outputs: [],
        backup: backup.name,
      },
    ];
  });
}

/** `runner prune`: retention alone, without a new backup. */
export function compilePrune(plan: ResolvedPlan, facts: RunFacts, options: { only?: string[] } = {}): Graph {
  const backups = chosenBackups(plan, options.only);
  const names = destinationsOf(backups);
  const scopes: Scope[] = leaseScopes(names);
  const ready = [{ task: 'preflight', on: 'ok' as const }];
  const settled = (destination: string) => [{ task: `settle:${destination}`, on: 'ok' as const }];
  const tasks: Task[] = [preflightTask(plan, names, []), ...settleTasks(plan, names, ready)];
  const shelf = [];
  for (const backup of backups) {
    for (const { name } of backup.destinations)
      shelf.push(shelfView(backup, name, plan.timezone, facts.shelves[name], null));
    for (const task of pruneTasks(backup, plan.timezone, [])) {
      const destination = task.action.do === 'prune' ? task.action.destination : '';
      tasks.push({ ...task, needs: settled(destination) });
    }
  }
  for (const name of names) {
    const prunes = tasks.filter((task) => task.action.do === 'prune' && task.action.destination === name);
    tasks.push(
      describeTask(
        plan,
        name,
        prunes.map((task) => ({ task: task.id, on: 'done' as const })),
      ),
    );
  }
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'prune',
    tasks,
    scopes,
    shelf,
  });
}

export function chosenBackups(plan: ResolvedPlan, only: string[] | undefined): ResolvedBackup[] {
  return only && only.length > 0 ? plan.backups.filter(({ name }) => only.includes(name)) : plan.backups;
}

export function destinationsOf(backups: ResolvedBackup[]): string[] {
  return [...new Set(backups.flatMap(({ destinations }) => destinations.map(({ name }) => name)))];
}
