/** A store that cannot be asked is not one in which there is nothing: restic tells both with the same question. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ResticSpec, restic } from '../../src/destinations/restic/index.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';
import { versions } from '../helpers/restic.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { full } from '../proofs/support.ts';

const places: ReturnType<typeof temporaryDirectory>[] = [];
let started: Promise<S3Server> | null = null;
afterAll(async () => {
  await (await started)?.stop();
  for (const place of places) place.remove();
});

/** The repository that each test has, and the folder of its plan. */
function plan(repository: string): { spec: ResticSpec; folder: string } {
  const place = temporaryDirectory();
  places.push(place);
  const folder = place.path;
  const secret = (name: string) => ({ secret: name });
  const environment = { AWS_ACCESS_KEY_ID: secret('id'), AWS_SECRET_ACCESS_KEY: secret('secret') };
  const cache = join(folder, 'cache');
  const spec: ResticSpec = { repository, password: secret('key'), initialize: true, cache, environment };
  const secrets = { key: { env: 'KEY' }, id: { env: 'AWS_ACCESS_KEY_ID' }, secret: { env: 'AWS_SECRET_ACCESS_KEY' } };
  const data = { source: { type: 'command', run: ['echo', 'data'] }, transforms: [], destinations: ['deep'] };
  const document = { version: 1, name: 'shop', secrets, destinations: { deep: { type: 'restic', ...spec } } };
  writeFileSync(join(folder, 'plan.yaml'), JSON.stringify({ ...document, backups: { data } }));
  return { spec, folder };
}
const run = (environment: Record<string, string>, PATH: string, cwd: string, ...words: string[]) =>
  runner(words, { cwd, env: { KEY: 'k', PATH, ...environment } });

const stores = ['s3:http://127.0.0.1:PORT/bucket', 'rest:http://127.0.0.1:PORT/r'];
// Newer ones ask for half a minute, whichever store it is: one of them will do, and they wait beside each other.
const storesOf = (name: string) => (name === 'of today' && !full ? stores.slice(1) : stores);
const together = { timeout: 300_000, concurrent: true };

describe.skipIf(!has('restic')).each(versions)('restic $name', together, ({ name, path }) => {
  it.each(storesOf(name))('a dead %s', async (repository) => {
    const { folder } = plan(repository.replace('PORT', '1'));
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const listed = await run(keys, path, folder, 'list', 'plan.yaml');
    expect(listed.stderr).toMatch(/connection refused/);
    expect(listed.stderr).not.toMatch(/init/);
    expect(listed.exitCode).toBe(2);
  });

  // Newer ones ask a dead store again and again, which is patience enough for one test.
  it.skipIf(name === 'of today')('and doctor says nothing of backups that it could not look for', async () => {
    const { folder } = plan('rest:http://127.0.0.1:1/r');
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const { stdout } = await run(keys, path, folder, 'doctor', 'plan.yaml');
    expect(stdout).toMatch(/newest .* none was ever committed at the destinations that could be read/);
    expect(stdout).toMatch(/warning +history .* no destination could be read/);
  });

  it.skipIf(!hasEngine('minio'))('keys that are refused, and a bucket with nothing in it', async () => {
    started ??= startS3('minio');
    const server = await started;
    const { spec, folder } = plan(`s3:${server.endpoint}/${await server.bucket()}/new`);
    const environment = server.environment();
    const wrong = await run({ ...environment, AWS_ACCESS_KEY_ID: 'nobody' }, path, folder, 'list', 'plan.yaml');
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringMatching(/Access Key Id/)]);
    expect((await run(environment, path, folder, 'list', 'plan.yaml')).exitCode).toBe(0);
    // What is written there makes the repository.
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = environment;
    const secrets = { key: 'k', id: id!, secret: secret! };
    const destination = await restic.open('deep', spec, opening(secrets, { environment: { PATH: path } }));
    await destination.write('shop/first', Buffer.from('data'));
    await destination.close();
    const again = await restic.open('deep', spec, opening(secrets, { environment: { PATH: path } }));
    expect(String(await again.read('shop/first', 10))).toBe('data');
    await again.close();
  });
});
