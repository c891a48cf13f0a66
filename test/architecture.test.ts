import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = resolve(import.meta.dirname, '..', 'src');

/** Every import of every source file, as paths below src or as package names; `lazy` for `await import(...)`. */
const imports = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
  .flatMap((file) => importsOf(file));

type Import = { file: string; target: string; lazy: boolean; typeOnly: boolean };

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8');
  const fixed = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)'/gms)];
  const lazy = [...text.matchAll(/\bimport\('([^']+)'\)/g)];
  const target = (name: string) =>
    name.startsWith('.') ? relative(source, resolve(source, dirname(file), name)) : name;
  return [
    ...fixed.map(([, typeOnly, name]) => ({
      file,
      target: target(name!),
      lazy: false,
      typeOnly: typeOnly !== undefined,
    })),
    ...lazy.map(([, name]) => ({ file, target: target(name!), lazy: true, typeOnly: false })),
  ];
}

/** Imports out of `from` that go anywhere below the named places. */
function offending(from: RegExp, to: RegExp, unless: (found: Import) => boolean = () => false): string[] {
  return imports
    .filter(({ file, target }) => from.test(file) && to.test(target))
    .filter((found) => !unless(found))
    .map(({ file, target }) => `${file} imports ${target}`);
}

describe('imports go one way', () => {
  it('reads files at all', () => {
    expect(imports.length).toBeGreaterThan(200);
  });

  const driver = /^(sources|transforms)\//;
  it('drivers of sources and transforms know only contracts', () => {
    expect(
      offending(
        driver,
        /^(?!(sources|transforms|command\.ts|recipe\.ts|graph\.ts|kind\.ts|units\.ts|shell\.ts|diagnostic\.ts|plan\/generated|plan\/nearest\.ts|node:buffer|openpgp))/,
      ),
    ).toEqual([]);
  });

  it('destinations know only contracts and node', () => {
    expect(
      offending(
        /^destinations\/[^/]+\//,
        /^(?!(destinations|destination\.ts|graph\.ts|command\.ts|units\.ts|diagnostic\.ts|shell\.ts|ssh\.ts|plan\/generated|retention\/policy\.ts|node:|execa|@aws-sdk|@smithy))/,
      ),
    ).toEqual([]);
  });

  it('compile and preview start nothing and know no driver by name', () => {
    expect(
      offending(
        /^(compile|preview)\//,
        /^(facts\.ts|execute|commands|report|cli|sources|transforms|destinations|node:fs|node:child_process)/,
      ),
    ).toEqual([]);
  });

  it('retention knows no input or output', () => {
    expect(offending(/^retention\//, /^(?!(retention|units\.ts|diagnostic\.ts|cron-parser))/)).toEqual([]);
  });

  it('nobody below commands knows commands, nobody at all knows cli', () => {
    expect(offending(/^(?!(commands|cli))/, /^commands/)).toEqual([]);
    expect(offending(/./, /^cli/)).toEqual([]);
  });

  it('the catalog does not execute and does not compile', () => {
    expect(offending(/^catalog\//, /^(execute|compile|preview|commands|report)/)).toEqual([]);
  });

  const only: [string, RegExp][] = [
    ['yaml', /^plan\//],
    ['listr2', /^report\//],
    ['commander', /^(cli\.ts|commands\/)/],
    ['libsql', /^builtin\//],
  ];
  it.each(only)('%s has one user', (name, home) => {
    expect(imports.filter(({ target }) => target === name).filter(({ file }) => !home.test(file))).toEqual([]);
  });

  it.each(['listr2', 'openpgp', 'libsql', 'pino', 'execa', 'cron-parser'])('%s is loaded only when needed', (name) => {
    const users = imports.filter(({ target, lazy, typeOnly }) => target === name && !lazy && !typeOnly);
    const eager = users.filter(({ file }) =>
      imports.some((other) => other.target === file && !other.lazy && !other.typeOnly),
    );
    expect(eager).toEqual([]);
  });
});
