import { RunnerError } from '../../diagnostic.ts';
import type { CapturePart } from '../../graph.ts';
import type { PerformContext } from '../task-context.ts';
import { longestAnswer } from './assertions.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { programsOf } from './programs.ts';

/** Bytes that one fact may have; more is cut off by nobody and refused. */
const longestFact = 64 * 1024;

/** Bytes of answers that one manifest may hold; what is more would make it too large to be read. */
const mostAnswers = 8 * 1024 * 1024;

export type Learnt = { facts: Record<string, string>; answers: Record<string, string>; warnings: string[] };

/** What the source says of itself before it is read. What cannot be learnt is a warning: the data matters more. */
export async function learnFacts({ learn }: CapturePart, run: RunContext, context: PerformContext): Promise<Learnt> {
  const learnt: Learnt = { facts: {}, answers: {}, warnings: [] };
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

/**
 * What a restored copy will be compared with, asked behind the stream; `others` are the parts that were asked already. Without it
 * the backup is as good, and only that comparison can prove nothing.
 */
export async function askSource(
  { ask }: CapturePart,
  learnt: Learnt,
  others: readonly Learnt[],
  run: RunContext,
  context: PerformContext,
): Promise<void> {
  let bytes = [...others, learnt].reduce((sum, { answers }) => sum + bytesOf(answers), 0);
  for (const { question, command } of ask ?? []) {
    try {
      const { stdout } = await programsOf(run, context).run(command, { maxOutput: longestAnswer });
      bytes += Buffer.byteLength(stdout);
      if (bytes > mostAnswers) throw new RunnerError('the answers are too long to be kept in a manifest');
      learnt.answers[question] = stdout.trim();
    } catch (error) {
      context.signal.throwIfAborted();
      const message = `the source was asked for what a restore is to be compared with, and did not answer (${question}): ${textOf(error)}`;
      learnt.warnings.push(message);
    }
  }
}

function bytesOf(answers: Record<string, string>): number {
  return Object.values(answers).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
