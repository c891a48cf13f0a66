/** Databases that change their names at a server: all of it happens or nothing. */
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';
import { tellRestored } from './swap.ts';

type Exchange = Extract<Action, { do: 'swap'; commands: object }>;
type Return = Extract<Action, { do: 'unswap'; commands: object }>;

/** Milliseconds. It is short, and cut in the middle nobody knows which database has which name. */
const longest = 120_000;

export async function exchange(action: Exchange, run: RunContext, context: PerformContext): Promise<Performed> {
  const { target, aside, commands } = action;
  context.signal.throwIfAborted();
  const programs = programsOf(run, context);
  // Where no old data is moved away an interruption leaves nothing half done.
  const signal = aside === null ? context.signal : AbortSignal.timeout(longest);
  for (const command of commands) await programs.run(command, { signal });
  tellRestored(target, run, context);
  return aside === null ? {} : { message: `the old data lies in ${aside}` };
}

export async function takeBack(action: Return, run: RunContext, context: PerformContext): Promise<Performed> {
  const { target, aside, commands } = action;
  await programsOf(run, context).runAll(commands);
  return { message: aside === null ? `${target} was removed again` : `the old data is back in ${target}` };
}
