/** A copy that is known to be damaged: another one takes its place, and nothing goes before that one was read whole. */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { built, runner } from '../helpers/runner.ts';
import { hasEngine, startS3 } from '../helpers/s3-servers.ts';
import { launch, waitFor } from '../proofs/support.ts';
import { artifactAt, damage, makeSyncWorld, type SyncWorld } from './sync-world.ts';

beforeAll(built);
let world: SyncWorld;
beforeEach(async () => {
  world = await makeSyncWorld();
});
afterEach(() => world.remove());

/** One backup at all three. */
async function whole(): Promise<string> {
  expect((await world.run('apply')).exitCode).toBe(0);
  return world.at('main')[0]!;
}
const manifestAt = (place: string, id: string) => world.files(place, `${id}.manifest.json`)[0]!;
const copies = async () => {
  const [row] = JSON.parse((await world.run('list', [], { json: true })).stdout).backups;
  return Object.fromEntries(
    row.copies.map(({ destination, state }: { destination: string; state: string }) => [destination, state]),
  );
};
const verifyAll = () => world.run('verify', [], { level: 'checksum' });

const harms: [string, (id: string) => void | Promise<void>][] = [
  [
    'other bytes, as a check has found',
    async (id) => {
      damage(artifactAt(world, 'main', id));
      expect((await verifyAll()).exitCode).not.toBe(0);
    },
  ],
  ['no artifact', (id) => rmSync(artifactAt(world, 'main', id))],
  ['a manifest that is cut off', (id) => truncateSync(manifestAt('main', id), 100)],
  ['no manifest', (id) => rmSync(manifestAt('main', id))],
];

describe('a copy with', () => {
  it.each(harms)('%s is replaced by the next sync, and the source is not asked', async (_what, harm) => {
    const id = await whole();
    const before = [readFileSync(artifactAt(world, 'nas', id)), readFileSync(manifestAt('nas', id))];
    await harm(id);
    // What a check has found at first hand is found here by opening the backup.
    if ((await copies()).main === 'good') await verifyAll();
    const shown = await world.run('sync', [], { dryRun: true });
    expect(shown.stdout).toMatch(
      new RegExp(`copy   ${id}  from nas or far, .*; the damaged copy there is deleted before`),
    );
    const { exitCode, stderr } = await world.run('sync');
    expect(exitCode, stderr).toBe(0);
    expect([readFileSync(artifactAt(world, 'main', id)), readFileSync(manifestAt('main', id))]).toEqual(before);
    expect(await copies()).toEqual({ main: 'good', nas: 'good', far: 'good' });
    expect((await verifyAll()).exitCode).toBe(0);
    const [record] = world.files('main', `${id}.copy-set-`);
    expect(JSON.parse(readFileSync(record!, 'utf8')).message).toBe('copied from nas, in place of a damaged copy');
    expect(world.asked()).toBe(1);
    expect((await world.run('sync', [], { dryRun: true })).stdout).toContain('orders at main: copy 0\n');
  });

  it('other bytes is replaced by the next apply too, and a pin of it stays', async () => {
    const id = await whole();
    expect((await world.run('pin', [id])).exitCode).toBe(0);
    damage(artifactAt(world, 'main', id));
    await verifyAll();
    const pins = world.files('main', `${id}.pin-set-`).map((file) => readFileSync(file, 'utf8'));
    expect((await world.run('apply')).exitCode).toBe(0);
    expect(world.files('main', `${id}.pin-set-`).map((file) => readFileSync(file, 'utf8'))).toEqual(
      expect.arrayContaining(pins),
    );
    expect(pins).toHaveLength(1);
    expect(readFileSync(artifactAt(world, 'main', id))).toEqual(readFileSync(artifactAt(world, 'nas', id)));
  });
});

describe('a damaged copy stays', () => {
  it('where the others turn out to be damaged as well: nothing is deleted for nothing', async () => {
    const id = await whole();
    damage(artifactAt(world, 'main', id));
    await verifyAll();
    for (const place of ['nas', 'far']) damage(artifactAt(world, place, id), 'length');
    const left = readFileSync(artifactAt(world, 'main', id));
    const { exitCode, stderr } = await world.run('sync');
    expect([exitCode, await copies()]).toEqual([1, { main: 'failed', nas: 'failed', far: 'failed' }]);
    expect(stderr).toMatch(/the damaged copy there is kept, since no other is whole/);
    expect(readFileSync(artifactAt(world, 'main', id))).toEqual(left);
  });

  it('where its manifest is a third one that nobody knows', async () => {
    const id = await whole();
    const file = manifestAt('main', id);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"host": "', '"host": "x'));
    for (const pass of world.files('main', `${id}.checksum-pass`)) rmSync(pass);
    damage(artifactAt(world, 'main', id));
    await verifyAll();
    const { exitCode, stderr } = await world.run('sync');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/could not be replaced at "main": copy-conflict/);
    expect(readFileSync(file, 'utf8')).toContain('"host": "x');
  });

  it('where a check of its content failed: another copy of the same data would be no better', async () => {
    const id = await whole();
    const [pass] = world.files('main', `${id}.checksum-pass`);
    const record = JSON.parse(readFileSync(pass!, 'utf8'));
    const file = pass!.replace('checksum-pass', 'content-fail');
    writeFileSync(file, JSON.stringify({ ...record, finding: 'content', result: 'fail' }));
    expect((await world.run('sync', [], { dryRun: true })).stdout).toContain('orders at main: copy 0\n');
  });
});

describe('kill -9 of a sync that', () => {
  it.each(['has deleted the damaged copy', 'writes the good one'])(
    '%s: the next one heals it, by the others',
    async (moment) => {
      world.write({ script: `printf x >> ${world.root}/asked; head -c 100000000 /dev/zero | tr '\\\\0' x` });
      const id = await whole();
      const manifest = manifestAt('main', id);
      damage(artifactAt(world, 'main', id));
      await verifyAll();
      const env = { TMPDIR: `${world.root}/tmp` };
      const running = await launch(['sync', world.plan], { env });
      const isThere = () =>
        moment.startsWith('has')
          ? !existsSync(manifest)
          : world.files('main', '.part-').some((file) => !file.includes('.part-small-'));
      expect(await waitFor(isThere, 60_000, 1)).toBe(true);
      process.kill(running.pid, 'SIGKILL');
      await running.ended;
      expect((await copies()).main ?? 'gone').not.toBe('failed');
      const { exitCode, stderr } = await world.run('sync');
      expect([exitCode, await copies()], stderr).toEqual([0, { main: 'good', nas: 'good', far: 'good' }]);
      expect((await verifyAll()).exitCode).toBe(0);
      expect(world.files('main').filter((file) => file.includes('/journal/'))).toEqual([]);
      expect(world.asked()).toBe(1);
    },
  );
});

describe.skipIf(!hasEngine('minio'))('in a bucket', () => {
  it.each([
    ['', 'good'],
    [', object-lock: { mode: compliance, for: 1d }', 'failed'],
    [', append-only: true', 'failed'],
  ])('with%s nothing that may not be deleted is tried: it is %s', async (member, state) => {
    const server = await startS3('minio');
    try {
      const bucket = await server.bucket({ locked: member.includes('lock') });
      const main = `{ type: s3, bucket: ${bucket}, endpoint: "${server.endpoint}"${member} }`;
      world.write({
        destinations: `main: ${main}\n  nas: { type: local, path: nas }`,
        backup: 'destinations: [main, nas], retention: { main: { within: 1d }, nas: { within: 1d } }',
        allow: '',
      });
      const env = { ...server.environment(), TMPDIR: `${world.root}/tmp` };
      const run = async (...words: string[]) => await runner([...words], { env });
      const applied = await run('apply', world.plan);
      expect(applied.exitCode, applied.stderr).toBe(0);
      const [id] = world.at('nas');
      // A finding of somebody's check, put there by the store's own keys.
      const [pass] = world.files('nas', `${id}.checksum-pass`);
      const { PutObjectCommand } = await import('@aws-sdk/client-s3');
      const key = pass!.slice(`${world.root}/nas/`.length).replace('checksum-pass', 'checksum-fail');
      const record = { ...JSON.parse(readFileSync(pass!, 'utf8')), result: 'fail', destination: 'main' };
      const client = server.client();
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify(record) }));
      client.destroy();
      const { exitCode, stderr } = await run('sync', world.plan);
      expect(exitCode, stderr).toBe(0);
      const [row] = JSON.parse((await run('list', world.plan, '--json')).stdout).backups;
      expect(row.copies).toContainEqual({ destination: 'main', state });
    } finally {
      await server.stop();
    }
  });
});
