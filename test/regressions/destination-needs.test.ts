/** What one destination lacks (a program, a secret, a file) leaves that one out, and not the night's backup. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findProgram } from '../../src/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
  mkdirSync(join(place.path, 'bin'));
  for (const name of ['sh', 'echo']) symlinkSync(findProgram(name, process.env)!, join(place.path, 'bin', name));
});
afterEach(() => place.remove());

function plan(far: string, destinations: string): void {
  writeFileSync(
    join(place.path, 'plan.yaml'),
    `version: 1
name: shop
secrets: { key: { env: NOT_SET } }
destinations:
  far: ${far}
  near: { type: local, path: near }
backups:
  data: { source: { type: command, run: [echo, data] }, transforms: [], destinations: ${destinations}, require: 1 }
`,
  );
}
const run = (...words: string[]) =>
  runner(words, { cwd: place.path, env: { PATH: join(place.path, 'bin'), RCLONE_CONFIG: '/nonexistent' } });
const manifests = () =>
  readdirSync(join(place.path, 'near'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.manifest.json'),
  );

it.each([
  [4, 'the program restic is missing', '{ type: restic, repository: /tmp/none, password: { secret: key } }'],
  [4, 'the program rclone is missing', '{ type: rclone, options: { type: local }, path: /tmp/none }'],
  [4, 'the program ssh is missing', '{ type: sftp, host: nas.invalid, path: /b }'],
  // A bucket says so when it is opened, as when it is down.
  [2, 'NOT_SET', '{ type: s3, bucket: some, access-key-id: { secret: key }, secret-access-key: { secret: key } }'],
])('exit %i alone: %s', async (code, sentence, far) => {
  plan(far, '[far, near]');
  const partial = await run('apply', 'plan.yaml');
  expect([partial.exitCode, manifests().length], partial.stderr).toEqual([1, 1]);
  expect(partial.stderr).toContain(`destination "far" cannot be used: `);
  expect(partial.stderr).toContain(sentence);
  // Where there is no other, the plan or the machine has a mistake, and nothing was started.
  plan(far, '[far]');
  const alone = await run('apply', 'plan.yaml', 'data');
  expect([alone.exitCode, alone.stderr]).toEqual([code, expect.stringContaining(sentence)]);
});
