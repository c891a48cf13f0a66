import { render } from '../../bind.ts';
import type { Action } from '../../graph.ts';
import type { Recipe } from '../../recipe.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { admittedName, proveBytes } from './admit.ts';
import type { RunContext } from './context.ts';
import { openArtifact } from './open-artifact.ts';
import { openOrigin } from './open-origin.ts';
import { loadOver } from './put-back.ts';

type Unpacking = Extract<Action, { do: 'unpack' }>;

/** Restores an artifact that was admitted. Its bytes are hashed on the way, also when they were before: they may have changed since. */
export async function unpack(action: Unpacking, run: RunContext, context: PerformContext): Promise<Performed> {
  const { over } = action;
  return over ? await loadOver(over, run, context, () => take(action, run, context)) : await take(action, run, context);
}

async function take(action: Unpacking, run: RunContext, context: PerformContext): Promise<Performed> {
  const admitted = run.admitted.get(admittedName(action));
  if (!admitted) throw new Error(`${action.id} was to be restored before it was checked`);
  const source = await openOrigin(action.from, admitted.key, run);
  const { size, sha256 } = admitted;
  const { decode, recipe } = action;
  const opened = await openArtifact({ source, expected: { size, sha256 }, decode, recipe }, run, context).catch(
    async (error: unknown) => {
      context.signal.throwIfAborted();
      // A decoder's complaint about damaged bytes says less than that they are damaged.
      if (!admitted.isProven) await proveBytes(action, admitted, run, context);
      throw error;
    },
  );
  if (isInPlace(action, run)) {
    const target = action.target ?? intakePlace(recipe, context);
    context.emit({ event: 'restored', task: context.id, backup: action.backup, id: action.id, target });
  }
  return opened.notes.length > 0 ? { outcome: 'warned', message: opened.notes.join('; ') } : {};
}

/** What was put beside is told when it is put in place, or is only a proof. */
function isInPlace({ over, backup }: Unpacking, run: RunContext): boolean {
  if (over) return true;
  const later = (action: Action) => action.do === 'swap' || (action.do === 'unpack' && action.over !== undefined);
  return !run.graph.tasks.some((task) => task.backup === backup && later(task.action));
}

/** What took the data, for a person: a file or the program that read it. */
function intakePlace({ intake }: Recipe, { lookup }: PerformContext): string {
  if ('file' in intake) return render(intake.file, lookup);
  return 'consume' in intake ? render(intake.consume.argv[0] ?? '', lookup) : '';
}
