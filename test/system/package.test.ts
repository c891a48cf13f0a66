/** What `npm pack` gives is the program: installed elsewhere, it does its work there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, temporaryDirectory } from '../helpers/runner.ts';

const root = resolve(import.meta.dirname, '..', '..');
const temporary = temporaryDirectory('runner-package-');
const at = (...names: string[]) => join(temporary.path, ...names);
const installed = at('prefix', 'lib', 'node_modules', 'backup-runner');
let packed: string[];

/** Scripts are not run: `prepare` would build anew what other tests are using, and no dependency may need one. */
function npm(...words: string[]): string {
  const { PATH, HOME } = process.env;
  const quiet = [
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--fetch-retries=5',
  ];
  return execFileSync('npm', [...words, ...quiet], { cwd: root, encoding: 'utf8', env: { PATH, HOME } });
}

/** The installed program, far from this repository and with nothing of it in the environment. */
function runner(...words: string[]) {
  const env = { PATH: `${at('prefix', 'bin')}:${process.env.PATH}`, HOME: at('home'), TMPDIR: temporary.path };
  return spawnSync('runner', words, { cwd: at('work'), env, encoding: 'utf8' });
}

beforeAll(async () => {
  await built();
  for (const name of ['prefix', 'home', 'work', 'tarball']) mkdirSync(at(name));
  const [{ filename, files }] = JSON.parse(npm('pack', '--json', '--pack-destination', at('tarball')));
  packed = files.map(({ path }: { path: string }) => path);
  npm('install', '--global', '--prefix', at('prefix'), at('tarball', filename));
  writeFileSync(at('work', 'data.txt'), 'what must not be lost\n');
  writeFileSync(
    at('work', 'runner.yaml'),
    `# yaml-language-server: $schema=${join(installed, 'schemas', 'plan.schema.json')}
version: 1
name: small
secrets: { passphrase: { file: passphrase } }
backups:
  data:
    source: { type: files, base: ., paths: [data.txt] }
    transforms: [gzip, { aes: { key: { secret: passphrase }, iterations: 10000 } }]
    destinations: [{ type: local, path: backups }]
    verify: [content, { restore: { assert: [{ file: data.txt }] } }]
`,
  );
  writeFileSync(at('work', 'passphrase'), 'long enough\n', { mode: 0o600 });
});
afterAll(() => temporary.remove());

describe('the package', () => {
  it('holds the program, its schema and its papers, and none of its tests', () => {
    for (const name of [
      'dist/cli.js',
      'dist/builtin.js',
      'schemas/plan.schema.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ])
      expect(packed).toContain(name);
    expect(packed.filter((name) => /^(test|src|bench|plans|\.ci)\/|\.ts$/.test(name))).toEqual([]);
  });

  it('ships the schema that editors are told of', () => {
    const schema = JSON.parse(readFileSync(join(installed, 'schemas', 'plan.schema.json'), 'utf8'));
    expect(schema.title).toBe('Plan');
  });

  it.each([
    [['--version'], /^\d+\.\d+\.\d+/],
    [['--help'], /apply/],
    [['validate'], /valid/],
    [['plan'], /digest p1-/],
    [['apply'], /data/],
    [['verify'], /data/],
    [['list'], /data-\d{8}T/],
    [['restore', 'data', '--latest', '--to', 'restored'], /data/],
    [['prune'], /^/],
  ])('runner %j', (words, said) => {
    const { status, stdout, stderr } = runner(...words);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(said);
  });

  it('brought the data back', () => {
    expect(readFileSync(at('work', 'restored', 'data.txt'), 'utf8')).toBe('what must not be lost\n');
    expect(existsSync(at('home', '.runner'))).toBe(false);
  });
});
