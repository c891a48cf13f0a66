import type { Task, Value } from '../graph.ts';
import type { RestoreContext } from './restore-context.ts';
import { compileStep } from './steps.ts';

/** The plan's steps around a recovery of the live data; a restore to another place has none. */
export function restoreSteps(context: RestoreContext, hook: 'before' | 'after', needs: Task['needs']): Task[] {
  const { backup, choice, facts } = context;
  const steps = choice.live ? backup.restore[hook] : [];
  return steps.map((step, index) => ({
    id: `${hook}:${index + 1}`,
    title: `${hook} restore of ${backup.name}`,
    host: 'local',
    within: [],
    needs: index === 0 ? needs : [{ task: `${hook}:${index}`, on: 'ok' as const }],
    action: { do: 'step' as const, step: compileStep(step, backup.source, restoreEnvironment(context), facts) },
    outputs: [],
    ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
    backup: backup.name,
  }));
}

/** What the steps of a restore are told. */
export function restoreEnvironment({ plan, backup, choice }: RestoreContext): Record<string, Value> {
  return {
    RUNNER_HOOK: 'restore',
    RUNNER_PLAN: plan.name,
    RUNNER_BACKUP: backup.name,
    RUNNER_ID: choice.id,
    ...(choice.target === null ? {} : { RUNNER_TARGET: choice.target }),
  };
}
