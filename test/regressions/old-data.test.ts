import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
const at = (...parts: string[]) => join(place.path, ...parts);
const run = (words: string[], env: Record<string, string> = {}) => runner(words, { cwd: place.path, env });

const write = (backup: string) =>
  writeFileSync(
    at('plan.yaml'),
    `version: 1\nname: shop\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n${backup}`,
  );

beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

it('keeps what a kind cannot make a safety copy of, and says where', async () => {
  write('  dump: { source: { type: command, run: [echo, dumped] }, destinations: [disk] }\n');
  writeFileSync(at('target'), 'precious\n');
  expect((await run(['apply', 'plan.yaml', '-q'])).exitCode).toBe(0);
  const asked = await run(['restore', 'plan.yaml', '--latest', '--to', 'target']);
  expect(asked.stderr).toContain('(it is moved aside)');
  const done = await run(['restore', 'plan.yaml', '--latest', '--to', 'target', '--yes', '-q']);
  expect(done.exitCode).toBe(0);
  expect(readFileSync(at('target'), 'utf8')).toBe('dumped\n');
  expect(done.stderr).toContain(`kept at ${at('.target.runner-old')}`);
  expect(readFileSync(at('.target.runner-old'), 'utf8')).toBe('precious\n');
});

it('says where the old data lies when what was stopped does not start again', async () => {
  write(`  app:
    source: { type: files, base: app, paths: [.] }
    destinations: [disk]
    restore: { overwrite: true, stop: [{ run: ["true"], start: [sh, -c, "exit $$FAILS"] }] }
`);
  mkdirSync(at('app'));
  writeFileSync(at('app', 'a'), 'a');
  expect((await run(['apply', 'plan.yaml', '-q'])).exitCode).toBe(0);
  writeFileSync(at('app', 'new'), 'new');
  const failed = await run(['restore', 'plan.yaml', '--latest', '--yes', '-q'], { FAILS: '1' });
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain(`kept at ${at('.app.runner-old')}`);
  expect(readFileSync(at('.app.runner-old', 'new'), 'utf8')).toBe('new');
  const fine = await run(['restore', 'plan.yaml', '--latest', '--yes', '-q'], { FAILS: '0' });
  expect(fine).toMatchObject({ exitCode: 0, stderr: '' });
});

it.skipIf(!has('sqlite3'))('gives a restored database the mode and the owner of the one that it replaces', async () => {
  write('  db: { source: { type: sqlite, path: shop.db }, destinations: [disk] }\n');
  execFileSync('sqlite3', [at('shop.db'), 'create table t (x); insert into t values (1)']);
  execFileSync('chmod', ['640', at('shop.db')]);
  if (process.getuid?.() === 0) execFileSync('chown', ['1234:2345', at('shop.db')]);
  const { mode, uid, gid } = statSync(at('shop.db'));
  expect((await run(['apply', 'plan.yaml', '-q'])).exitCode).toBe(0);
  expect((await run(['restore', 'plan.yaml', '--latest', '--yes', '-q'])).exitCode).toBe(0);
  const now = statSync(at('shop.db'));
  expect([now.mode, now.uid, now.gid]).toEqual([mode, uid, gid]);
  expect(existsSync(at('.shop.db.runner-old'))).toBe(false);
});
