/** Buckets that keep what they hold, by the command line: keys that may not delete, locks, classes that must be thawed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';

type World = { folder: string; server: S3Server; bucket: string };

/** Writes the plan of one backup that keeps the newest alone; the file's path. */
function planOf({ folder, server, bucket }: World, spec: Record<string, unknown>, more: Record<string, unknown> = {}) {
  mkdirSync(join(folder, 'notes'), { recursive: true });
  writeFileSync(join(folder, 'notes/text'), 'text');
  const file = join(folder, `${bucket}.yaml`);
  const whole = {
    version: 1,
    name: 'shop',
    secrets: { id: { env: 'PRUNE_ID' }, secret: { env: 'PRUNE_SECRET' } },
    sources: { notes: { type: 'files', paths: ['notes'] } },
    destinations: { cloud: { ...server.spec(bucket), ...spec } },
    backups: { notes: { source: 'notes', destinations: ['cloud'], retention: { last: 1 } } },
    ...more,
  };
  writeFileSync(file, JSON.stringify(whole));
  return file;
}

const pruner = { 'access-key-id': { secret: 'id' }, 'secret-access-key': { secret: 'secret' } };

async function ids(file: string, folder: string, env: Record<string, string>): Promise<string[]> {
  const { stdout } = await runner(['list', file, '--json'], { cwd: folder, env });
  return (JSON.parse(stdout).backups as { id: string }[]).map(({ id }) => id);
}

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('keeps what it holds', () => {
    const temporary = temporaryDirectory('runner-guard-');
    const folder = temporary.path;
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3(engine);
    });
    afterAll(async () => {
      await server?.stop();
      temporary.remove();
    });

    it('keys that may not delete make backups, and only prune deletes', async () => {
      const bucket = await server.bucket();
      const file = planOf({ folder, server, bucket }, { 'append-only': true, 'prune-as': pruner });
      // Only MinIO can be told what a user may do; the store keeps to the plan's word at both.
      const rights = ['PutObject', 'GetObject', 'ListBucket', 'AbortMultipartUpload', 'ListMultipartUploadParts'];
      const more = ['ListBucketMultipartUploads', 'ListBucketVersions', 'GetBucketVersioning'];
      const Action = [...rights, ...more].map((name) => `s3:${name}`);
      const user =
        engine === 'minio'
          ? await server.limited([{ Effect: 'Allow', Action, Resource: ['arn:aws:s3:::*'] }])
          : server.keys;
      const env = { ...server.environment(user), PRUNE_ID: server.keys.id, PRUNE_SECRET: server.keys.secret };
      for (let time = 0; time < 3; time += 1) {
        const made = await runner(['apply', file], { cwd: folder, env });
        expect(made.exitCode, made.stderr).toBe(0);
      }
      const shown = await runner(['plan', file], { cwd: folder, env });
      expect(shown.stdout).toMatch(/nothing will be deleted, because it is append-only: `runner prune` deletes there/);
      const all = (await ids(file, folder, env)).toSorted();
      expect(all).toHaveLength(3);
      const forgotten = await runner(['forget', file, all[0]!, '--yes', '--reason', 'poisoned'], { cwd: folder, env });
      expect([forgotten.exitCode, forgotten.stderr]).toEqual([
        2,
        expect.stringMatching(/append-only: .*; it counts as forgotten there/),
      ]);
      const pruned = await runner(['prune', file, '--yes'], { cwd: folder, env });
      expect(pruned.exitCode, pruned.stderr).toBe(0);
      expect(await ids(file, folder, env)).toHaveLength(1);
      const alone = planOf({ folder, server, bucket }, { 'append-only': true });
      const nobody = await runner(['prune', alone, '--yes'], { cwd: folder, env });
      expect(nobody.stderr + nobody.stdout).toMatch(/no other credentials are named that may delete \(`prune-as`\)/);
    });

    it('prune says what is locked, and keeps it', async () => {
      const bucket = await server.bucket({ locked: true });
      const file = planOf({ folder, server, bucket }, { 'object-lock': { mode: 'compliance', for: '1d' } });
      const env = server.environment();
      for (let time = 0; time < 2; time += 1) {
        const made = await runner(['apply', file], { cwd: folder, env });
        expect(made.exitCode, made.stderr).toBe(0);
      }
      const shown = await runner(['prune', file, '--dry-run'], { cwd: folder, env });
      expect(shown.stdout).toMatch(/locked until 20\d\d-\d\d-\d\d.* \(compliance\)/);
      const pruned = await runner(['prune', file, '--yes'], { cwd: folder, env });
      expect(pruned.exitCode, pruned.stderr).toBe(0);
      expect(await ids(file, folder, env)).toHaveLength(2);
      // What is poisoned is not restored any more, though it may not go yet.
      const [older, newest] = (await ids(file, folder, env)).toSorted();
      const forgotten = await runner(['forget', file, newest!, '--yes', '--reason', 'poisoned'], { cwd: folder, env });
      expect([forgotten.exitCode, forgotten.stderr]).toEqual([
        2,
        expect.stringMatching(/locked until .*; it counts as forgotten there/),
      ]);
      const restored = await runner(['restore', file, 'notes', '--latest', '--to', join(folder, 'back')], {
        cwd: folder,
        env,
      });
      expect(restored.exitCode, restored.stderr).toBe(0);
      expect(restored.stdout).toContain(older!);
    });
  });
});

describe.skipIf(!hasEngine('moto'))('a class that must be thawed (moto)', () => {
  const temporary = temporaryDirectory('runner-thaw-');
  const folder = temporary.path;
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3('moto');
  });
  afterAll(async () => {
    await server?.stop();
    temporary.remove();
  });

  it('is told, asked for, and then restored', async () => {
    const bucket = await server.bucket();
    const more = { objectives: { rto: '1h' } };
    const file = planOf({ folder, server, bucket }, { 'storage-class': 'GLACIER' }, more);
    const env = server.environment();
    const made = await runner(['apply', file], { cwd: folder, env });
    expect(made.stderr).toMatch(/./);
    const doctor = await runner(['doctor', file, '--json'], { cwd: folder, env });
    expect(doctor.stdout).toMatch(/GLACIER takes 5h to thaw, and the plan promises a restore within 1h/);
    const restore = (...words: string[]) =>
      runner(['restore', file, 'notes', '--latest', '--to', join(folder, 'back'), '--yes', ...words], {
        cwd: folder,
        env,
      });
    const refused = await restore();
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr + refused.stdout).toMatch(/must be thawed before it can be read.*--thaw/);
    const asked = await restore('--thaw');
    expect(asked.exitCode, asked.stderr).toBe(1);
    expect(asked.stdout).toMatch(/is being thawed: it can be read in 5h at most, and stays so for 7 days/);
    // moto thaws at once.
    const restored = await restore('--thaw');
    expect(restored.exitCode, restored.stderr).toBe(0);
  });
});
