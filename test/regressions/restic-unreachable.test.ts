/** A store that cannot be asked is not one in which there is nothing: restic tells both with the same question. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { versions } from '../helpers/restic.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { freePort } from '../helpers/ssh.ts';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

function plan(repository: string): void {
  const at = `type: restic, repository: "${repository}", password: { secret: key }, initialize: true, cache: ${place.path}/cache`;
  writeFileSync(
    join(place.path, 'plan.yaml'),
    `version: 1
name: shop
secrets: { key: { env: KEY }, id: { env: AWS_ACCESS_KEY_ID }, secret: { env: AWS_SECRET_ACCESS_KEY } }
destinations: { deep: { ${at}, environment: { AWS_ACCESS_KEY_ID: { secret: id }, AWS_SECRET_ACCESS_KEY: { secret: secret } } } }
backups: { data: { source: { type: command, run: [echo, data] }, transforms: [], destinations: [deep] } }
`,
  );
}
const run = (environment: Record<string, string>, path: string, ...words: string[]) =>
  runner(words, { cwd: place.path, env: { KEY: 'k', PATH: path, ...environment } });

describe.skipIf(!has('restic')).each(versions)('restic $name', { timeout: 300_000 }, ({ name, path }) => {
  it.each(['s3:http://127.0.0.1:PORT/bucket', 'rest:http://127.0.0.1:PORT/r'])('a dead %s', async (repository) => {
    plan(repository.replace('PORT', String(await freePort())));
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const listed = await run(keys, path, 'list', 'plan.yaml');
    expect(listed.stderr).toMatch(/connection refused/);
    expect(listed.stderr).not.toMatch(/init/);
    expect(listed.exitCode).toBe(2);
  });

  // Newer ones ask a dead store again and again, which is patience enough for one test.
  it.skipIf(name === 'of today')('and doctor says nothing of backups that it could not look for', async () => {
    plan(`rest:http://127.0.0.1:${await freePort()}/r`);
    const { stdout } = await run({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, path, 'doctor', 'plan.yaml');
    expect(stdout).toMatch(/newest .* none was ever committed at the destinations that could be read/);
    expect(stdout).toMatch(/warning +history .* no destination could be read/);
  });

  it.skipIf(!hasEngine('minio'))('keys that are refused, and a bucket with nothing in it', async () => {
    const server: S3Server = await startS3('minio');
    try {
      plan(`s3:${server.endpoint}/${await server.bucket()}/new`);
      const wrong = await run({ ...server.environment(), AWS_ACCESS_KEY_ID: 'nobody' }, path, 'list', 'plan.yaml');
      expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringMatching(/Access Key Id/)]);
      expect((await run(server.environment(), path, 'list', 'plan.yaml')).exitCode).toBe(0);
      const applied = await run(server.environment(), path, 'apply', 'plan.yaml');
      expect(applied.exitCode, applied.stderr).toBe(0);
    } finally {
      await server.stop();
    }
  });
});
