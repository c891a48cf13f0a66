import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

/** What `--to` may not mean: something that is no data, or the only copy of it. */
let place: ReturnType<typeof temporaryDirectory>;
const at = (...parts: string[]) => join(place.path, ...parts);
const restore = (...words: string[]) => runner(['restore', 'plan.yaml', ...words, '--yes', '-q'], { cwd: place.path });

beforeAll(async () => {
  place = temporaryDirectory();
  mkdirSync(at('app'));
  writeFileSync(at('app', 'a.txt'), 'a\n');
  writeFileSync(
    at('plan.yaml'),
    `version: 1
name: shop
destinations: { disk: { type: local, path: store/disk } }
backups:
  app:
    source: { type: files, base: app, paths: [.] }
    destinations: [disk]
    restore: { overwrite: true }
  dump:
    source: { type: command, run: [echo, dumped] }
    destinations: [disk]
`,
  );
  const made = await runner(['apply', 'plan.yaml', '-q'], { cwd: place.path });
  expect(made).toMatchObject({ exitCode: 0, stderr: '' });
});
afterAll(() => place.remove());

describe('restore --to', () => {
  it('takes no empty name for this folder', async () => {
    const { exitCode, stderr } = await restore('app', '--latest', '--to', '');
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringContaining('--to is empty') });
  });

  it.each(['store', 'store/disk', 'store/disk/shop', 'store/disk/shop/app', '.'])(
    'never replaces %s, where the backups lie',
    async (to) => {
      const before = readdirSync(at('store'), { recursive: true }).toSorted();
      const { exitCode, stderr } = await restore('app', '--latest', '--to', to, '--no-safety-backup');
      expect(exitCode).toBe(4);
      expect(stderr).toContain('the backups of destination "disk" lie at');
      expect(readdirSync(at('store'), { recursive: true }).toSorted()).toEqual(before);
    },
  );

  it('leaves a pipe, a socket and a device what they are', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const { exitCode, stderr } = await restore('dump', '--latest', '--to', 'pipe');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('is no file but a device, a pipe or a socket');
    expect(lstatSync(at('pipe')).isFIFO()).toBe(true);
  });

  it('refuses a place that is a mount point before it reads anything', async () => {
    const { exitCode, stderr } = await restore('app', '--latest', '--to', '/proc');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('/proc is a mount point');
  });

  it('follows a link to where the data is, and no link that leads nowhere', async () => {
    mkdirSync(at('elsewhere'));
    writeFileSync(at('elsewhere', 'live'), 'old\n');
    symlinkSync(at('elsewhere', 'live'), at('link'));
    expect((await restore('dump', '--latest', '--to', 'link', '--no-safety-backup')).exitCode).toBe(0);
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(at('elsewhere', 'live'), 'utf8')).toBe('dumped\n');
    symlinkSync(at('unmounted', 'live'), at('dangling'));
    const { exitCode, stderr } = await restore('dump', '--latest', '--to', 'dangling');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('leads nowhere');
    expect(existsSync(at('unmounted'))).toBe(false);
  });
});
