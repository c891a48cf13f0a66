import type { Value } from '../command.ts';
import type { ScopeId, Task, TaskId } from '../graph.ts';
import type { PlannedStep, ResolvedBackup } from '../plan/resolved.ts';
import type { RunFacts } from './facts.ts';
import { compileStep } from './steps.ts';

/** `task`: the steps of a task themselves. */
export type HookName = 'before' | 'task' | 'after' | 'on-failure' | 'finally';

export type HookPlace = {
  plan: string;
  /** Null for hooks of the whole plan or of a task. */
  backup: Pick<ResolvedBackup, 'name' | 'source'> | null;
  /** The task of the plan that they belong to. */
  task?: string;
  /** The capture whose outputs are handed over, once there is one. */
  capture?: TaskId;
  within?: ScopeId[];
};

/** The tasks of one hook, one after another; the first waits for `needs`. */
export function compileHook(
  hook: HookName,
  steps: PlannedStep[],
  place: HookPlace,
  needs: Task['needs'],
  facts: RunFacts,
): Task[] {
  const environment = hookEnvironment(hook, place);
  const name = place.backup?.name ?? place.task;
  return steps.map((step, index) => {
    const id = `${hook}:${name ?? 'plan'}:${index + 1}`;
    const previous = `${hook}:${name ?? 'plan'}:${index}`;
    const action = { do: 'step' as const, step: compileStep(step, place.backup, environment, facts) };
    return {
      id,
      title: `${hook} ${name ?? place.plan}`,
      host: 'local',
      within: place.within ?? [],
      needs: index === 0 ? needs : [{ task: previous, on: 'ok' as const }],
      action,
      outputs: [],
      ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
      ...(name === undefined ? {} : { backup: name }),
    };
  });
}

function hookEnvironment(hook: HookName, place: HookPlace): Record<string, Value> {
  const failed = hook === 'on-failure' || hook === 'finally';
  const name = place.backup?.name ?? place.task;
  const errors = name === undefined ? 'run.errors' : (`backup:${name}.errors` as const);
  return {
    RUNNER_HOOK: hook,
    RUNNER_PLAN: place.plan,
    ...(name === undefined ? {} : { [place.task === undefined ? 'RUNNER_BACKUP' : 'RUNNER_TASK']: name }),
    ...(place.capture && hook !== 'before'
      ? {
          RUNNER_ID: { out: `${place.capture}.id` as const },
          RUNNER_KEY: { out: `${place.capture}.key` as const },
          RUNNER_SIZE: { out: `${place.capture}.size` as const },
        }
      : {}),
    ...(failed ? { RUNNER_ERROR: { out: errors } } : {}),
  };
}
