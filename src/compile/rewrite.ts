/** Changes that go through a whole recipe or command, whatever stands in it. */

import type { Command, Held } from '../command.ts';
import type { Assertion, Recipe } from '../recipe.ts';

/** The same recipe with each of its commands changed. */
export function withCommands(recipe: Recipe, change: (command: Command) => Command): Recipe {
  const { prepare, servers, intake, load, finish, cleanup, sweep } = recipe;
  return {
    ...recipe,
    ...(prepare ? { prepare: prepare.map(change) } : {}),
    ...(servers ? { servers: servers.map(({ after, held }) => ({ after, held: withHeld(held, change) })) } : {}),
    intake: 'consume' in intake ? { consume: change(intake.consume) } : intake,
    ...(load ? { load: load.map(change) } : {}),
    ...(finish ? { finish: finish.map((assertion) => withAssertion(assertion, change)) } : {}),
    ...(cleanup ? { cleanup: cleanup.map(change) } : {}),
    ...(sweep ? { sweep: sweep.map(change) } : {}),
  };
}

function withHeld(held: Held, change: (command: Command) => Command): Held {
  const { ready } = held;
  return {
    ...held,
    command: change(held.command),
    ready: 'command' in ready ? { command: change(ready.command) } : ready,
  };
}

function withAssertion(assertion: Assertion, change: (command: Command) => Command): Assertion {
  if (!('command' in assertion)) return assertion;
  return { ...assertion, command: change(assertion.command) };
}

/** Every command of a recipe. */
export function recipeCommands(recipe: Recipe | null): Command[] {
  const found: Command[] = [];
  if (recipe)
    withCommands(recipe, (command) => {
      found.push(command);
      return command;
    });
  return found;
}

/** The same with every path of the work directory in a folder of it. */
export function inFolder<T>(value: T, folder: string): T {
  return mapped(value, (object) => {
    if (typeof object.work === 'string' && Object.keys(object).length === 1)
      return { work: object.work === '.' ? folder : `${folder}/${object.work}` };
    if (!Array.isArray(object.argv) || !Array.isArray(object.files)) return object;
    const files = (object.files as { path: string }[]).map((file) => ({ ...file, path: `${folder}/${file.path}` }));
    return { ...object, files };
  });
}

/** A copy in which each object, innermost first, is what `change` makes of it. */
export function mapped<T>(value: T, change: (object: Record<string, unknown>) => unknown): T {
  if (Array.isArray(value)) return value.map((item) => mapped(item, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const changed = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member, change)]));
  return change(changed) as T;
}

/** Names of the secrets that stand anywhere in it. */
export function secretsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(secretsIn);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'secret' in value && typeof value.secret === 'string' ? [value.secret] : [];
  return [...own, ...Object.values(value).flatMap(secretsIn)];
}

/** Whether anything in it stands in, or is written to, the private directory. */
export function usesWork(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(usesWork);
  if (typeof value !== 'object' || value === null) return false;
  if ('work' in value && typeof value.work === 'string') return true;
  if ('argv' in value && 'files' in value && Array.isArray(value.files) && value.files.length > 0) return true;
  return Object.values(value).some(usesWork);
}
