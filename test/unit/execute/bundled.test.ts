import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundle } from '../../fakes/bundle.ts';
import { carriers, runs, temporaryDirectory, until } from './support.ts';

const fakes = join(dirname(fileURLToPath(import.meta.url)), '../../fakes');

test('memory does not grow with the stream', async () => {
  const hop = await bundle(join(fakes, 'hop.ts'), temporaryDirectory());
  const run = (bytes: number) => {
    const { stdout } = spawnSync(process.execPath, [hop, String(bytes)], { encoding: 'utf8' });
    return JSON.parse(stdout) as { size: number; memory: number };
  };
  const small = run(250_000_000);
  const large = run(2_000_000_000);
  expect([small.size, large.size]).toEqual([250_000_000, 2_000_000_000]);
  expect(large.memory).toBeLessThan(90 * 1024);
  expect(large.memory).toBeLessThan(small.memory * 1.25);
});

test('a consumer does not see a clean end when the runner is killed', async () => {
  const directory = temporaryDirectory();
  const parent = await bundle(join(fakes, 'pouring-parent.ts'), temporaryDirectory());
  const run = `run-${randomBytes(6).toString('hex')}`;
  const child = spawn(process.execPath, [parent, run, directory], { stdio: 'inherit' });
  const data = join(directory, 'data');
  await until(() => existsSync(data) && statSync(data).size > 1_000_000);
  child.kill('SIGKILL');
  await until(() => child.signalCode !== null && carriers(`RUNNER_RUN_ID=${run}`).filter(runs).length === 0);
  expect(readdirSync(directory)).toEqual(['data']);
});
