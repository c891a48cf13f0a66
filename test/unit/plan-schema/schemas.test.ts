import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/plan/explain.ts';
import { kinds, unions } from '../../../src/plan/generated/tables.ts';
import { validators } from '../../../src/plan/generated/validators.js';
import { destinations, sources, transforms } from '../../../src/registry.ts';
import { whole } from './whole-plan.ts';

type Schema = {
  [key: string]: unknown;
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
};

const root = resolve(import.meta.dirname, '../../..');
const bundle = JSON.parse(readFileSync(resolve(root, 'schemas/plan.schema.json'), 'utf8')) as Schema & {
  definitions: Record<string, Schema>;
};
const follow = (schema: Schema): Schema =>
  schema.$ref ? { ...follow(bundle.definitions[schema.$ref.replace('#/definitions/', '')]!), ...schema } : schema;

/** Every property of every definition: `backup.schedule`. */
const properties = Object.entries({ plan: bundle as Schema, ...bundle.definitions }).flatMap(([name, schema]) =>
  inside(name, schema),
);

function inside(name: string, schema: Schema): [string, Schema][] {
  const own = Object.entries(schema.properties ?? {});
  return own.flatMap(([key, property]): [string, Schema][] => [
    [`${name}.${key}`, property],
    ...(property.$ref ? [] : inside(`${name}.${key}`, property)),
  ]);
}

describe('the schemas', () => {
  it('describe every property: it is what an editor shows', () => {
    expect(properties.length).toBeGreaterThan(150);
    const silent = properties.filter(([, schema]) => !/^.{8,}\.$/s.test(follow(schema).description ?? ''));
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('close every map, or say what its values are', () => {
    const open: string[] = [];
    const visit = (name: string, schema: Schema) => {
      if (schema.type === 'object' && (schema.additionalProperties ?? true) === true) open.push(name);
      for (const [key, property] of Object.entries(schema.properties ?? {})) visit(`${name}.${key}`, property);
      if (schema.items) visit(`${name}[]`, schema.items);
    };
    for (const [name, schema] of Object.entries({ plan: bundle as Schema, ...bundle.definitions })) visit(name, schema);
    expect(open).toEqual([]);
  });

  it('have no key that YAML 1.1 reads as a boolean, and only kebab-case', () => {
    const odd = properties
      .map(([name]) => name.split('.').at(-1)!)
      .filter((key) => !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(key) || /^(y|n|yes|no|on|off|true|false)$/.test(key));
    expect(odd).toEqual([]);
  });

  it('let every branch of a union stand as a definition, so that a mistake is explained by it', () => {
    const inline = Object.entries(bundle.definitions).filter(([name, { anyOf }]) =>
      anyOf?.some((branch) => branch.$ref) ? !unions[name] : false,
    );
    expect(inline.map(([name]) => name)).toEqual([]);
    for (const [name, branches] of Object.entries(unions)) {
      const maps = branches.filter(({ type, kind }) => type === 'object' && kind === undefined);
      const keys = maps.map((branch) => branch.keys[0]);
      expect(new Set(keys).size, name).toBe(keys.length - (name === 'backup-retention' ? 1 : 0));
    }
  });
});

describe('schemas, kinds and pages', () => {
  const roles = { source: sources, transform: transforms, destination: destinations };
  it.each(Object.keys(roles) as (keyof typeof roles)[])(
    'every %s of the registry has its schema, and no schema is left over',
    (role) => {
      expect([...kinds[role]].sort()).toEqual(roles[role].map(({ type }) => type).sort());
      const files = readdirSync(resolve(root, `schemas/${role}s`)).map((name) => name.replace('.schema.json', ''));
      expect(files.sort()).toEqual([...kinds[role]].sort());
    },
  );

  const all = Object.entries(kinds).flatMap(([role, types]) => types.map((type) => [role, type] as const));
  it.each(all)('the page of %s %s names every key', (role, type) => {
    const page = resolve(root, `src/${role}s/${type}/README.md`);
    expect(existsSync(page), `${page} is missing`).toBe(true);
    const text = readFileSync(page, 'utf8');
    const keys = properties
      .filter(([name]) => name.startsWith(`${role}-${type}.`))
      .map(([name]) => name.split('.').at(-1)!);
    expect(keys.filter((key) => !text.includes(`\`${key}\``) && !text.includes(`${key}:`))).toEqual([]);
  });
});

describe('types and validators', () => {
  it('agree on a plan that says everything', () => {
    expect(explain(whole, 'plan', '')).toEqual([]);
  });

  it('and it says everything: every property and every word of the language', () => {
    const said = new Set<string>();
    visitWhole(whole, bundle, 'plan', said);
    // The kinds' names beside a union are for editors: each branch has its own.
    const own = properties.filter(([name]) => name !== 'source.type' && name !== 'destination.type');
    const words = own.flatMap(([name, schema]) => {
      const { enum: known = [], type } = follow(schema);
      return type === 'string' ? [name, ...known.map((word) => `${name}=${word}`)] : [name];
    });
    expect(words.filter((word) => !said.has(word))).toEqual([]);
  });

  it('refuse it when anything in it is of another type', () => {
    const accepted: string[] = [];
    eachLeaf(whole, '', (pointer, replace) => {
      for (const wrong of [{ wrong: 1 }, ['wrong'], -7.5, 'not\u0000this']) {
        const changed = replace(wrong);
        const valid = validators.plan(changed);
        expect(valid, pointer).toBe(explain(changed, 'plan', '').length === 0);
        if (valid && typeof wrong !== 'number') accepted.push(`${pointer} = ${JSON.stringify(wrong)}`);
      }
    });
    // What may be a list as well as a name, or any text at all.
    expect(accepted).toEqual([
      '/sources/postgres-url/database = ["wrong"]',
      '/sources/mysql/database = ["wrong"]',
      '/sources/redis/settings/maxmemory-policy = "not\\u0000this"',
      '/defaults/transforms = ["wrong"]',
      '/backups/db/restore/assert/0/equals = "not\\u0000this"',
      '/backups/db/restore/assert/3/equals = "not\\u0000this"',
      '/backups/db/restore/options/owner = "not\\u0000this"',
    ]);
  });
});

/** Walks data and schema together and notes which properties, and which of their words, are used. */
function visitWhole(value: unknown, schema: Schema, name: string, said: Set<string>): void {
  if (Array.isArray(value))
    for (const item of value) visitWhole(item, schemaOf(schema.items, item), nameOf(schema.items, item, name), said);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    const property = schema.properties?.[key];
    const next = property ?? (schema.additionalProperties as Schema);
    if (property) {
      said.add(`${name}.${key}`);
      if (typeof entry === 'string') said.add(`${name}.${key}=${entry}`);
    }
    visitWhole(entry, schemaOf(next, entry), nameOf(next, entry, property ? `${name}.${key}` : name), said);
  }
}

/** The definition that data is of, through references and unions. */
function chosen(schema: Schema | undefined, value: unknown): string | null {
  const name = schema?.$ref?.replace('#/definitions/', '');
  if (name === undefined) return null;
  const definition = bundle.definitions[name]!;
  if (definition.$ref) return chosen(definition, value);
  if (!definition.anyOf?.[0]?.$ref) return name;
  const branch = definition.anyOf.find(
    (one) => validators[chosenName(one) as keyof typeof validators]?.(value) ?? chosen(one, value),
  );
  return branch ? (chosen(branch, value) ?? name) : null;
}
const chosenName = ({ $ref }: Schema) => $ref!.replace('#/definitions/', '');
const schemaOf = (schema: Schema | undefined, value: unknown): Schema => {
  const name = chosen(schema, value);
  return name ? follow(bundle.definitions[name]!) : (schema ?? {});
};
const nameOf = (schema: Schema | undefined, value: unknown, otherwise: string) => chosen(schema, value) ?? otherwise;

function eachLeaf(
  value: unknown,
  pointer: string,
  visit: (pointer: string, replace: (leaf: unknown) => unknown) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, entry] of Object.entries(value)) {
    const put = (container: unknown, leaf: unknown) =>
      Array.isArray(container) ? container.with(Number(key), leaf) : { ...(container as object), [key]: leaf };
    if (typeof entry !== 'object' || entry === null) visit(`${pointer}/${key}`, (leaf) => put(value, leaf));
    else eachLeaf(entry, `${pointer}/${key}`, (inner, replace) => visit(inner, (leaf) => put(value, replace(leaf))));
  }
}
