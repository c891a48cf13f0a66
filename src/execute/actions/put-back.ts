/** Brings back what was at a server's target after new data was loaded over it. */
import { RunnerError } from '../../diagnostic.ts';
import type { PutBack } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { openArtifact } from './open-artifact.ts';
import { programsOf } from './programs.ts';

/** The load failed, and what was there before is there again. */
export class LoadUndone extends RunnerError {
  override readonly name = 'LoadUndone';
}

/** Throws a RunnerError that says where the old data can still be had. */
export async function putBack(
  { target, commands, copy }: PutBack,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  if (!copy) {
    await programsOf(run, context).runAll(commands);
    return { message: `${target} is as empty as it was` };
  }
  const known = (name: string) => context.lookup.out(`${copy.from}.${name}`);
  const [id, key, size, sha256] = [known('id'), known('key'), Number(known('size')), known('sha256')];
  const { decode, recipe } = copy;
  const problems: string[] = [];
  for (const name of copy.destinations) {
    try {
      const source = await (await run.places.open(name)).get(key);
      await openArtifact({ source, expected: { size, sha256 }, decode, recipe }, run, context);
      return { message: `the old data is back in ${target}, from ${id}` };
    } catch (error) {
      problems.push(`"${name}": ${textOf(error)}`);
    }
  }
  throw new RunnerError(
    `the old data could not be put back in ${target} (${problems.join('; ')}); it is kept whole as ${id}: restore that with --id`,
  );
}

/** Runs what loads new data over old; when it fails, or is interrupted, the old data is brought back before anything else. */
export async function loadOver<Result>(
  over: PutBack,
  run: RunContext,
  context: PerformContext,
  load: () => Promise<Result>,
): Promise<Result> {
  try {
    return await load();
  } catch (error) {
    if (!over.copy && over.commands.length === 0)
      throw new RunnerError(
        `${textOf(error)}; ${over.target} holds only a part of the data now, and no copy of what it held was kept`,
        { cause: error },
      );
    const patient = { ...context, signal: new AbortController().signal };
    const tell = (level: 'warning' | 'error', message: string) =>
      context.emit({ event: 'notice', level, task: context.id, backup: over.backup, message });
    const undone = await putBack(over, run, patient).catch((failure: unknown) => {
      // Of a run that was interrupted nothing else would tell it.
      tell('error', textOf(failure));
      throw new RunnerError(`${textOf(error)}; ${textOf(failure)}`, { cause: error });
    });
    tell('warning', undone.message!);
    throw new LoadUndone(`${textOf(error)}; ${undone.message}`, { cause: error });
  }
}
