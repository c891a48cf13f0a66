import type { Destination } from '../../destination.ts';
import type { Action } from '../../graph.ts';
import type { RunContext } from './context.ts';
import { asError } from './errors.ts';

export type VerifyAction = Extract<Action, { do: 'verify' }>;

/** The destinations of a check: `up` in the order of preference, `down` with why they cannot be asked. */
export type Sites = { up: Destination[]; down: { name: string; error: Error }[] };

/** Opens the destinations of a check. */
export async function sitesOf({ destinations }: VerifyAction, run: RunContext): Promise<Sites> {
  const sites: Sites = { up: [], down: [] };
  for (const name of destinations) {
    try {
      sites.up.push(await run.places.open(name));
    } catch (error) {
      sites.down.push({ name, error: asError(error) });
    }
  }
  return sites;
}
