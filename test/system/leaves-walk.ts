/** The leaves of the schemas as they stand in a plan, and what each may be changed to. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

type Schema = { [key: string]: unknown; $ref?: string; properties?: Record<string, Schema>; anyOf?: Schema[] };

const root = resolve(import.meta.dirname, '..', '..');
const bundle = JSON.parse(readFileSync(join(root, 'schemas', 'plan.schema.json'), 'utf8')) as Schema;
const definitions = bundle.definitions as Record<string, Schema>;

/** A value of a plan that a property, an item or an entry of a map of the schemas describes. `at`: its place in the schemas. */
export type Leaf = { at: string; path: (string | number)[]; value: unknown; schema: Schema; optional: boolean };

function follow(schema: Schema, at: string): [Schema, string] {
  if (schema.$ref === undefined) return [schema, at];
  const name = schema.$ref.replace('#/definitions/', '');
  return follow(definitions[name]!, name);
}

/** Every place of the schemas that the walk through a plan could come to. */
export function placesOfSchemas(): Set<string> {
  const found = new Set<string>();
  const seen = new Set<Schema>();
  const visit = (given: Schema, from: string): void => {
    const [schema, at] = follow(given, from);
    if (seen.has(schema)) return;
    seen.add(schema);
    for (const branch of schema.anyOf ?? []) visit(branch, at);
    for (const [key, part] of Object.entries(schema.properties ?? {})) {
      for (const value of choices(part, `${at}.${key}`)) found.add(`${at}.${key}${value}`);
      visit(part, `${at}.${key}`);
    }
    for (const key of ['items', 'additionalProperties']) {
      if (typeof schema[key] !== 'object') continue;
      for (const value of choices(schema[key] as Schema, at)) found.add(`${at}.${sign(key)}${value}`);
      visit(schema[key] as Schema, `${at}.${sign(key)}`);
    }
  };
  visit(bundle, 'plan');
  return found;
}

const sign = (key: string) => (key === 'items' ? '[]' : '{}');

/** Values that a place can have, where they can be counted; a thing of one value has it as its kind. */
function choices(given: Schema, from: string): string[] {
  const [schema] = follow(given, from);
  const values = (schema.enum as unknown[] | undefined) ?? (schema.type === 'boolean' ? [true, false] : []);
  return ['', ...values.map((value) => `=${value}`)];
}

/** Whether a value is what a schema says: enough of it to know which branch of an `anyOf` was meant. */
function fits(given: Schema, value: unknown): boolean {
  const [schema] = follow(given, '');
  const types = schema.type === undefined ? null : [schema.type].flat();
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (types && !types.includes(type) && !(type === 'number' && types.includes('integer'))) return false;
  if ('const' in schema && schema.const !== value) return false;
  if (schema.enum && !(schema.enum as unknown[]).includes(value)) return false;
  if (schema.pattern && !new RegExp(schema.pattern as string, 'u').test(value as string)) return false;
  if (type === 'object' && schema.type === 'object') {
    const entries = Object.entries(value as object);
    const known = schema.properties ?? {};
    const other = schema.additionalProperties;
    if (((schema.required as string[]) ?? []).some((key) => !Object.hasOwn(value as object, key))) return false;
    if (
      !entries.every(([key, part]) => fits(known[key] ?? (typeof other === 'object' ? (other as Schema) : never), part))
    )
      return false;
  }
  return !schema.anyOf || schema.anyOf.some((branch) => fits(branch, value));
}
const never: Schema = { enum: [] };

/** Every leaf of a plan. */
export function leavesOf(plan: unknown): Leaf[] {
  const leaves: Leaf[] = [];
  const visit = (given: Schema, value: unknown, from: string, path: Leaf['path']): void => {
    const [schema, at] = follow(given, from);
    const branch = schema.anyOf?.find((one) => one.$ref && fits(one, value));
    if (branch) {
      visit(branch, value, at, path);
      return;
    }
    const add = (part: Schema, key: string | number, place: string, optional: boolean) => {
      const inner = (value as Record<string | number, unknown>)[key];
      leaves.push({ at: place, path: [...path, key], value: inner, schema: resolved(part, inner), optional });
      visit(part, inner, place, [...path, key]);
    };
    if (Array.isArray(value)) {
      const least = (schema.minItems as number | undefined) ?? 0;
      for (const index of value.keys()) add(schema.items as Schema, index, `${at}.[]`, value.length > least);
    } else if (typeof value === 'object' && value !== null) {
      const required = (schema.required as string[] | undefined) ?? [];
      for (const key of Object.keys(value)) {
        const own = schema.properties?.[key];
        if (!own && !schema.additionalProperties)
          throw new Error(`nothing fits ${path.join('/')}: ${JSON.stringify(value)}`);
        if (own) add(own, key, `${at}.${key}`, !required.includes(key));
        else add(schema.additionalProperties as Schema, key, `${at}.{}`, true);
      }
    }
  };
  visit(bundle, plan, 'plan', []);
  return leaves;
}

/** The schema behind references and choices. */
function resolved(given: Schema, value: unknown): Schema {
  const [schema] = follow(given, '');
  const branch = schema.anyOf?.find((one) => one.$ref && fits(one, value));
  return branch ? resolved(branch, value) : schema;
}

/** Another value for a leaf; `remove` takes it away. */
export const remove = Symbol('remove');

/** What a leaf may be changed to. `names` are all names of the plan's sections: where one stands, the others are tried. */
export function changesOf({ value, schema, optional }: Leaf, names: string[][]): unknown[] {
  const gone = optional ? [remove] : [];
  if ('const' in schema) return gone;
  if (schema.enum) return [...(schema.enum as unknown[]).filter((other) => other !== value), ...gone];
  if (typeof value === 'boolean') return [!value, ...gone];
  if (typeof value === 'number') return [value + 1, value - 1, ...gone];
  if (typeof value === 'string') return [...textsFor(value, schema, names), ...gone];
  return gone;
}

function textsFor(value: string, schema: Schema, names: string[][]): string[] {
  const expected = String(schema.patternErrorMessage ?? '');
  const kind = Object.keys(others).find((word) => expected.includes(word));
  if (kind !== undefined) return others[kind]!.filter((other) => other !== value);
  const [section] = names.filter((list) => list.includes(value));
  if (/kebab-case/.test(expected)) return section ? section.filter((other) => other !== value) : [`${value}-2`];
  if (/mode/.test(expected)) return ['0640', '0750'].filter((other) => other !== value);
  return [`${value}x`];
}

const others: Record<string, string[]> = {
  'a duration': ['11h', '13h', '400d'],
  'a size': ['3MiB', '5MiB'],
  'a fraction': ['61%', '142%'],
  'a schedule': ['7 3 * * *', '7 * * * *'],
  'a zone': ['Asia/Tokyo', 'UTC'],
  'hexadecimal digits': ['e'.repeat(64)],
  'an extension': ['.dat'],
};

/** A copy of the plan in which one leaf is another. */
export function changed(plan: unknown, path: Leaf['path'], value: unknown): unknown {
  const copy = structuredClone(plan);
  const last = path.at(-1)!;
  const holder = path.slice(0, -1).reduce<unknown>((node, key) => (node as never)[key], copy) as Record<
    string,
    unknown
  >;
  if (value !== remove) holder[last] = value;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return copy;
}
