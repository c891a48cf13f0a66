import { checkFormat, type FormatState } from '../../catalog/format-file.ts';
import { resumeRemovals } from '../../catalog/remove.ts';
import { settle } from '../../catalog/settle.ts';
import type { Destination } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { stillOurs } from './lease.ts';

/** Whose shelf it is. Throws (exit 4) when it is another plan's. */
export async function shelfFormat(run: RunContext, destination: Destination, create: boolean): Promise<FormatState> {
  const { name, id } = run.plan;
  return await checkFormat(destination, name, id, { create, now: new Date() });
}

/** Interrupted captures are rolled forward or removed, interrupted removals are finished. */
export async function settleDestination(
  { destination: name }: Extract<Action, { do: 'settle' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const destination = await run.places.open(name);
  const plan = run.plan.name;
  const { readOnly } = await shelfFormat(run, destination, true);
  if (readOnly !== null) throw new RunnerError(readOnly);
  const now = new Date();
  const options = { now, stillOurs: () => stillOurs(run, name) };
  const settled = await settle(destination, plan, { ...options, run: run.run });
  const removals = await resumeRemovals(destination, plan, run.run, options);
  await destination.sweep?.(plan);
  const problems = [...settled.problems, ...removals.problems];
  for (const message of problems) context.emit({ event: 'notice', level: 'warning', task: context.id, message });
  const done = [
    ...settled.committed.map((id) => `finished the interrupted commit of ${id}`),
    ...settled.removed.map((id) => `removed what was left of ${id}`),
    ...removals.removed.map((id) => `finished the deletion of ${id}`),
  ];
  const message = [...problems, ...done].join('; ');
  return { outcome: problems.length > 0 ? 'warned' : 'ok', ...(message === '' ? {} : { message }) };
}
