import type { Value } from '../command.ts';
import type { Scope, Task } from '../graph.ts';
import type { RestoreContext } from './restore-context.ts';
import { compileStep, compileStop } from './steps.ts';

/** The plan's steps around a recovery of the live data; a restore to another place has none. */
export function restoreSteps(context: RestoreContext, hook: 'before' | 'after', needs: Task['needs']): Task[] {
  const { backup, choice, facts, tag } = context;
  const steps = choice.live ? backup.restore[hook] : [];
  return steps.map((step, index) => ({
    id: `${hook}${tag}:${index + 1}`,
    title: `${hook} restore of ${backup.name}`,
    host: 'local',
    within: [],
    needs: index === 0 ? needs : [{ task: `${hook}${tag}:${index}`, on: 'ok' as const }],
    action: { do: 'step' as const, step: compileStep(step, backup, restoreEnvironment(context), facts) },
    outputs: [],
    ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
    backup: backup.name,
  }));
}

/**
 * What stands still during the swap, in the order of the plan; scopes end in reverse, so it starts again in reverse. What
 * several backups of a set stop is stopped once.
 */
export function stopScopes(contexts: readonly RestoreContext[], prefix: string): Scope[] {
  const seen = new Set<string>();
  const stops = contexts.flatMap((context) =>
    (context.choice.live ? context.backup.restore.stop : []).flatMap((planned) => {
      const text = JSON.stringify(planned);
      if (seen.has(text)) return [];
      seen.add(text);
      return [compileStop(planned, restoreEnvironment(context))];
    }),
  );
  return stops.map(({ stop, start }, index) => ({
    id: `${prefix}:${index + 1}`,
    host: 'local',
    acquire: { do: 'step', step: stop },
    release: { do: 'step', step: start },
    outputs: [],
  }));
}

/** What the steps of a restore are told. */
function restoreEnvironment({ plan, backup, choice }: RestoreContext): Record<string, Value> {
  const [piece, ...others] = choice.pieces;
  const target = others.length === 0 ? (piece?.target ?? null) : null;
  return {
    RUNNER_HOOK: 'restore',
    RUNNER_PLAN: plan.name,
    RUNNER_BACKUP: backup.name,
    RUNNER_ID: choice.id,
    ...(target === null ? {} : { RUNNER_TARGET: target }),
  };
}
