import type { Graph, Scope, Task } from '../graph.ts';
import { unitsOf, withMembers } from '../plan/groups.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';
import { describeTask, leaseScope, leaseScopes, preflightTask, settleTasks } from './common.ts';
import type { RunFacts } from './facts.ts';
import { seal } from './seal.ts';
import { shelfViews } from './shelf-view.ts';

/**
 * Tasks that delete what retention no longer keeps of a group or of one backup, one per destination that has one and where the
 * command may delete.
 */
export function pruneTasks(
  plan: ResolvedPlan,
  unit: readonly ResolvedBackup[],
  command: Pruner,
  needs: Task['needs'],
): Task[] {
  const { timezone } = plan;
  const [first] = unit;
  const members = unit.map(({ name }) => name);
  const subject = members.join(', ');
  return first!.destinations.flatMap(({ name: destination }) => {
    const policy = first!.retention[destination];
    if (!policy || mayNotPrune(plan, destination, command) !== null) return [];
    const action = {
      do: 'prune' as const,
      backup: first!.name,
      ...(unit.length > 1 ? { members } : {}),
      destination,
      policy,
      timezone,
    };
    return [
      {
        id: `prune:${first!.name}:${destination}`,
        title: `prune ${subject} at ${destination}`,
        host: 'local',
        within: [leaseScope(destination)],
        needs,
        action,
        outputs: [],
        backup: first!.name,
      },
    ];
  });
}

type Pruner = 'apply' | 'prune';

/** Why a command deletes nothing at a destination, or null: credentials that may not delete are no reason to fail. */
export function mayNotPrune(plan: ResolvedPlan, destination: string, command: Pruner): string | null {
  const { type, spec } = plan.destinations[destination]!;
  const appendOnly = findDestination(type).appendOnly?.(spec) ?? null;
  if (appendOnly === 'never')
    return 'it is append-only, and no other credentials are named that may delete (`prune-as`)';
  if (appendOnly === 'elsewhere' && command === 'apply') return 'it is append-only: `runner prune` deletes there';
  return null;
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
  for (const unit of unitsOf(plan, backups)) {
    for (const { name } of unit[0]!.destinations)
      shelf.push(
        ...shelfViews(
          unit,
          { name, blocked: mayNotPrune(plan, name, 'prune') },
          plan.timezone,
          facts.shelves[name],
          () => null,
        ),
      );
    for (const task of pruneTasks(plan, unit, 'prune', [])) {
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

/** Those that are named, with all members of their groups; all where none is named. */
export function chosenBackups(plan: ResolvedPlan, only: string[] | undefined): ResolvedBackup[] {
  if (!only || only.length === 0) return plan.backups;
  const names = withMembers(plan, only);
  return plan.backups.filter(({ name }) => names.includes(name));
}

export function destinationsOf(backups: ResolvedBackup[]): string[] {
  return [...new Set(backups.flatMap(({ destinations }) => destinations.map(({ name }) => name)))];
}
