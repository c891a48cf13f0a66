/** The program against real S3 servers, as a person uses it. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';

const customerKey = randomBytes(32).toString('base64');
const data = randomBytes(12_000_000);

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('holds backups', () => {
    const home = temporaryDirectory('runner-s3-');
    let server: S3Server;
    let said = '';

    beforeAll(async () => {
      // MinIO takes a customer's key over TLS only; so both are spoken to over it, by a certificate of `ca`.
      server = await startS3(engine, { tls: true });
      writeFileSync(join(home.path, 'data'), data);
    });
    afterAll(async () => {
      await server?.stop();
      home.remove();
    });

    const env = () => ({ S3_ID: server.keys.id, S3_SECRET: server.keys.secret, S3_CUSTOMER: customerKey });
    const run = async (words: string[], more: Record<string, string> = {}) => {
      const finished = await runner(words, { cwd: home.path, env: { ...env(), ...more } });
      said += finished.stdout + finished.stderr;
      return finished;
    };
    const plan = (name: string, destination: object): string => {
      const given = { 'access-key-id': { secret: 'id' }, 'secret-access-key': { secret: 'secret' } };
      const document = {
        version: 1,
        name: 'shop',
        secrets: { id: { env: 'S3_ID' }, secret: { env: 'S3_SECRET' }, customer: { env: 'S3_CUSTOMER' } },
        destinations: { cloud: { ...given, ...destination } },
        backups: {
          data: { source: { type: 'command', run: ['cat', 'data'] }, destinations: ['cloud'], retention: { last: 2 } },
        },
      };
      writeFileSync(join(home.path, name), JSON.stringify(document));
      return name;
    };
    const objects = async (bucket: string) => {
      const client = server.client();
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      client.destroy();
      return { keys: Contents.map(({ Key }) => Key!), uploads: Uploads };
    };
    const artifacts = (keys: string[]) =>
      keys.filter((key) => /\/data-[^/]+$/.test(key) && !/\.json(\.sig)?$/.test(key));

    it('applies, lists, verifies, restores and prunes', async () => {
      const bucket = await server.bucket();
      const file = plan('plan.yaml', {
        ...server.spec(bucket),
        prefix: 'deep/er',
        'part-size': '5MiB',
        tags: { a: 'b' },
      });
      for (let time = 0; time < 3; time += 1) {
        const applied = await run(['apply', file, '--json']);
        expect(applied.exitCode, applied.stderr).toBe(0);
      }
      const listed = JSON.parse((await run(['list', file, '--json'])).stdout);
      expect(listed.backups.map(({ state }: { state: string }) => state)).toEqual(['good', 'good']);
      const { keys, uploads } = await objects(bucket);
      expect(artifacts(keys)).toHaveLength(2);
      expect(keys.every((key) => key.startsWith('deep/er/'))).toBe(true);
      expect(uploads).toEqual([]);
      const verified = await run(['verify', file]);
      expect(verified.exitCode, verified.stderr).toBe(0);
      const restored = await run(['restore', file, 'data', '--latest', '--to', 'back']);
      expect(restored.exitCode, restored.stderr).toBe(0);
      expect(readFileSync(join(home.path, 'back')).equals(data)).toBe(true);
      writeFileSync(join(home.path, file), readFileSync(join(home.path, file), 'utf8').replace('"last":2', '"last":1'));
      const pruned = await run(['prune', file, '--yes']);
      expect(pruned.exitCode, pruned.stderr).toBe(0);
      expect(artifacts((await objects(bucket)).keys)).toHaveLength(1);
      const shown = await run(['plan', file]);
      expect(shown.exitCode, shown.stderr).toBe(0);
    });

    it('names what is wrong, exits 2 and says no secret', async () => {
      const bucket = await server.bucket();
      const file = plan('wrong.yaml', { ...server.spec(bucket), attempts: 2 });
      const wrongSecret = 'sentinel-wrong-secret-7';
      const wrong: [string, Record<string, string>, RegExp][] = [
        [file, { S3_SECRET: wrongSecret }, /the signature is refused/],
        [file, { S3_ID: 'nobody-knows-me' }, /the access key is unknown/],
        [plan('bucket.yaml', { ...server.spec('no-such-bucket-here'), attempts: 2 }), {}, /there is no such bucket/],
        [plan('ca.yaml', { ...server.spec(bucket), ca: undefined, attempts: 2 }), {}, /its certificate is not trusted/],
        [
          plan('away.yaml', { ...server.spec(bucket), endpoint: 'https://127.0.0.1:9', attempts: 2 }),
          {},
          /the connection is refused/,
        ],
      ];
      for (const [name, more, sentence] of wrong) {
        const { exitCode, stdout, stderr } = await run(['apply', name], more);
        expect(exitCode, `${name}: ${stdout}${stderr}`).toBe(2);
        expect(stdout + stderr).toMatch(sentence);
      }
      expect((await objects(bucket)).keys.filter((key) => key.includes('data-'))).toEqual([]);
      for (const secret of [server.keys.secret, wrongSecret, customerKey]) expect(said).not.toContain(secret);
    });

    it.skipIf(engine === 'versitygw')('is sealed with a key of the plan, with the KMS, and under a role', async () => {
      const sealed: Record<string, object> = {
        customer: { encryption: { type: 'customer', key: { secret: 'customer' } } },
        kms: { encryption: { type: 'kms', key: 'my-key', 'bucket-key': true } },
        aes256: { encryption: { type: 'aes256' } },
        role: { role: { arn: 'arn:aws:iam::123456789012:role/backup', 'external-id': 'x' } },
      };
      for (const [name, more] of Object.entries(sealed)) {
        const bucket = await server.bucket();
        const file = plan(`${name}.yaml`, { ...server.spec(bucket), ...more, 'part-size': '5MiB' });
        const applied = await run(['apply', file]);
        expect(applied.exitCode, `${name}: ${applied.stderr}`).toBe(0);
        const to = `back-${name}`;
        const restored = await run(['restore', file, 'data', '--latest', '--to', to]);
        expect(restored.exitCode, restored.stderr).toBe(0);
        expect(readFileSync(join(home.path, to)).equals(data)).toBe(true);
        const client = server.client();
        const [key] = artifacts((await objects(bucket)).keys);
        const head = () => client.send(new HeadObjectCommand({ Bucket: bucket, Key: key! }));
        if (name === 'customer') await expect(head()).rejects.toThrow();
        else if (name === 'kms')
          expect(await head()).toMatchObject({
            ServerSideEncryption: 'aws:kms',
            SSEKMSKeyId: expect.stringContaining('my-key'),
          });
        else if (name === 'aes256') expect(await head()).toMatchObject({ ServerSideEncryption: 'AES256' });
        client.destroy();
      }
      expect(said).not.toContain(customerKey);
    });
  });
});
