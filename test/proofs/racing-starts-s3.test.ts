/**
 * 50 processes that race for the lease of one plan in a bucket: at a server that keeps conditions, and at those that overwrite whatever they
 * are asked (`rclone serve s3`; MinIO, not told of the condition). `PROOF=full` for 50; else 12.
 */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { bundled, outcome, race, Starters, source } from './starters.ts';
import { full, proofTimeout, waitFor } from './support.ts';

const count = full ? 50 : 12;
const home = temporaryDirectory('runner-racing-s3-');

beforeAll(() => {
  const entry = join(home.path, 'starter.ts');
  symlinkSync(new URL('../../node_modules', import.meta.url).pathname, join(home.path, 'node_modules'));
  writeFileSync(
    entry,
    `import { acquireLease } from ${source('catalog/lease.ts')};
    import { openS3 } from ${source('destinations/s3/index.ts')};
    import { existsSync, writeFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    const [spec, folder, run, forget] = process.argv.slice(2);
    const store = await openS3('cloud', JSON.parse(spec), { readSecret: async () => '', environment: process.env, purpose: 'use' });
    if (forget) store.client.s3.middlewareStack.add((next) => (args) => {
      delete args.request.headers['if-none-match'];
      return next(args);
    }, { step: 'build', priority: 'low' });
    // Connected, and then all at one word.
    await store.stat('nothing');
    writeFileSync(folder + '/ready-' + run, '');
    while (!existsSync(folder + '/go')) await sleep(5);
    ${race}
    await store.close();`,
  );
  bundled(entry, join(home.path, 'built'), ['@aws-sdk/client-s3', '@aws-sdk/credential-providers']);
});
afterAll(() => home.remove());

const cases: { engine: Engine; forgets: boolean; what: string }[] = [
  { engine: 'minio', forgets: false, what: 'MinIO, which keeps conditions' },
  { engine: 'versitygw', forgets: false, what: 'versitygw, which keeps conditions' },
  { engine: 'minio', forgets: true, what: 'MinIO, not told of the condition' },
  { engine: 'rclone', forgets: false, what: 'rclone, which overwrites' },
];

describe.each(cases)('at $what', ({ engine, forgets }) => {
  let server: S3Server;
  let starters: Starters;
  let bucket: string;
  beforeAll(async () => {
    if (!hasEngine(engine)) return;
    server = await startS3(engine);
    bucket = await server.bucket();
    starters = new Starters(join(home.path, 'built/starter.js'), { ...process.env, ...server.environment() });
  });
  afterAll(async () => {
    starters?.end();
    await server?.stop();
  });

  it.skipIf(!hasEngine(engine))(
    `one of ${count} racing starts holds the lease`,
    async () => {
      const folder = join(home.path, `${engine}-${forgets}`);
      mkdirSync(folder);
      const spec = JSON.stringify(server.spec(bucket));
      const all = Array.from({ length: count }, (_, index) =>
        starters.start([spec, folder, `run-${index}`, forgets ? 'forget' : '']),
      );
      expect(await waitFor(() => readdirSync(folder).length === count, 120_000)).toBe(true);
      writeFileSync(join(folder, 'go'), '');
      const { said, held } = await outcome(all);
      expect(said.filter((line) => line !== 'locked')).toEqual(['held']);
      expect(held).toEqual(['still held']);
      const client = server.client();
      const { Contents = [] } = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: 'shop/.runner/lease/' }),
      );
      client.destroy();
      expect(Contents.map(({ Key }) => Key)).toEqual([expect.stringMatching(/\/0000000\d\.json$/)]);
    },
    proofTimeout,
  );
});
