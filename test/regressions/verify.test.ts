import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stampOf } from '../../src/catalog/identity.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
const run = (...words: string[]) => runner(words, { cwd: place.path });
const passes = (level: string) =>
  readdirSync(join(place.path, 'disk'), { recursive: true, encoding: 'utf8' }).filter((key) =>
    key.includes(`.${level}-pass-`),
  );

const write = (verify: string, more = '') =>
  writeFileSync(
    join(place.path, 'plan.yaml'),
    `version: 1
name: shop
destinations: { disk: { type: local, path: disk } }
backups:
  app:
    source: { type: files, base: app, paths: [.] }
    destinations: [disk]
    verify: ${verify}
${more}`,
  );

beforeEach(() => {
  place = temporaryDirectory();
  mkdirSync(join(place.path, 'app'));
  writeFileSync(join(place.path, 'app', 'a'), 'a');
});
afterEach(() => place.remove());

it('reads the checksum again every so often, although each commit writes one', async () => {
  write('[{ checksum: { every: 7d } }]');
  expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
  expect(passes('checksum')).toHaveLength(2);
  const second = await run('apply', 'plan.yaml', '--json');
  expect(second.stdout).toContain('not due: checksum of');
  expect(passes('checksum')).toHaveLength(3);
});

it('checks again when the last check was written by a clock that ran ahead', async () => {
  write('[{ content: { every: 7d } }]');
  expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
  const [key] = passes('content');
  const ahead = key!.replace(
    /-\d{8}T\d{6}Z-(\w+)\.json$/,
    `-${stampOf(new Date(Date.now() + 40 * 86_400_000))}-$1.json`,
  );
  renameSync(join(place.path, 'disk', key!), join(place.path, 'disk', ahead));
  expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
  expect(passes('content')).toHaveLength(2);
});

it('does not make a good backup of a safety copy', async () => {
  write('[content]', '    retention: { last: 1 }\n    restore: { overwrite: true }\n');
  expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
  expect((await run('restore', 'plan.yaml', '--latest', '--yes', '-q')).exitCode).toBe(0);
  const list = async () => JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups;
  const [good, safety] = await list();
  expect([good.state, safety.state]).toEqual(['good', 'unproven']);
  for (const level of ['checksum', 'content'])
    expect((await run('verify', 'plan.yaml', '--id', safety.id, '--level', level, '-q')).exitCode).toBe(0);
  expect((await run('unpin', 'plan.yaml', safety.id)).exitCode).toBe(0);
  expect((await run('prune', 'plan.yaml', '--yes', '-q')).exitCode).toBe(0);
  expect((await list()).map(({ id, state }: { id: string; state: string }) => [id, state])).toEqual([
    [good.id, 'good'],
    [safety.id, 'unproven'],
  ]);
});
