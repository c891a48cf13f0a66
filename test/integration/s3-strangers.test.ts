/** A bucket that is shared, full, or not quite ours: each refusal is one sentence, and what is not ours stays untouched. */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalText } from '../../src/catalog/document.ts';
import { Format, type Manifest } from '../../src/catalog/format.ts';
import { manifestKey, recordKey } from '../../src/catalog/keys.ts';
import { sha256Of } from '../../src/catalog/manifest.ts';
import { httpFaultProxy } from '../fakes/fault-proxy.ts';
import { canMount } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type Keys, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { idAt } from '../proofs/shelf.ts';
import { full } from '../proofs/support.ts';

const slow = { timeout: 180_000 };

type Given = { spec?: object; top?: object; run?: string[]; retention?: object };

/** A server of its own, and plans for it in a folder of their own. */
class World {
  readonly home = temporaryDirectory('runner-strangers-');

  constructor(
    readonly server: S3Server,
    readonly bucket: string,
  ) {
    writeFileSync(join(this.home.path, 'data'), 'what is kept\n'.repeat(1000));
  }

  plan(name: string, { spec = {}, top = {}, run = ['cat', 'data'], retention = { last: 2 } }: Given = {}): string {
    const cloud = { ...this.server.spec(this.bucket), attempts: 2, ...spec };
    const backups = {
      data: {
        source: { type: 'command', run },
        destinations: ['cloud'],
        retention,
        allow: { 'no-restore-test': 'a test' },
      },
    };
    writeFileSync(
      join(this.home.path, name),
      JSON.stringify({ version: 1, name: 'shop', ...top, destinations: { cloud }, backups }),
    );
    return name;
  }

  async run(words: string[], keys?: Keys) {
    const finished = await runner(words, { cwd: this.home.path, env: this.server.environment(keys) });
    return { ...finished, said: finished.stdout + finished.stderr };
  }

  async keys(prefix = ''): Promise<string[]> {
    const client = this.server.client();
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: this.bucket, Prefix: prefix }));
    client.destroy();
    return Contents.map(({ Key }) => Key!);
  }

  async end(): Promise<void> {
    await this.server.stop();
    this.home.remove();
  }
}

/** What is refused is decided by us: a second server is asked for it under `PROOF=full`. */
const engines: Engine[] = full ? ['minio', 'versitygw'] : ['minio'];

describe.each<Engine>(engines)('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('is shared', () => {
    let world: World;
    beforeAll(async () => {
      const server = await startS3(engine);
      world = new World(server, await server.bucket());
    });
    afterAll(async () => await world?.end());

    it('two plans of one name on one prefix: the second is refused, and changes nothing', slow, async () => {
      const spec = { prefix: 'two-plans' };
      const first = world.plan('first.yaml', { spec, top: { id: 'first' } });
      const second = world.plan('second.yaml', { spec, top: { id: 'second' } });
      expect((await world.run(['apply', first])).exitCode).toBe(0);
      // Who is refused had the lease for a moment.
      const kept = async () => (await world.keys('two-plans/')).filter((key) => !key.includes('/.runner/lease/'));
      const before = await kept();
      for (const verb of ['apply', 'prune']) {
        const refused = await world.run([verb, second, ...(verb === 'prune' ? ['--yes'] : [])]);
        expect(refused.exitCode, refused.said).toBe(4);
        expect(refused.said).toMatch(
          /belongs to another plan \(id "first", this one is "second"\): give this plan another name/,
        );
      }
      expect(await kept()).toEqual(before);
      const again = await world.run(['apply', first]);
      expect(again.exitCode, again.said).toBe(0);
    });

    it('two hosts at once: one holds the lease, the other is told who', slow, async () => {
      const spec = { prefix: 'two-hosts' };
      rmSync(join(world.home.path, 'go'), { force: true });
      const script = 'until [ -e go ]; do sleep 0.05; done; cat data';
      const file = world.plan('hosts.yaml', { spec, run: ['sh', '-c', script] });
      const one = world.run(['apply', file]);
      while ((await world.keys('two-hosts/shop/.runner/journal/')).length === 0);
      const other = await world.run(['apply', file]);
      expect(other.exitCode, other.said).toBe(5);
      expect(other.said).toMatch(
        /The lease at cloud is held by run \S+ on \S+ \(process \d+\) since .*--lock-timeout.*runner unlock/,
      );
      writeFileSync(join(world.home.path, 'go'), '');
      const held = await one;
      expect(held.exitCode, held.said).toBe(0);
      const late = await world.run(['apply', file]);
      expect(late.exitCode, late.said).toBe(0);
      expect((await world.keys('two-hosts/')).filter((key) => key.endsWith('.bin'))).toHaveLength(2);
    });

    it('hostile manifests: nothing outside is read, nothing is written there, what is ours stays', slow, async () => {
      const { server, bucket } = world;
      const client = server.client();
      const put = (Key: string, Body: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
      const text = async (Key: string) =>
        await (await client.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body!.transformToString();
      const proxy = await httpFaultProxy({ port: server.port });
      try {
        for (const key of theirs) await put(key, 'not yours');
        const endpoint = `http://127.0.0.1:${proxy.port}`;
        const file = world.plan('hostile.yaml', { spec: { prefix: 'prod', endpoint }, retention: { last: 1 } });
        expect((await world.run(['apply', file])).exitCode).toBe(0);
        const own = (await world.keys('prod/shop/data/')).find((key) => key.endsWith('.manifest.json'))!;
        const manifest = JSON.parse(await text(own)) as Manifest;
        for (const [index, [name, change]] of Object.entries(hostile).entries()) {
          const id = await lay(put, manifest, change, index);
          const to = join(world.home.path, `back-${index}`);
          const restored = await world.run(['restore', file, 'data', '--id', id, '--to', to, '--yes']);
          expect(restored.exitCode, `${name}: ${restored.said}`).toBeGreaterThan(0);
          expect(restored.said, name).not.toMatch(/^\s+at |undefined|\[object/m);
          expect(existsSync(to), name).toBe(false);
        }
        const pruned = await world.run(['prune', file, '--yes']);
        expect(pruned.exitCode, pruned.said).toBe(0);
        const outside = proxy.seen.filter(({ path }) => /staging|theirs/.test(decodeURIComponent(path)));
        expect(outside).toEqual([]);
        for (const key of theirs) expect(await text(key)).toBe('not yours');
        expect(await text(own)).toBe(canonicalText(manifest));
        const verified = await world.run(['verify', file]);
        expect(verified.exitCode, verified.said).toBe(0);
      } finally {
        await proxy.end();
        client.destroy();
      }
    });
  });

  describe.skipIf(!hasEngine(engine) || !canMount())('is full', () => {
    it('the backup fails, the old one stays, and with room it goes on', slow, async () => {
      const server = await startS3(engine, { room: '24m' });
      const world = new World(server, await server.bucket());
      try {
        const file = world.plan('full.yaml', { spec: { 'part-size': '5MiB' }, retention: { last: 1 } });
        const first = await world.run(['apply', file]);
        expect(first.exitCode, first.said).toBe(0);
        writeFileSync(join(world.home.path, 'data'), randomBytes(40_000_000));
        const full = await world.run(['apply', file]);
        expect(full.exitCode, full.said).toBe(2);
        // MinIO tells it of most requests, and of the others only that it has a fault.
        const fault = engine === 'minio' ? '|the server reports a fault of its own' : '';
        expect(full.said).toMatch(new RegExp(`no room is left there: free some, or have the quota raised${fault}`));
        const listed = JSON.parse((await world.run(['list', file, '--json'])).stdout);
        expect(listed.backups.map(({ state }: { state: string }) => state)).toEqual(['good']);
        writeFileSync(join(world.home.path, 'data'), 'small again');
        const next = await world.run(['apply', file]);
        expect(next.exitCode, next.said).toBe(0);
      } finally {
        await world.end();
      }
    });
  });
});

const theirs = ['staging/shop/secret.bin', 'prod/theirs/secret.bin'];
type Artifact = Manifest['artifacts'][number];
const hostile: Record<string, (artifact: Artifact) => Artifact> = {
  'a key that climbs out of the prefix': (one) => ({ ...one, key: '../staging/shop/secret.bin' }),
  'a key that climbs back': (one) => ({ ...one, key: 'shop/../../staging/shop/secret.bin' }),
  'a key of another plan': (one) => ({ ...one, key: 'theirs/secret.bin' }),
  'an absolute key': (one) => ({ ...one, key: '/staging/shop/secret.bin' }),
  'an absurd size': (one) => ({ ...one, size: Number.MAX_SAFE_INTEGER }),
};

/** A backup of a month ago, good by its records, that was never made. */
async function lay(
  put: (key: string, text: string) => Promise<unknown>,
  manifest: Manifest,
  change: (artifact: Artifact) => Artifact,
  index: number,
): Promise<string> {
  const time = new Date(Date.now() - (30 + index) * 86_400_000);
  const id = idAt('data', time, index + 1);
  const moment = time.toISOString();
  const own = manifestKey('shop', id).replace('.manifest.json', '.bin');
  await put(`prod/${own}`, 'what is kept\n'.repeat(1000));
  const artifacts = manifest.artifacts.map((one) => change({ ...one, key: own }));
  const { mac: _, ...bare } = manifest;
  const text = canonicalText({ ...bare, id, created: moment, moment: { from: moment, to: moment }, artifacts });
  await put(`prod/${manifestKey('shop', id)}`, text);
  const stamp = moment.replace(/[-:]|\.\d+/g, '');
  const sha256 = sha256Of(Buffer.from(text));
  for (const finding of ['checksum', 'content'] as const) {
    const about = {
      id,
      finding,
      result: 'pass',
      time: moment,
      run: manifest.run,
      manifest: sha256,
      destination: 'cloud',
    };
    const key = recordKey('shop', id, finding, 'pass', stamp, 'laid00');
    await put(`prod/${key}`, canonicalText({ format: Format.record, ...about }));
  }
  return id;
}

/** What each verb is for, and what becomes of a run whose credentials lack it. */
const denials: Record<string, { exit: number; says: RegExp; verb?: string }> = {
  's3:PutObject': {
    exit: 2,
    says: /access is denied \(it takes s3:PutObject\): allow it to these credentials, or use others/,
  },
  's3:GetObject': { exit: 2, says: /access is denied \(it takes s3:GetObject\)/ },
  's3:ListBucket': { exit: 2, says: /access is denied \(it takes s3:ListBucket\)/ },
  's3:DeleteObject': { exit: 2, says: /access is denied \(it takes s3:DeleteObject\)/ },
  's3:ListMultipartUploadParts': { exit: 2, says: /access is denied \(it takes s3:ListMultipartUploadParts\)/ },
};

describe.skipIf(!hasEngine('minio'))('who may not', () => {
  let world: World;
  beforeAll(async () => {
    const server = await startS3('minio');
    world = new World(server, await server.bucket());
    for (let time = 0; time < 2; time += 1)
      expect((await world.run(['apply', world.plan('plan.yaml')])).exitCode).toBe(0);
  });
  afterAll(async () => await world?.end());

  it.each(Object.entries(denials))('%s is told it, and nothing is lost', slow, async (action, { exit, says }) => {
    const Resource = ['arn:aws:s3:::*'];
    const keys = await world.server.limited([
      { Effect: 'Allow', Action: ['s3:*'], Resource },
      { Effect: 'Deny', Action: [action], Resource },
    ]);
    const denied = await world.run(['apply', 'plan.yaml'], keys);
    expect(denied.exitCode, denied.said).toBe(exit);
    expect(denied.said).toMatch(says);
    const allowed = await world.run(['apply', 'plan.yaml']);
    expect(allowed.exitCode, allowed.said).toBe(0);
    const left = (await world.keys('shop/data/')).filter((key) => key.endsWith('.bin'));
    expect(left.length).toBeGreaterThanOrEqual(2);
  });
});
