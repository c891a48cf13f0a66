/**
 * What is wrong with a value, by the compiled validators. Where a plan may say one of several things (a name or a map,
 * one of the kinds, one of the steps) only the one that was meant is reported about.
 */
import type { ErrorObject } from 'ajv';
import { type Branch, unions } from './generated/tables.ts';
import { type DefinitionName, validators } from './generated/validators.js';
import { nearest } from './nearest.ts';
import { childPointer } from './position.ts';
import { either, type Problem, quoted, spoken, typeOf, wantedOf, word, wrongType } from './wording.ts';

/** Every problem of `value`, which stands at `pointer` and should be what the definition says. */
export function explain(value: unknown, definition: DefinitionName, pointer: string): Problem[] {
  const validate = validators[definition];
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  const choices = outermostChoices(errors);
  const problems: Problem[] = [];
  const mistyped = new Set(errors.filter(({ keyword }) => keyword === 'type').map(({ instancePath }) => instancePath));
  for (const error of errors) {
    // A value of the wrong type is none of those that an enumeration lists, and that is no second mistake.
    if (mistyped.has(error.instancePath) && error.keyword !== 'type') continue;
    if (choices.has(error.instancePath) || hasAncestor(error.instancePath, choices)) continue;
    const owner = error.instancePath === '' && definition !== 'plan' ? spoken(definition) : null;
    const problem = word(error, pointer + error.instancePath, owner);
    if (problem) problems.push(problem);
  }
  for (const { instancePath, data, parentSchema } of choices.values()) {
    problems.push(...explainChoice(data, branchesOf(parentSchema!.anyOf), pointer + instancePath));
  }
  return withoutEchoes(problems);
}

/** The unions that nothing fitted, by where they stand; of those inside each other the outer ones, which are reported last. */
function outermostChoices(errors: ErrorObject[]): Map<string, ErrorObject> {
  const choices = errors.filter(({ keyword, parentSchema }) => keyword === 'anyOf' && parentSchema?.anyOf[0].$ref);
  const byPath = new Map(choices.map((error) => [error.instancePath, error]));
  return new Map([...byPath].filter(([path]) => !hasAncestor(path, byPath)));
}

function hasAncestor(path: string, known: ReadonlyMap<string, unknown>): boolean {
  for (let end = path.lastIndexOf('/'); end >= 0; end = path.lastIndexOf('/', end - 1)) {
    if (known.has(path.slice(0, end))) return true;
    if (end === 0) break;
  }
  return false;
}

/** The definitions that a union chooses from; a union within it is its branches. */
function branchesOf(references: { $ref: string }[]): Branch[] {
  const union = Object.values(unions).find((branches) =>
    branches.every(({ name }, index) => references[index]?.$ref === `#/definitions/${name}`),
  );
  return (union ?? []).flatMap((branch) => unions[branch.name] ?? [branch]);
}

function explainChoice(value: unknown, branches: Branch[], pointer: string): Problem[] {
  const type = typeOf(value);
  const fitting = branches.filter((branch) =>
    [branch.type ?? []].flat().some((name) => name === type || (name === 'integer' && type === 'number')),
  );
  if (fitting.length === 0) return [unfitting(value, branches, pointer)];
  if (type !== 'object') {
    const problems = explain(value, fitting[0]!.name, pointer);
    const isNumber = typeof value === 'string' && branches.some((branch) => branch.type === 'integer');
    return isNumber ? problems.map((problem) => ({ ...problem, expected: wantedOf(branches) })) : problems;
  }
  return explainMap(value as Record<string, unknown>, fitting, pointer);
}

/** A text in the place of a secret's reference is most likely the secret. */
function unfitting(value: unknown, branches: Branch[], pointer: string): Problem {
  const isReference = branches.some(({ name }) => name === 'env-secret');
  if (!isReference)
    return wrongType(pointer, value, wantedOf(branches), branches.find(({ type }) => type === 'array') ?? {});
  const references = either(['{ env: NAME }', '{ file: PATH }', '{ credential: NAME }', '{ command: [PROGRAM] }']);
  return { ...wrongType(pointer, value, references), hideLine: true };
}

function explainMap(value: Record<string, unknown>, branches: Branch[], pointer: string): Problem[] {
  const kinds = branches.filter(({ kind }) => kind !== undefined);
  if (kinds.length > 0 && (typeof value.type === 'string' || kinds.length === branches.length)) {
    return explainKind(value, kinds, pointer);
  }
  const open = branches.find(({ keys, kind }) => keys.length === 0 && kind === undefined);
  if (open) return explain(value, chosenRetention(value, branches) ?? open.name, pointer);
  const meant = Object.keys(value).flatMap((key) => branches.find(({ keys }) => keys[0] === key) ?? []);
  if (meant.length === 0) return [unknownChoice(value, branches, pointer)];
  return meant.length === 1 ? explainMeant(value, meant[0]!, pointer) : [tooMany(meant, pointer)];
}

/** `- restore:` with its options on the next lines, not indented: one mistake, and not an empty restore with strange keys. */
function explainMeant(value: Record<string, unknown>, { name, keys }: Branch, pointer: string): Problem[] {
  const problems = explain(value, name, pointer);
  const unknown = problems.find(({ message }) => message.startsWith('unknown key'));
  if (value[keys[0]!] !== null || !unknown) return problems;
  const key = unknown.pointer.slice(unknown.pointer.lastIndexOf('/') + 1);
  const message = `${quoted(key)} is not indented below ${quoted(keys[0])}`;
  return [{ pointer: unknown.pointer, key: true, message, expected: 'more spaces before it' }];
}

function tooMany([first, second]: Branch[], pointer: string): Problem {
  const message = `${quoted(second!.keys[0])} cannot stand beside ${quoted(first!.keys[0])}`;
  const expected = /\/\d+$/.test(pointer) ? 'an item of its own' : 'one of the two';
  return { pointer: childPointer(pointer, second!.keys[0]!), key: true, message, expected };
}

function explainKind(value: Record<string, unknown>, kinds: Branch[], pointer: string): Problem[] {
  const role = kinds[0]!.name.split('-')[0]!;
  const known = kinds.map(({ kind }) => kind!);
  if (!Object.hasOwn(value, 'type')) {
    const near = Object.keys(value).find((key) => nearest(key, ['type']) !== undefined);
    if (near !== undefined) {
      const message = `unknown key ${quoted(near)} in a ${role}`;
      return [{ pointer: childPointer(pointer, near), key: true, message, suggestion: 'type' }];
    }
    return [{ pointer, key: true, message: `a ${role} needs "type"`, expected: either(known) }];
  }
  const meant = kinds.find(({ kind }) => kind === value.type);
  if (meant) return explain(value, meant.name, pointer);
  const suggestion = typeof value.type === 'string' ? nearest(value.type, known) : undefined;
  return [
    {
      pointer: childPointer(pointer, 'type'),
      message: `unknown type ${quoted(value.type)} of a ${role}`,
      expected: either(known),
      ...(suggestion && { suggestion }),
    },
  ];
}

/** None of the keys that say which one is meant is there. */
function unknownChoice(value: Record<string, unknown>, branches: Branch[], pointer: string): Problem {
  const known = branches.map(({ keys }) => keys[0]!);
  const keys = Object.keys(value);
  const near = keys.find((key) => nearest(key, known) !== undefined);
  const key = near ?? keys[0];
  if (key === undefined) return { pointer, message: 'an empty map says nothing', expected: either(known) };
  const suggestion = nearest(key, known);
  return {
    pointer: childPointer(pointer, key),
    key: true,
    message: `unknown key ${quoted(key)}`,
    expected: either(known),
    ...(suggestion && { suggestion }),
  };
}

const policyKeys = new Set([
  'last',
  'within',
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'quarterly',
  'yearly',
  'tags',
  'floor',
  'week-starts',
]);

/**
 * Whether a map under `retention` is a retention itself (its values are counts and durations) or names one for each
 * destination (its values are names and maps).
 */
export function isPolicy(value: Record<string, unknown>): boolean {
  const values = Object.values(value);
  if (values.some((entry) => entry === null || typeOf(entry) === 'object')) return false;
  if (Object.keys(value).some((key) => policyKeys.has(key))) return true;
  return !values.length || values.some((entry) => typeof entry !== 'string' || /^[0-9]/.test(entry));
}

function chosenRetention(value: Record<string, unknown>, branches: Branch[]): DefinitionName | undefined {
  if (!branches.some(({ name }) => name === 'retention-policy')) return undefined;
  const hasMap = branches.some(({ name }) => name === 'retention-map');
  return hasMap && !isPolicy(value) ? 'retention-map' : 'retention-policy';
}

/** A missing key that a mistyped one beside it stands for is one mistake. */
function withoutEchoes(problems: Problem[]): Problem[] {
  const meant = new Set(
    problems
      .filter(({ key, suggestion }) => key && suggestion)
      .map(({ pointer, suggestion }) => `${pointer.slice(0, pointer.lastIndexOf('/'))} ${suggestion!.split(':')[0]}`),
  );
  return problems.filter(({ pointer, message }) => {
    const missing = / needs "([^"]+)"$/.exec(message)?.[1];
    return missing === undefined || !meant.has(`${pointer} ${missing}`);
  });
}
