import type { Action } from '../../graph.ts';
import type { PerformContext } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';

type Commands = Extract<Action, { do: 'run' }>;

/** A scope whose commands fail or are cut in the middle may have made a part: its release is run at once. */
export async function runForScope(action: Commands, run: RunContext, context: PerformContext): Promise<void> {
  const programs = programsOf(run, context);
  const scope = run.graph.scopes.find(({ id }) => id === context.id);
  try {
    await programs.runAll(action.commands);
  } catch (error) {
    if (scope?.release.do === 'run' && scope.release !== action) {
      const failed = await programs.cleanUp(scope.release.commands);
      for (const { message } of failed) context.emit({ event: 'notice', level: 'error', task: context.id, message });
    }
    throw error;
  }
}
