import type { Action } from '../../graph.ts';
import type { Performed } from '../schedule.ts';
import type { RunContext } from './context.ts';

/** RECOVERY.md of one destination. */
export async function document(_action: Extract<Action, { do: 'document' }>, _run: RunContext): Promise<Performed> {
  throw new Error('not built yet');
}
