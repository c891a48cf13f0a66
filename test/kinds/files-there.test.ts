/** Where the runner's own program is not, a shell looks paths up: it must find what the program finds. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expand } from '../../src/builtin/expand.ts';
import { expandThere } from '../../src/sources/files/expand-there.ts';
import { has } from '../helpers/programs.ts';
import { temporaryDirectory } from '../helpers/runner.ts';

const temporary = temporaryDirectory('runner-there-');
const base = join(temporary.path, 'base');
const shells = [['dash'], ['busybox', 'sh'], ['bash'], ['mksh']].filter(([name]) => has(name!));

beforeAll(() => {
  const files = ['a/b/c', 'a/.h/x', '.top/y', 'we ird/na*me', 'a/b/d.txt', 'z/deep/er/f.txt', 'n\nl/q', '-dash/ü'];
  for (const file of files) {
    mkdirSync(dirname(join(base, file)), { recursive: true });
    writeFileSync(join(base, file), 'x');
  }
  symlinkSync('/nonexistent', join(base, 'dangling'));
  symlinkSync('a', join(base, 'link'));
});
afterAll(() => temporary.remove());

const listed = (file: string) => readFileSync(file, 'latin1').split('\0').sort();

describe.each(shells)('%s', (...shell) => {
  it.each([
    [['*']],
    [['a/*', 'a']],
    [['**/f.txt']],
    [['*/*']],
    [['.*']],
    [['we ird/na*me']],
    [['nope', 'a'], true],
    [['nope'], true],
    [['nope']],
    [['x*']],
    [['a/[b]/*.txt']],
    [['a/b/?', 'z/**/er']],
    [['dangling', 'link/b']],
    [['link/*']],
    [['n*/q']],
    [['-dash', '-d*/*']],
    [['/etc/host[s]']],
    [['.']],
    [['a/**', 'a/b']],
  ] as [string[], boolean?][])('%j', (paths, optional = false) => {
    const own = join(temporary.path, 'own');
    let expected: string[] | null;
    try {
      expand(['--base', base, '--output', own, ...(optional ? ['--optional'] : []), '--', ...paths]);
      expected = listed(own);
    } catch {
      expected = null;
    }
    const list = join(temporary.path, 'list');
    const [, ...words] = expandThere(base, list, optional, paths).argv as string[];
    const { status, stderr } = spawnSync(shell[0]!, [...shell.slice(1), ...words], { encoding: 'utf8' });
    expect(status === 0 ? listed(list) : null, stderr).toEqual(expected);
    expect(stderr === '').toBe(status === 0);
  });
});
