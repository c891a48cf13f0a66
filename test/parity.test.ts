/** A kind is a folder, a schema, a page, a test and a line in the registry: none may be missing, and none may be left over. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { destinations, sources, transforms } from '../src/registry.ts';

const root = resolve(import.meta.dirname, '..');
const roles = { sources, transforms, destinations };

const folders = (path: string) =>
  readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

type Schema = { properties: Record<string, { description?: string; $ref?: string }> };
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe.each(Object.entries(roles))('%s', (role, kinds) => {
  const types = kinds.map(({ type }) => type).sort();

  it('has as many folders and schemas as lines in the registry', () => {
    expect(types.length).toBeGreaterThan(0);
    expect(folders(`src/${role}`)).toEqual(types);
    expect(readdirSync(join(root, 'schemas', role)).sort()).toEqual(types.map((type) => `${type}.schema.json`).sort());
  });

  it('plays the role that its folder says', () => {
    expect(new Set(kinds.map((kind) => `${kind.role}s`))).toEqual(new Set([role]));
  });

  describe.each(types)('%s', (type) => {
    const schema = JSON.parse(read(`schemas/${role}/${type}.schema.json`)) as Schema;

    it('has an index and a test', () => {
      expect(existsSync(join(root, `src/${role}/${type}/index.ts`))).toBe(true);
      expect(existsSync(join(root, `test/kinds/${type}.test.ts`))).toBe(true);
    });

    it('has a page that explains every key of its schema and how to restore by hand', () => {
      const page = read(`src/${role}/${type}/README.md`);
      expect(page.split('\n', 1)[0]!.replaceAll('`', '')).toMatch(new RegExp(`^# ${type}\\b`));
      const keys = Object.keys(schema.properties).filter((key) => key !== 'type');
      expect(keys.filter((key) => !new RegExp(`\`${key}[\`:]`).test(page))).toEqual([]);
      expect(page).toMatch(/by hand/i);
    });

    it('describes every key in its schema', () => {
      // What is shared between kinds is described where it is defined.
      const silent = Object.entries(schema.properties).filter(([, { description, $ref }]) => !description && !$ref);
      expect(silent.map(([key]) => key)).toEqual([]);
    });
  });
});
