import { isDeepStrictEqual } from 'node:util';
import type { Argument, Command, Stage, Value } from '../../src/command.ts';
import type { Recipe } from '../../src/recipe.ts';

/** A contract's demand, as a sentence; a check throws it. */
export function demand(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence);
}

/** Frozen all the way down: a driver that changes what it is given fails at once. */
export function freeze<Given>(value: Given): Given {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}

/** The same input gives the same output, at another time too, and the output is plain data. */
export async function demandPure(name: string, call: () => unknown): Promise<void> {
  const first = call();
  await new Promise((resolve) => setTimeout(resolve, 5));
  demand(isDeepStrictEqual(first, call()), `${name} gives another result when it is called again`);
  const copy = JSON.parse(JSON.stringify(first));
  demand(isDeepStrictEqual(copy, first), `${name} gives something that is not plain data`);
}

export function commandsOfStage(stage: Stage): Command[] {
  return [...(stage.prepare ?? []), stage.command, ...(stage.cleanup ?? [])];
}

export function commandsOfRecipe(recipe: Recipe): Command[] {
  const finish = (recipe.finish ?? []).flatMap((assertion) => ('command' in assertion ? [assertion.command] : []));
  const consume = 'consume' in recipe.intake ? [recipe.intake.consume] : [];
  const through = recipe.through ? [recipe.through] : [];
  return [...(recipe.prepare ?? []), ...through, ...consume, ...finish, ...(recipe.cleanup ?? [])];
}

/** Names of all secrets that the commands are given. */
export function secretsOf(commands: Command[]): string[] {
  const values: Value[] = commands.flatMap(({ env, feed }) => [
    ...Object.values(env ?? {}),
    ...(feed ?? []).map(({ value }) => value),
  ]);
  return values.flatMap((value) => (typeof value === 'object' && 'secret' in value ? [value.secret] : []));
}

/** No argument is, or holds, a secret: neither its text nor a reference that would be filled in. */
export function demandNoSecrets(shown: unknown, secrets: Record<string, string>, where: string): void {
  const text = JSON.stringify(shown);
  for (const secret of Object.values(secrets))
    demand(!text.includes(JSON.stringify(secret).slice(1, -1)), `${where} holds the text of a secret`);
}

export function argumentsOf(commands: Command[]): Argument[] {
  const all = commands.flatMap(({ argv }) => argv);
  for (const argument of all)
    demand(!(typeof argument === 'object' && 'secret' in argument), 'an argument refers to a secret');
  return all;
}

/** Programs that every system of ours has; others must be named by the kind. */
const everywhere = new Set(['runner-builtin', 'sh', 'mkdir', 'rm', 'cat', 'gpgconf']);

export function demandPrograms(commands: Command[], named: string[]): void {
  for (const { argv } of commands)
    demand(
      everywhere.has(String(argv[0])) || named.includes(String(argv[0])),
      `${argv[0]} is started but neither looked for nor required`,
    );
}

/** Rejects, whatever the sentence. */
export async function demandFailure(attempt: Promise<unknown>, sentence: string): Promise<void> {
  const failed = await attempt.then(
    () => false,
    () => true,
  );
  demand(failed, sentence);
}
