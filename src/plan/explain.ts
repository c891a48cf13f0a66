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
  for (const error of errors) {
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
  if (fitting.length === 0) return [wrongType(pointer, value, wantedOf(branches))];
  if (type !== 'object') return explain(value, fitting[0]!.name, pointer);
  return explainMap(value as Record<string, unknown>, fitting, pointer);
}

function explainMap(value: Record<string, unknown>, branches: Branch[], pointer: string): Problem[] {
  const kinds = branches.filter(({ kind }) => kind !== undefined);
  if (kinds.length > 0 && (typeof value.type === 'string' || kinds.length === branches.length)) {
    return explainKind(value, kinds, pointer);
  }
  const open = branches.find(({ keys, kind }) => keys.length === 0 && kind === undefined);
  if (open) return explain(value, chosenRetention(value, branches) ?? open.name, pointer);
  const meant = branches.filter(({ keys }) => Object.hasOwn(value, keys[0]!));
  if (meant.length > 0) return explain(value, meant[0]!.name, pointer);
  return [unknownChoice(value, branches, pointer)];
}

function explainKind(value: Record<string, unknown>, kinds: Branch[], pointer: string): Problem[] {
  const role = kinds[0]!.name.split('-')[0]!;
  const known = kinds.map(({ kind }) => kind!);
  if (!Object.hasOwn(value, 'type')) {
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
      .map(({ pointer, suggestion }) => `${pointer.slice(0, pointer.lastIndexOf('/'))} ${suggestion}`),
  );
  return problems.filter(({ pointer, message }) => {
    const missing = / needs "([^"]+)"$/.exec(message)?.[1];
    return missing === undefined || !meant.has(`${pointer} ${missing}`);
  });
}
