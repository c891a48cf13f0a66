/** Puts the files of schemas/ together: one flat schema, and the tables that messages and path resolution need. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const stem = (file) => basename(file, '.schema.json');

/** `../shared.schema.json#/definitions/x` and `#/definitions/x` -> `#/definitions/x`. */
function flatten(schema) {
  return JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? value.replace(/^[^#]*#/, '#') : value));
}

/** The kinds of one role, by the files in its folder: `{ sqlite: schema, ... }`, the `first` ones leading. */
function kindsOf(root, role) {
  const files = readdirSync(join(root, `${role}s`)).filter((name) => name.endsWith('.schema.json'));
  return Object.fromEntries(files.sort().map((name) => [stem(name), flatten(read(join(root, `${role}s`, name)))]));
}

const reference = (name) => ({ $ref: `#/definitions/${name}` });

/** How a transform stands in a list: its bare name, the name of a list, or `{ kind: options }`. */
function transformUses(kinds) {
  const uses = Object.fromEntries(
    Object.entries(kinds).map(([type, { description }]) => [
      `use-${type}`,
      {
        description,
        type: 'object',
        additionalProperties: false,
        required: [type],
        properties: { [type]: reference(`transform-${type}`) },
      },
    ]),
  );
  return {
    ...uses,
    'transform-name': {
      description: 'A transform with its defaults, or the name of an entry of `transforms`.',
      type: 'string',
      format: 'name',
      examples: Object.keys(kinds),
    },
    transform: {
      description: 'A transform: its bare name, its name with options, or the name of an entry of `transforms`.',
      anyOf: [reference('transform-name'), ...Object.keys(uses).map(reference)],
    },
  };
}

/** The whole plan language as one schema: the envelope at the top, everything else in `definitions`. */
export function bundle(root) {
  const { $schema, $comment, definitions, ...envelope } = flatten(read(join(root, 'envelope.schema.json')));
  const all = { ...flatten(read(join(root, 'shared.schema.json'))).definitions, ...definitions };
  const kinds = {};
  for (const role of ['source', 'transform', 'destination']) {
    kinds[role] = kindsOf(root, role);
    for (const [type, { $schema: _, definitions: own = {}, ...schema }] of Object.entries(kinds[role])) {
      Object.assign(all, own, { [`${role}-${type}`]: schema });
    }
    if (role === 'transform') Object.assign(all, transformUses(kinds[role]));
    else {
      all[role] = {
        description: `A ${role}; \`type\` says of which kind.`,
        anyOf: Object.keys(kinds[role]).map((type) => reference(`${role}-${type}`)),
      };
    }
  }
  return { schema: { $schema, ...envelope, definitions: all }, kinds };
}

const target = (schema, { $ref }) => schema.definitions[$ref.slice('#/definitions/'.length)];
const nameOf = ({ $ref }) => $ref.slice('#/definitions/'.length);

/** A definition with its own `$ref` followed. */
function resolved(schema, node) {
  return node.$ref === undefined ? node : { ...resolved(schema, target(schema, node)), ...node, $ref: undefined };
}

/** The unions: their branches in order, and what tells them apart (types, required keys). */
export function unions(schema) {
  const table = {};
  for (const [name, definition] of Object.entries(schema.definitions)) {
    if (!definition.anyOf?.every((branch) => branch.$ref !== undefined)) continue;
    table[name] = definition.anyOf.map((branch) => {
      const { type, required = [], format, properties = {} } = resolved(schema, branch);
      return { name: nameOf(branch), type, keys: required, format, kind: properties.type?.const };
    });
  }
  return table;
}

const located = new Set(['path', 'gpg-key', 'age-recipient']);

/** Where paths stand in each kind and elsewhere: `{ at: ['paths', '*'], format: 'path', base: 'base' }`. */
export function paths(schema, name) {
  const found = [];
  const visit = (node, at) => {
    const { type, format, items, properties, anyOf, $comment } = resolved(schema, node);
    if (type === 'string' && located.has(format)) {
      found.push({ at, format, ...($comment?.startsWith('relative to: ') && { base: $comment.slice(13) }) });
    }
    if (items) visit(items, [...at, '*']);
    for (const [key, property] of Object.entries(properties ?? {})) visit(property, [...at, key]);
    for (const branch of anyOf ?? []) if (branch.$ref !== undefined) visit(branch, at);
  };
  visit(reference(name), []);
  return found;
}
