import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
const at = (...parts: string[]) => join(place.path, ...parts);
const run = (...words: string[]) => runner(words, { cwd: place.path });
const states = async () =>
  JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups.map(({ backup }: { backup: string }) => backup);

beforeEach(() => {
  place = temporaryDirectory();
  writeFileSync(
    at('plan.yaml'),
    `version: 1
name: shop
destinations: { disk: { type: local, path: disk } }
secrets: { gone: { env: GONE } }
defaults: { destinations: [disk] }
backups:
  data: { source: { type: command, run: [echo, data] } }
  app:
    source: { type: files, paths: [app] }
    hooks:
      before: [{ run: [sh, -c, "touch before"] }]
      on-failure: [{ run: [sh, -c, 'echo "$$RUNNER_ERROR" > told'] }]
  sealed: { source: { type: command, run: [echo, data] }, transforms: [{ aes: { key: { secret: gone } } }] }
`,
  );
});
afterEach(() => place.remove());

it('what one backup lacks does not keep the others from being made, and its hook of failure is told', async () => {
  const { exitCode, stdout } = await run('apply', 'plan.yaml');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^data +ok/m);
  expect(stdout).toMatch(/^app +failed +\S+\/app does not exist/m);
  expect(stdout).toMatch(/^sealed +failed +The secret "gone" has no value/m);
  expect(await states()).toEqual(['data']);
  expect(existsSync(at('before'))).toBe(false);
  expect(readFileSync(at('told'), 'utf8')).toContain('app does not exist');
});

it('nothing is started when no backup of the run can be made', async () => {
  const { exitCode, stderr } = await run('apply', 'plan.yaml', 'app', 'sealed', '-q');
  expect(exitCode).toBe(4);
  expect(stderr).toContain('app does not exist');
  expect(stderr).toContain('The secret "gone" has no value');
  expect(existsSync(at('told'))).toBe(false);
});

it('a folder that is all of a backup and empty is taken for one that is not mounted', async () => {
  mkdirSync(at('app'));
  const empty = await run('apply', 'plan.yaml', 'app', '-q');
  expect(empty).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('is an empty directory') });
  writeFileSync(at('app', 'file'), 'x');
  expect((await run('apply', 'plan.yaml', 'app', '-q')).exitCode).toBe(0);
  expect(await states()).toEqual(['app']);
});
