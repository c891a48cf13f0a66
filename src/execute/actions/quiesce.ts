import type { Command } from '../../command.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';
import { standalone } from './standalone.ts';

/**
 * Holds an application still. What lets it go on is armed first, in a process that survives us, and runs at once when holding it
 * failed: a part of it may stand still.
 */
export async function quiesce(
  { before }: Extract<Action, { do: 'quiesce' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const release = run.graph.scopes.find(({ id }) => id === context.id)?.release;
  const after = release?.do === 'go-on' ? release.after : [];
  const armed = await Promise.all(after.map((command) => standalone(command, run, context)));
  // What was armed last runs first.
  for (const [index, argv] of [...armed.entries()].toReversed()) run.guard.arm(slot(index, context), argv);
  try {
    await programsOf(run, context).runAll(before);
    return {};
  } catch (error) {
    for (const { message } of await letGo(after, run, context))
      context.emit({ event: 'notice', level: 'error', task: context.id, message });
    throw error;
  }
}

/** Every step is tried, whatever became of those before it. */
export async function goOn(
  { after }: Extract<Action, { do: 'go-on' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const [first, ...rest] = await letGo(after, run, context);
  for (const { message } of rest) context.emit({ event: 'notice', level: 'error', task: context.id, message });
  if (first) throw first;
  return {};
}

async function letGo(after: readonly Command[], run: RunContext, context: PerformContext): Promise<Error[]> {
  const failed = await programsOf(run, context).cleanUp(after);
  for (const index of after.keys()) run.guard.disarm(slot(index, context));
  return failed;
}

function slot(index: number, { id }: PerformContext): string {
  return `${id}:${index}`;
}
