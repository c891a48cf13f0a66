import type { CapturePart } from '../../graph.ts';
import type { PerformContext } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { programsOf } from './programs.ts';

/** Bytes that one fact may have; more is cut off by nobody and refused. */
const longestFact = 64 * 1024;

export type Learnt = { facts: Record<string, string>; warnings: string[] };

/** What the source says of itself before it is read. What cannot be learnt is a warning: the data matters more. */
export async function learnFacts({ learn }: CapturePart, run: RunContext, context: PerformContext): Promise<Learnt> {
  const learnt: Learnt = { facts: {}, warnings: [] };
  for (const [name, command] of Object.entries(learn ?? {})) {
    try {
      const { stdout } = await programsOf(run, context).run(command, { maxOutput: longestFact });
      learnt.facts[name] = stdout.trim();
    } catch (error) {
      context.signal.throwIfAborted();
      learnt.warnings.push(`${name} of the source could not be learnt: ${textOf(error)}`);
    }
  }
  return learnt;
}
