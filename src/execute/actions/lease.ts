import { acquireLease } from '../../catalog/lease.ts';
import { withoutName } from '../../destination.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';

/**
 * Keeps other runs from a destination. One that is held by another run stops what needs it (exit 5); one that cannot be
 * reached leaves this run, and what needs it decides whether it can do without.
 */
export async function lease(
  { destination: name }: Extract<Action, { do: 'lease' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  if (run.places.lost(name) !== null) return { message: `"${name}" cannot be used` };
  try {
    const destination = await run.places.open(name);
    const options = { timeout: run.lockTimeout, signal: context.signal };
    run.leases.set(name, await acquireLease(destination, run.plan.name, run.run, options));
    return {};
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof RunnerError && error.exitCode === ExitCode.locked) throw error;
    run.places.giveUp(name, error);
    const message = `destination "${name}" cannot be used: ${withoutName(name, textOf(error))}`;
    context.emit({ event: 'notice', level: 'warning', task: context.id, message });
    return { outcome: 'warned', message };
  }
}

export async function releaseLease(
  { destination }: Extract<Action, { do: 'release-lease' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const held = run.leases.get(destination);
  run.leases.delete(destination);
  await held?.release();
  if (run.thinned.delete(destination)) await reclaim(destination, run, context);
  return {};
}

/** It may take long, so others are let in before it. What was removed is gone, whether or not its space comes back now. */
async function reclaim(name: string, run: RunContext, context: PerformContext): Promise<void> {
  try {
    await (await run.places.open(name)).reclaim?.();
  } catch (error) {
    const message = `destination "${name}": the space of what was deleted is not given back yet: ${withoutName(name, textOf(error))}`;
    context.emit({ event: 'notice', level: 'warning', task: context.id, message });
  }
}

/** Rejects unless this run still holds the destination's lease. */
export async function stillOurs(run: RunContext, destination: string): Promise<void> {
  const held = run.leases.get(destination);
  if (!held) throw new RunnerError(`this run does not hold the lease of "${destination}", so it writes nothing there`);
  await held.check();
}
