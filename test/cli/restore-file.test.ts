/** `restore --file` without a backup's name: the file tells of which backup it is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

const place = temporaryDirectory();
const path = (...parts: string[]) => join(place.path, ...parts);
const run = (...words: string[]) => runner(words, { cwd: place.path });

const plan = `version: 1
name: shop
destinations: { disk: { type: local, path: disk } }
defaults: { destinations: [disk], transforms: [gzip] }
backups:
  logs: { source: { type: files, base: logs, paths: [.] } }
  logs-old: { source: { type: files, base: old, paths: [.] } }
  feed: { source: { type: command, run: [echo, feed], extension: .txt } }
`;

beforeAll(async () => {
  writeFileSync(path('plan.yaml'), plan);
  for (const folder of ['logs', 'old']) {
    mkdirSync(path(folder));
    writeFileSync(path(folder, 'file'), folder);
  }
  expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
});
afterAll(() => place.remove());

it('by its extensions', async () => {
  writeFileSync(path('anything.txt'), 'by hand\n');
  expect((await run('restore', 'plan.yaml', '--file', 'anything.txt', '--to', 'out.txt')).exitCode).toBe(0);
  expect(readFileSync(path('out.txt'), 'utf8')).toBe('by hand\n');
});

it.each([
  ['logs_20240101_020000.tar.gz', 'logs'],
  ['logs-20240101.tar.gz', 'logs'],
  ['logs-old_20240101.tar.gz', 'logs-old'],
])('by the beginning of its name: %s', async (name, meant) => {
  execFileSync('tar', ['-czf', path(name), '-C', path('logs'), '.']);
  const words = ['--file', name, '--to', 'to', '--plan-only', '--json'];
  const { tasks } = JSON.parse((await run('restore', 'plan.yaml', ...words)).stdout) as {
    tasks: { backup?: string }[];
  };
  expect(new Set(tasks.flatMap(({ backup }) => backup ?? []))).toEqual(new Set([meant]));
});

it('by the manifest beside it', async () => {
  const folder = path('disk/shop/logs-old');
  const name = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((one) => one.endsWith('.tar.gz'))!;
  expect((await run('restore', 'plan.yaml', '--file', join(folder, name), '--to', 'back')).exitCode).toBe(0);
  expect(readFileSync(path('back/file'), 'utf8')).toBe('old');
});

it('and asks where it does not', async () => {
  execFileSync('tar', ['-czf', path('some.tar.gz'), '-C', path('logs'), '.']);
  expect((await run('restore', 'plan.yaml', '--file', 'some.tar.gz', '--to', 'to')).stderr).toBe(
    'runner: some.tar.gz does not tell of which backup it is; say one of logs, logs-old\n',
  );
  expect((await run('restore', 'plan.yaml', '--file', 'plan.yaml', '--to', 'to')).stderr).toBe(
    'runner: plan.yaml does not tell of which backup it is; say one of logs, logs-old, feed\n',
  );
});
