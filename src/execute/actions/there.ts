/** Names beside the live data of another place: claimed, removed, and swept by the guard should we be killed. */
import { render } from '../../bind.ts';
import type { Command } from '../../command.ts';
import type { Action } from '../../graph.ts';
import { clientArgv } from '../remote-client.ts';
import { bindPlace } from '../remote-launch.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';

type Reserve = Extract<Action, { do: 'reserve'; commands: object }>;
type Discard = Extract<Action, { do: 'discard'; commands: object }>;

/** Milliseconds that a claim may take; one that was cut in the middle would leave what nobody knows to be ours. */
const longest = 60_000;

export async function reserveThere(action: Reserve, run: RunContext, context: PerformContext): Promise<Performed> {
  const programs = programsOf(run, context);
  await armThere(context.id, action.unanswered, run, context);
  try {
    for (const command of action.commands) await programs.run(command, { signal: AbortSignal.timeout(longest) });
  } catch (error) {
    run.guard.disarm(context.id);
    throw error;
  }
  await armThere(context.id, action.lost, run, context);
  return {};
}

export async function discardThere(action: Discard, run: RunContext, context: PerformContext): Promise<Performed> {
  await programsOf(run, context).runAll(action.commands);
  run.guard.disarm(context.id);
  return {};
}

/** The guard runs it there at our death. */
export async function armThere(id: string, command: Command, run: RunContext, context: PerformContext): Promise<void> {
  const { argv, place } = command;
  if (!place) throw new Error('what is armed elsewhere has a place');
  const client = await run.connections.reach(bindPlace(place, context.lookup));
  run.guard.arm(
    id,
    clientArgv(
      client,
      argv.map((word) => render(word, context.lookup)),
    ),
  );
}
