/** Tasks of a plan: steps that are no backup. */
import type { Task } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan, ResolvedTask } from '../plan/resolved.ts';
import type { RunFacts } from './facts.ts';
import { compileHook, type HookPlace } from './hooks.ts';
import { chosenBackups } from './prune.ts';

/** What `apply` is asked for by name. Where nothing is named it is all backups, and no task. */
export type Work = { only?: string[]; tasks?: string[] };

/** The backups that are made: a task alone makes none. */
export function backupsOf(plan: ResolvedPlan, { only = [], tasks = [] }: Work): ResolvedBackup[] {
  return only.length === 0 && tasks.length > 0 ? [] : chosenBackups(plan, only);
}

/** The steps of a task with its hooks around them; the first waits for `ready`. */
export function taskTasks(plan: ResolvedPlan, task: ResolvedTask, ready: Task['needs'], facts: RunFacts): Task[] {
  const { name, hooks } = task;
  const place: HookPlace = { plan: plan.name, backup: null, task: name };
  const all = (tasks: Task[], on: 'ok' | 'fail' | 'done') => tasks.map(({ id }) => ({ task: id, on }));
  const before = compileHook('before', hooks.before, place, ready, facts);
  const steps = compileHook('task', task.steps, place, before.length > 0 ? all(before.slice(-1), 'ok') : ready, facts);
  const blamed = [...before, ...steps];
  const after = compileHook('after', hooks.after, place, all(blamed, 'ok'), facts);
  const failed = compileHook('on-failure', hooks.onFailure, place, all(blamed, 'fail'), facts);
  const last = compileHook('finally', hooks.finally, place, all([...blamed, ...after, ...failed], 'done'), facts);
  return [...blamed, ...after, ...failed, ...last];
}
