import { render } from '../../bind.ts';
import type { Action, Recipe } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { admittedName } from './admit.ts';
import type { RunContext } from './context.ts';
import { openArtifact } from './open-artifact.ts';
import { openOrigin } from './open-origin.ts';

/** Restores an artifact that was admitted. Its bytes are hashed once more on the way: they may have changed since. */
export async function unpack(
  action: Extract<Action, { do: 'unpack' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const admitted = run.admitted.get(admittedName(action));
  if (!admitted) throw new Error(`${action.id} was to be restored before it was checked`);
  const source = await openOrigin(action.from, admitted.key, run);
  const { size, sha256 } = admitted;
  const { decode, recipe } = action;
  const opened = await openArtifact({ source, expected: { size, sha256 }, decode, recipe }, run, context);
  const swapped = run.graph.tasks.some((task) => task.action.do === 'swap');
  if (!swapped) {
    const target = intakePlace(recipe, context);
    context.emit({ event: 'restored', task: context.id, backup: action.backup, id: action.id, target });
  }
  return opened.notes.length > 0 ? { outcome: 'warned', message: opened.notes.join('; ') } : {};
}

/** What took the data, for a person: a file or the program that read it. */
function intakePlace({ intake }: Recipe, { lookup }: PerformContext): string {
  if ('file' in intake) return render(intake.file, lookup);
  return 'consume' in intake ? render(intake.consume.argv[0] ?? '', lookup) : '';
}
