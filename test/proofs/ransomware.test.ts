/**
 * Somebody has the plan's own keys, and a day. Everything that the protocol offers is done to a locked bucket; then a clean machine
 * restores every committed backup, although the newest versions are poisoned.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type Keys, type S3Server, startS3 } from '../helpers/s3-servers.ts';

const poison = 'Your files are ours. Pay.\n';

/** `mode`, and whether the keys are the owner's: who owns the store may bypass locks of governance. */
const drills: [Engine, 'compliance' | 'governance'][] = [
  ['minio', 'compliance'],
  ['minio', 'governance'],
  ['versitygw', 'compliance'],
];

describe.each(drills)('%s, locked by %s', (engine, mode) => {
  describe.skipIf(!hasEngine(engine))('outlives stolen keys', () => {
    const [home, clean] = [temporaryDirectory('runner-home-'), temporaryDirectory('runner-clean-')];
    let server: S3Server;
    let keys: Keys;
    let bucket: string;
    beforeAll(async () => {
      server = await startS3(engine);
      bucket = await server.bucket({ locked: true });
      keys = mode === 'compliance' ? server.keys : await server.limited(everythingBut('s3:BypassGovernanceRetention'));
    });
    afterAll(async () => {
      await server?.stop();
      home.remove();
      clean.remove();
    });

    const plan = (folder: string) => {
      const file = join(folder, 'shop.yaml');
      const destination = { ...server.spec(bucket), 'object-lock': { mode, for: '1d' } };
      const whole = {
        version: 1,
        name: 'shop',
        sources: { notes: { type: 'files', paths: ['notes'] } },
        destinations: { cloud: destination },
        backups: { notes: { source: 'notes', destinations: ['cloud'] } },
      };
      writeFileSync(file, JSON.stringify(whole));
      return file;
    };

    it('of every committed backup', async () => {
      const env = server.environment(keys);
      mkdirSync(join(home.path, 'notes'));
      const file = plan(home.path);
      for (const text of ['one', 'two']) {
        writeFileSync(join(home.path, 'notes/text'), text);
        const made = await runner(['apply', file], { cwd: home.path, env });
        expect(made.exitCode, made.stderr).toBe(0);
      }
      const refused = await attack(server, keys, bucket, mode);
      // Artifact, manifest and record of each backup stay; so do the bucket, its versioning and its lock.
      expect(refused.filter((what) => what.startsWith('delete version')).length).toBeGreaterThanOrEqual(6);
      for (const what of ['shorten', 'suspend', 'delete bucket', 'bypass'])
        expect(
          refused.some((one) => one.startsWith(what)),
          `${what}: ${refused.join('\n')}`,
        ).toBe(true);

      const there = plan(clean.path);
      const listed = await runner(['list', there, '--json'], { cwd: clean.path, env });
      const { backups } = JSON.parse(listed.stdout) as { backups: { id: string; state: string }[] };
      expect(backups.map(({ state }) => state)).toEqual(['good', 'good']);
      for (const [index, { id }] of backups.toSorted((one, other) => (one.id < other.id ? -1 : 1)).entries()) {
        const to = join(clean.path, `restored-${index}`);
        const words = ['restore', there, 'notes', '--id', id, '--to', to, '--yes'];
        const restored = await runner(words, { cwd: clean.path, env });
        expect(restored.exitCode, restored.stderr).toBe(0);
        const text = readdirSync(to, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('text'));
        expect(text, restored.stdout + restored.stderr).toBeDefined();
        expect(readFileSync(join(to, text!), 'utf8')).toBe(['one', 'two'][index]);
      }
    });
  });
});

const everythingBut = (right: string) => [
  { Effect: 'Allow' as const, Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] },
  { Effect: 'Deny' as const, Action: [right], Resource: ['arn:aws:s3:::*'] },
];

/** Everything that can be tried; what the store refused. */
async function attack(server: S3Server, keys: Keys, Bucket: string, mode: string): Promise<string[]> {
  const s3 = new S3({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: {
      accessKeyId: keys.id,
      secretAccessKey: keys.secret,
      ...(keys.token ? { sessionToken: keys.token } : {}),
    },
  });
  const refused: string[] = [];
  const attempt = async (what: string, act: Promise<unknown>) =>
    await act.catch((error: Error) => void refused.push(`${what}: ${error.message}`));
  const { Versions = [] } = await s3.listObjectVersions({ Bucket });
  const now = new Date(Date.now() + 5000);
  for (const { Key, VersionId, IsLatest } of Versions) {
    const one = { Bucket, Key: Key!, VersionId: VersionId! };
    const Mode = mode === 'compliance' ? ('COMPLIANCE' as const) : ('GOVERNANCE' as const);
    await attempt(`shorten ${Key}`, s3.putObjectRetention({ ...one, Retention: { Mode, RetainUntilDate: now } }));
    await attempt(`delete version of ${Key}`, s3.deleteObject(one));
    await attempt(`bypass ${Key}`, s3.deleteObject({ ...one, BypassGovernanceRetention: true }));
    if (!IsLatest) continue;
    await attempt(`delete ${Key}`, s3.deleteObject({ Bucket, Key: Key! }));
    await attempt(`overwrite ${Key}`, s3.putObject({ Bucket, Key: Key!, Body: poison }));
    if (Key!.includes('/2026/') || Key!.length % 2)
      await attempt(`cover ${Key}`, s3.deleteObject({ Bucket, Key: Key! }));
  }
  await attempt(
    'hide',
    s3.putObject({ Bucket, Key: `shop/.runner/pruned/20261121T000000Z-evil.json`, Body: lie(Versions) }),
  );
  await attempt('suspend', s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Suspended' } }));
  const Rules = [{ ID: 'gone', Status: 'Enabled' as const, Filter: { Prefix: '' }, Expiration: { Days: 1 } }];
  await attempt('lifecycle', s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } }));
  await attempt('delete bucket', s3.deleteBucket({ Bucket }));
  s3.destroy();
  return refused;
}

/** A tombstone, as a prune of ours would write it, of all that is there. */
function lie(versions: { Key?: string | undefined }[]): string {
  const manifests = versions.flatMap(({ Key = '' }) => (Key.endsWith('.manifest.json') ? [Key] : []));
  const deleted = manifests.map((manifestKey) => {
    const id = manifestKey.slice(manifestKey.lastIndexOf('/') + 1, -'.manifest.json'.length);
    return { id, manifestKey, artifactKeys: [], reasons: ['not kept any more'] };
  });
  const run = '20261121T000000Z-evil';
  return `${JSON.stringify({ format: 'runner/tombstone@1', run, time: '2026-11-21T00:00:00.000Z', deleted })}\n`;
}
