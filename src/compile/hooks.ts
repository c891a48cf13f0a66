import type { ScopeId, Task, TaskId, Value } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { Configured, PlannedStep } from '../plan/resolved.ts';
import { compileStep } from './steps.ts';

export type HookName = 'before' | 'after' | 'on-failure' | 'finally';

export type HookPlace = {
  plan: string;
  /** Absent for hooks of the whole plan. */
  backup?: string;
  source: Configured | null;
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
  facts: Facts,
): Task[] {
  const environment = hookEnvironment(hook, place);
  return steps.map((step, index) => {
    const id = `${hook}:${place.backup ?? 'plan'}:${index + 1}`;
    const previous = `${hook}:${place.backup ?? 'plan'}:${index}`;
    const action = { do: 'step' as const, step: compileStep(step, place.source, environment, facts) };
    return {
      id,
      title: `${hook} ${place.backup ?? place.plan}`,
      host: 'local',
      within: place.within ?? [],
      needs: index === 0 ? needs : [{ task: previous, on: 'ok' as const }],
      action,
      outputs: [],
      ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
      ...(place.backup ? { backup: place.backup } : {}),
    };
  });
}

function hookEnvironment(hook: HookName, place: HookPlace): Record<string, Value> {
  const failed = hook === 'on-failure' || hook === 'finally';
  const errors = place.backup ? (`backup:${place.backup}.errors` as const) : 'run.errors';
  return {
    RUNNER_HOOK: hook,
    RUNNER_PLAN: place.plan,
    ...(place.backup ? { RUNNER_BACKUP: place.backup } : {}),
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
