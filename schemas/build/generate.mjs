/**
 * `npm run generate`: from the hand-written schemas to what the program and editors read.
 *   schemas/plan.schema.json            one schema for editors
 *   src/plan/generated/types.ts         TypeScript types
 *   src/plan/generated/validators.js    compiled validators, so that nothing is compiled at start
 *   src/plan/generated/tables.ts        what messages and path resolution need to know of the schemas
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { compile } from 'json-schema-to-typescript';
import { bundle, paths, unions } from './bundle.mjs';
import { formats } from './formats.mjs';

const root = join(import.meta.dirname, '..');
const output = join(root, '..', 'src', 'plan', 'generated');
const banner = '// Made from schemas/ by `npm run generate`. Do not edit.\n';

/** A deep copy; `change` sees every object from the leaves up. */
const rewrite = (schema, change) =>
  JSON.parse(JSON.stringify(schema), (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? change(value) : value,
  );

/** Editors know no formats of ours: the pattern says the same, with a sentence for what does not match. */
function forEditors(schema) {
  return rewrite(schema, ({ format, $comment, ...rest }) =>
    typeof format !== 'string'
      ? { ...(format && { format }), ...rest }
      : {
          ...rest,
          pattern: formats[format].pattern.source,
          patternErrorMessage: `expected ${formats[format].expected}`,
        },
  );
}

/** Editors offer of a union only what lacks the least: each kind's name is offered beside it, whatever else the kind needs. */
function offering({ definitions, ...schema }, kinds) {
  const named = (role) => ({
    ...definitions[role],
    properties: { type: { description: `Of which kind the ${role} is.`, enum: Object.keys(kinds[role]) } },
  });
  return { ...schema, definitions: { ...definitions, source: named('source'), destination: named('destination') } };
}

/** Words weigh at start-up, and the validators do not need them. */
const wordless = (schema) =>
  rewrite(schema, ({ description, examples, title, $comment, ...rest }) => ({
    ...(typeof description === 'object' && { description }),
    ...rest,
  }));

/** The validator of the envelope and of every branch of a union: a mistake is explained by the branch that was meant. */
function validators(schema, table, kinds) {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    messages: false,
    inlineRefs: false,
    allowUnionTypes: true,
    formats: Object.fromEntries(Object.entries(formats).map(([name, { pattern }]) => [name, pattern])),
    code: { source: true, esm: true },
  });
  const names = new Set(Object.values(table).flatMap((branches) => branches.map(({ name }) => name)));
  for (const type of Object.keys(kinds.transform)) names.add(`transform-${type}`);
  ajv.addSchema(wordless(schema), 'plan');
  const exported = { plan: 'plan' };
  for (const name of names) exported[name.replaceAll('-', '_')] = `plan#/definitions/${name}`;
  const code = standaloneCode(ajv, exported)
    // The compiler writes `require` for its own helpers even in a module; loaders differ in how they unwrap a default.
    .replace(
      /const (\w+) = require\("(ajv\/[^"]+)"\)\.default;/g,
      'import $1_ from "$2.js";\nconst $1 = $1_.default ?? $1_;',
    )
    .replaceAll(/^"use strict";/g, '');
  if (code.includes('require(')) throw new Error('the compiled validators hold a require() that was not rewritten');
  return { code, names: ['plan', ...names] };
}

async function main() {
  mkdirSync(output, { recursive: true });
  const { schema, kinds } = bundle(root);
  const table = unions(schema);
  write(join(root, 'plan.schema.json'), `${JSON.stringify(offering(forEditors(schema), kinds), null, 2)}\n`);

  const compiled = validators(schema, table, kinds);
  const index = compiled.names.map((name) => `  ${JSON.stringify(name)}: ${name.replaceAll('-', '_')},`).join('\n');
  write(join(output, 'validators.js'), `${banner}${compiled.code}\nexport const validators = {\n${index}\n};\n`);
  write(join(output, 'validators.d.ts'), `${banner}${declarations(compiled.names)}`);

  // `required` alone in an anyOf says nothing that a type could say better.
  const typed = rewrite(schema, ({ anyOf, format, ...rest }) => ({
    ...rest,
    ...(format && typeof format !== 'string' && { format }),
    ...(anyOf?.some((branch) => branch.$ref) && { anyOf }),
  }));
  const types = await compile(typed, 'Plan', {
    bannerComment: banner.trim(),
    unreachableDefinitions: true,
    format: false,
  });
  write(join(output, 'types.ts'), types);

  const pathTable = Object.fromEntries(
    Object.entries(kinds).flatMap(([role, byType]) =>
      Object.keys(byType).map((type) => [`${role}-${type}`, paths(schema, `${role}-${type}`)]),
    ),
  );
  write(join(output, 'tables.ts'), tables({ schema, kinds, table, pathTable }));
}

const declarations = (names) => `import type { ErrorObject } from 'ajv';
export type DefinitionName = ${names.map((name) => `'${name}'`).join(' | ')};
export type Validator = { (data: unknown): boolean; errors?: ErrorObject[] | null };
export declare const validators: Record<DefinitionName, Validator>;
`;

const tables = ({ kinds, table, pathTable }) => `${banner}import type { DefinitionName } from './validators.js';

/** The kinds of each role. */
export const kinds = ${JSON.stringify(Object.fromEntries(Object.entries(kinds).map(([role, byType]) => [role, Object.keys(byType)])))} as const;

export type Branch = { name: DefinitionName; type?: string | string[]; keys: string[]; format?: string; kind?: string };

/** The branches of each union, with what tells them apart. */
export const unions: Record<string, Branch[]> = ${JSON.stringify(table)};

/** How a message names what a format accepts. */
export const expectedByFormat: Record<string, string> = ${JSON.stringify(Object.fromEntries(Object.entries(formats).map(([name, { expected }]) => [name, expected])))};

export type PathPlace = { at: string[]; format: string; base?: string };

/** Where paths stand in the spec of each kind. */
export const paths: Record<string, PathPlace[]> = ${JSON.stringify(pathTable)};
`;

/** Writes only what changed, so that watchers and incremental builds stay quiet. */
function write(path, text) {
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {}
  writeFileSync(path, text);
}

await main();
