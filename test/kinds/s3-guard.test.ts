/** Buckets whose history stays: versions, locks, credentials that may not delete. */
import { randomBytes } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Destination, KeyMissing, MayNotDelete, type Placement } from '../../src/destination.ts';
import { openS3, type S3Spec, s3 } from '../../src/destinations/s3/index.ts';
import { collect, keys } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { type Engine, hasEngine, type Keys, type S3Server, startS3 } from '../helpers/s3-servers.ts';

const patience = { attempts: 4, pause: 20 };
const id = 'shop-20261121T020000Z-k3x9qd';
const folder = 'plan/shop/2026/11';
const demands = { folder: 'plan/', keeps: 30 * 86_400, rto: 3600 };

function open(
  server: S3Server,
  spec: Partial<S3Spec> & { bucket: string },
  as?: Keys,
  more = {},
): Promise<Destination> {
  const secrets = { id: server.keys.id, secret: server.keys.secret };
  const whole = { ...server.spec(spec.bucket), ...spec } as S3Spec;
  return openS3('cloud', whole, opening(secrets, { environment: server.environment(as), ...more }), {
    patience,
    pageSize: 2,
  });
}

const owner = { 'access-key-id': { secret: 'id' }, 'secret-access-key': { secret: 'secret' } };

async function stored(destination: Destination, key: string, placement: Placement): Promise<void> {
  const sink = await destination.put(key, 'attempt', placement);
  await sink.write([Buffer.from('true')]);
  await sink.prepare();
  await sink.publish();
}

async function versions(client: S3Client, bucket: string, prefix: string): Promise<number> {
  const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }));
  return (page.Versions?.length ?? 0) + (page.DeleteMarkers?.length ?? 0);
}

async function health(destination: Destination, more: Partial<typeof demands> = {}): Promise<Record<string, string>> {
  const found = await destination.examine!({ ...demands, ...more });
  return Object.fromEntries(found.map(({ check, health: how, message }) => [check, `${how}: ${message}`]));
}

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('guards what lies in a bucket', () => {
    let server: S3Server;
    let client: S3Client;
    beforeAll(async () => {
      server = await startS3(engine);
      client = server.client();
    });
    afterAll(async () => {
      client?.destroy();
      await server?.stop();
    });

    const placement: Placement = { expected: null, tier: 'daily', keptUntil: new Date(Date.now() + 86_400_000) };
    const artifact = `${folder}/${id}.tar`;
    const manifest = `${folder}/${id}.manifest.json`;

    it('reads the oldest version through newer ones and delete markers', async () => {
      const bucket = await server.bucket({ locked: true });
      const destination = await open(server, { bucket, 'object-lock': { mode: 'governance', for: 'retention' } });
      await stored(destination, artifact, placement);
      await destination.write(manifest, Buffer.from('manifest'));
      await destination.replace('plan/RECOVERY.md', Buffer.from('old'));
      await destination.replace('plan/RECOVERY.md', Buffer.from('new'));
      for (const Key of [artifact, manifest]) {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'poison' }));
        await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'more of it' }));
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
      }
      expect(String(await collect(destination, artifact))).toBe('true');
      expect(String(await collect(destination, artifact, { start: 1, end: 2 }))).toBe('ru');
      expect(String(await destination.read(manifest, 100))).toBe('manifest');
      expect(String(await destination.read('plan/RECOVERY.md', 100))).toBe('new');
      expect((await destination.stat(artifact))?.size).toBe(4);
      expect(await keys(destination, '')).toEqual([manifest, artifact, 'plan/RECOVERY.md'].toSorted());
      const sizes: number[] = [];
      for await (const batch of destination.list('plan/shop')) sizes.push(...batch.map(({ size }) => size));
      expect(sizes).toEqual([8, 4]);
      const other = await open(server, { bucket: await server.bucket() });
      const copied = (await other.copy!(destination, artifact, 'copy'))!;
      await copied.prepare();
      await copied.publish();
      expect(String(await collect(other, artifact))).toBe('true');
      await other.close();
      // What was written beside the artifact is locked as long, though nobody said so.
      for (const key of [artifact, manifest]) {
        expect(await destination.locked!(key)).toMatch(/^locked until .* \(governance\)$/);
        await expect(destination.remove(key)).rejects.toThrow(/is locked until/);
      }
      expect((await health(destination)).versioning).toMatch(/^ok: on; .* old versions? .* 2 delete markers/);
      await destination.close();
    });

    it('removes every version of what is not locked any more', async () => {
      const bucket = await server.bucket({ locked: true });
      const destination = await open(server, { bucket, 'object-lock': { mode: 'governance', for: '6s' } });
      await stored(destination, artifact, placement);
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: artifact, Body: 'poison' }));
      for (const end = Date.now() + 60_000; (await destination.locked!(artifact)) !== null && Date.now() < end; )
        await new Promise((done) => setTimeout(done, 200));
      expect(await destination.locked!(artifact)).toBeNull();
      await destination.remove(artifact);
      expect(await versions(client, bucket, artifact)).toBe(0);
      expect(await destination.stat(artifact)).toBeNull();
      await expect(destination.get(artifact)).rejects.toThrow(KeyMissing);
      await destination.close();
    });

    it.each([false, true])(
      'works without the right to delete (versioned: %s), and prunes with another',
      async (versioned) => {
        const bucket = await server.bucket({ versioned });
        const spec = { bucket, 'append-only': true, 'prune-as': owner };
        const destination = await open(server, spec);
        const [journal, lease] = ['plan/.runner/journal/run.id.json', 'plan/.runner/lease/00000001.json'];
        await destination.write(artifact, Buffer.from('true'));
        for (const key of [journal, lease]) {
          await destination.write(key, Buffer.from('{}'));
          await destination.remove(key);
          expect(await destination.stat(key)).toBeNull();
          await expect(destination.read(key, 10)).rejects.toThrow(KeyMissing);
          await destination.remove(key);
        }
        expect(await keys(destination, '')).toEqual([artifact]);
        await expect(destination.remove(artifact)).rejects.toThrow(MayNotDelete);
        await destination.remove(`${folder}/nothing`);
        const pruner = await open(server, spec, undefined, { purpose: 'prune' });
        await pruner.sweep!('plan');
        expect(await versions(client, bucket, 'plan/.runner')).toBe(0);
        await pruner.remove(artifact);
        expect(await destination.stat(artifact)).toBeNull();
        await Promise.all([pruner.close(), destination.close()]);
      },
    );

    it('tells rights and settings, and leaves nothing behind', async () => {
      const bucket = await server.bucket();
      const destination = await open(server, { bucket });
      const found = await health(destination);
      expect(found).toMatchObject({
        'may write': 'ok: yes (s3:PutObject)',
        'may read': 'ok: yes (s3:GetObject)',
        'may list': 'ok: yes (s3:ListBucket)',
        'may abandon uploads': 'ok: yes (s3:AbortMultipartUpload)',
        versioning: 'ok: off',
      });
      expect(found['may delete']).toMatch(/^warning: yes .* who steals these keys can delete every backup/);
      expect(found['public access']).toMatch(/^ok: a request without credentials is refused/);
      expect(found['object lock']).toBeUndefined();
      expect(found.overwriting).toMatch(/^ok: /);
      expect(found.memory).toBe('ok: 64.0 MiB while uploading (4 parts of 16.0 MiB)');
      await destination.close();
      const locks = await open(server, { bucket, 'object-lock': { mode: 'compliance', for: '1d' } });
      await expect(health(locks)).resolves.toMatchObject({
        'object lock': 'problem: off, and the plan locks its backups: make a bucket with object lock',
      });
      await locks.close();
      expect(await versions(client, bucket, '')).toBe(0);
    });

    it('compares what the plan ensures', async () => {
      const ensure = {
        versioning: 'enabled',
        'public-access': 'blocked',
        'mfa-delete': 'enabled',
        'access-logging': 'enabled',
      } as const;
      const plain = await open(server, { bucket: await server.bucket(), ensure });
      const found = await health(plain);
      expect(found.versioning).toBe('problem: off, and the plan wants it');
      expect(found['mfa delete']).toBe('problem: off, and the plan wants it');
      expect(found['access logging']).toMatch(/^problem: .*and the plan wants it$/);
      expect(found['public access']).toMatch(/^ok: .*no setting that blocks it/);
      const versioned = await open(server, { bucket: await server.bucket({ versioned: true }), ensure });
      expect((await health(versioned)).versioning).toMatch(/^ok: on/);
      await Promise.all([plain.close(), versioned.close()]);
    });

    it('says whether locks hold against these credentials', async () => {
      const bucket = await server.bucket({ locked: true });
      const governed = await open(server, { bucket, 'object-lock': { mode: 'governance', for: '1d' } });
      const found = await health(governed);
      expect(found['may lock']).toBe('ok: yes (s3:PutObjectRetention)');
      expect(found['may bypass locks']).toMatch(/^warning: yes/);
      expect(found['object lock']).toBe('ok: on; backups are locked (governance, for 1d)');
      expect(found['may delete']).toBe('ok: yes (s3:DeleteObject), and what is locked stays');
      const complied = await open(server, { bucket, 'object-lock': { mode: 'compliance', for: '1d' } });
      expect((await health(complied))['may bypass locks']).toBe('ok: nobody may (compliance)');
      expect(await versions(client, bucket, '')).toBe(0);
      await Promise.all([governed.close(), complied.close()]);
    });

    it('sees that credentials may delete although they should not, and that those of prune-as may', async () => {
      const destination = await open(server, { bucket: await server.bucket(), 'append-only': true, 'prune-as': owner });
      const found = await health(destination);
      expect(found['may delete']).toMatch(/^problem: yes, although the plan says `append-only`/);
      expect(found['prune-as may delete']).toBe('ok: yes');
      await destination.close();
    });
  });
});

describe.skipIf(!hasEngine('minio'))('lifecycle rules', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3('minio');
  });
  afterAll(async () => await server?.stop());

  it.each([
    ['backups/', 10, 30, 'problem: the rule "old" deletes after 10 days what the plan keeps for 30d'],
    ['backups/plan/shop', 10, 30, 'problem: the rule "old" deletes after 10 days'],
    ['', 40, null, 'problem: the rule "old" deletes after 40 days what the plan keeps for ever'],
    ['', 40, 30, 'ok: no rule contradicts the plan'],
    ['elsewhere/', 1, 30, 'ok: no rule touches these backups'],
  ])('with the prefix "%s" that delete after %i days, where %s are kept', async (Prefix, Days, kept, expected) => {
    const bucket = await server.bucket();
    const client = server.client();
    const Rules = [{ ID: 'old', Status: 'Enabled' as const, Filter: { Prefix }, Expiration: { Days } }];
    await client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules } }),
    );
    const destination = await open(server, { bucket, prefix: `backups` });
    const keeps = kept === null ? null : kept * 86_400;
    expect((await destination.examine!({ ...demands, keeps })).find(({ check }) => check === 'lifecycle')).toSatisfy(
      ({ health: how, message }) => `${how}: ${message}`.startsWith(expected),
    );
    client.destroy();
    await destination.close();
  });
});

describe('the kind', () => {
  it('tells how it locks and whether it deletes', () => {
    const bucket = `b${randomBytes(3).toString('hex')}`;
    expect(s3.locks!({ bucket })).toBeNull();
    expect(s3.locks!({ bucket, 'object-lock': { mode: 'governance', for: '2d' } })).toBe(172_800);
    expect(s3.locks!({ bucket, 'object-lock': { mode: 'governance', for: 'retention' } })).toBe('retention');
    expect(s3.appendOnly!({ bucket })).toBeNull();
    expect(s3.appendOnly!({ bucket, 'append-only': true })).toBe('never');
    expect(s3.appendOnly!({ bucket, 'append-only': true, 'prune-as': { profile: 'keeper' } })).toBe('elsewhere');
  });
});
