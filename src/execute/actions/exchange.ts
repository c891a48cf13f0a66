/** Databases that change their names at a server, and files elsewhere: all of it happens or nothing. */
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { programsOf } from './programs.ts';
import { tellRestored } from './swap.ts';
import { armThere } from './there.ts';

type Exchange = Extract<Action, { do: 'swap'; commands: object }>;
type Return = Extract<Action, { do: 'unswap'; commands: object }>;

/** Milliseconds. It is short, and cut in the middle nobody knows which database has which name. */
const longest = 120_000;

export async function exchange(action: Exchange, run: RunContext, context: PerformContext): Promise<Performed> {
  const { target, aside, commands, lost } = action;
  context.signal.throwIfAborted();
  const programs = programsOf(run, context);
  // Where no old data is moved away an interruption leaves nothing half done.
  const signal = aside === null ? context.signal : AbortSignal.timeout(longest);
  const notes: string[] = [];
  if (lost) await armThere(context.id, lost, run, context);
  try {
    for (const command of commands) notes.push(...(await programs.run(command, { signal })).notes);
  } catch (error) {
    const left = lost ? await programs.cleanUp([lost]) : [];
    if (left.length === 0) throw error;
    throw new RunnerError(
      `${textOf(error)}; whether ${target} is whole is not known: what lay there may lie at ${aside}`,
      { cause: error },
    );
  } finally {
    if (lost) run.guard.disarm(context.id);
  }
  tellRestored(target, run, context);
  if (notes.length > 0) return { outcome: 'warned', message: notes.join('; ') };
  return aside === null ? {} : { message: `the old data lies in ${aside}` };
}

export async function takeBack(action: Return, run: RunContext, context: PerformContext): Promise<Performed> {
  const { target, aside, commands } = action;
  await programsOf(run, context).runAll(commands);
  return { message: aside === null ? `${target} was removed again` : `the old data is back in ${target}` };
}
