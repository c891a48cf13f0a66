import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { artifactOf } from '../../src/catalog/artifacts.ts';
import type { Manifest } from '../../src/catalog/format.ts';
import { partSuffix } from '../../src/catalog/part-name.ts';
import { readShelf } from '../../src/catalog/shelf.ts';
import { local } from '../../src/destinations/local/index.ts';
import { ExitCode, RunnerError } from '../../src/diagnostic.ts';
import type { CapturePart } from '../../src/graph.ts';
import { opening } from '../helpers/opening.ts';
import { hooked, hookedAll } from './faults.ts';
import {
  applyGraph,
  captureAction,
  capturePart,
  graphOf,
  leases,
  makeWorld,
  ok,
  readJson,
  shell,
  task,
  through,
  type World,
} from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.remove());

const gzip = { command: { argv: ['gzip', '-c'] } };
const oddName = `It's "a"\n$(shop);/../-x é数`;
const three = (): CapturePart[] => [
  { ...capturePart('orders', 'seq 1 20000'), learn: { position: shell('echo " 0/16B3748 "') } },
  capturePart(oddName, 'seq 1 300'),
  { ...capturePart('globals', 'echo "create role shop"', 'globals'), recovery: ['cat ARTIFACT | psql'] },
];
const several = (parts = three()) => captureAction(world, '', { parts });
const visible = async (name: string) => (await world.files(name)).filter((file) => !file.includes('/.runner/'));

async function manifestAt(name: string): Promise<Manifest> {
  const [file] = (await world.files(name)).filter((one) => one.endsWith('.manifest.json'));
  return (await readJson(world.at(name, file))) as unknown as Manifest;
}

describe('a backup of several parts', () => {
  it('is one id, one manifest and an artifact of each, the same everywhere', async () => {
    const outcome = await world.run(applyGraph(world, through(several(), [gzip])));
    expect(outcome.backups).toEqual([{ name: 'orders', outcome: 'ok', id: outcome.bindings['capture.id'] }]);
    expect(await world.files('main')).toHaveLength(5);
    const manifest = await manifestAt('nas');
    expect(await manifestAt('main')).toEqual(manifest);
    const { id, artifacts, source, recovery } = manifest;
    expect(artifacts.map(({ key }) => key.split('/').at(-1))).toEqual([
      `${id}.orders.bin.gz`,
      `${id}${partSuffix({ name: oddName, purpose: 'data' })}.bin.gz`,
      `${id}.=globals.bin.gz`,
    ]);
    expect(artifacts.map(({ name, purpose }) => [name, purpose])).toEqual([
      ['orders', 'data'],
      [oddName, 'data'],
      ['globals', 'globals'],
    ]);
    for (const { key, size, sha256 } of artifacts) {
      const bytes = await readFile(world.at('main', key));
      expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([size, sha256]);
    }
    expect(artifactOf(manifest, { name: 'orders', purpose: 'data' })?.facts).toEqual({ position: '0/16B3748' });
    expect(artifacts.map((artifact) => artifact.argv)).toEqual(three().map(({ produce }) => produce.argv));
    expect([source.argv, recovery, artifacts[2]!.recovery]).toEqual([[], [], ['cat ARTIFACT | psql']]);
    const total = artifacts.reduce((sum, { size }) => sum + size, 0);
    expect(outcome.bindings['capture.size']).toBe(String(total));
    expect(outcome.bindings['capture.key']!.split('\n')).toEqual(artifacts.map(({ key }) => key));
    const destination = await local.open('main', { path: world.at('main') }, opening());
    const shelf = await readShelf(destination, 'shop', 'orders');
    expect(shelf.entries.map((entry) => entry.artifacts.length)).toEqual([3]);
    expect([shelf.orphans, shelf.pending]).toEqual([[], []]);
  });

  it('with a layout lies where that puts each part', async () => {
    await world.run(applyGraph(world, { ...several(), layout: 'dumps/{backup}-{timestamp}{ext}' }));
    const files = (await visible('main')).filter((file) => file.startsWith('dumps/'));
    expect(files).toHaveLength(3);
    expect(files.some((file) => file.endsWith('.=globals.bin'))).toBe(true);
    const manifest = await manifestAt('main');
    expect(manifest.artifacts.map(({ key }) => key).sort()).toEqual(files);
  });

  it('adds up what each plain stream held, and knows nothing where one is not known', async () => {
    await world.run(applyGraph(world, several()));
    expect((await manifestAt('main')).plainSize).toBeGreaterThan(100_000);
    await rm(world.at('main', 'shop'), { recursive: true });
    await world.run(applyGraph(world, through(several(), [gzip])));
    const { plainSize, artifacts } = await manifestAt('main');
    expect([plainSize, artifacts.map((artifact) => artifact.plainSize)]).toEqual([null, [null, null, null]]);
  });

  it('is expected as a whole: the sizes of all parts together', async () => {
    const outcome = await world.run(applyGraph(world, { ...several(), expect: { minSize: 109_000 } }));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([0, 'ok']);
    const small = await world.run(applyGraph(world, { ...several(), expect: { minSize: 1_000_000 } }));
    expect(small.backups[0]?.outcome).toBe('partial');
  });

  it('what cannot be learnt is a warning, and the rest is backed up', async () => {
    const parts = three();
    parts[1] = { ...parts[1]!, learn: { gtid: shell('echo no privilege >&2; exit 1') } };
    const outcome = await world.run(applyGraph(world, several(parts)));
    expect(outcome.results.get('capture')?.outcome).toBe('warned');
    expect((await manifestAt('main')).warnings.join()).toMatch(/gtid of the source could not be learnt.*no privilege/);
  });
});

describe('a part that fails', () => {
  it.each([0, 1, 2])('number %i: nothing of the backup stays, and what was there does', async (which) => {
    await world.run(applyGraph(world, several()));
    const before = await Promise.all(world.names.map(visible));
    const parts = three();
    parts[which] = {
      ...parts[which]!,
      produce: shell('echo half; exit 3'),
      cleanup: [shell(`touch ${world.root}/clean`)],
    };
    const outcome = await world.run(applyGraph(world, several(parts)));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
    expect(await Promise.all(world.names.map(visible))).toEqual(before);
    expect((await readdir(world.at('main', 'shop/.runner/journal')).catch(() => [])).length).toBe(0);
    expect(await readdir(world.root)).toContain('clean');
    expect((await world.run(applyGraph(world, several()))).exitCode).toBe(0);
  });

  it('because it gave nothing is named', async () => {
    const parts = [...three().slice(0, 1), capturePart('empty', 'true')];
    const outcome = await world.run(applyGraph(world, several(parts)));
    expect(outcome.backups[0]?.message).toMatch(/the source of "empty" of "orders" gave no data at all/);
  });

  it('at one destination takes that one out; the other has all', async () => {
    const destinations = {
      nas: await hooked(world, 'nas', (moment, key) => {
        if (moment === 'sink.prepare' && key.includes('.=globals')) throw new Error('disk full');
      }),
    };
    const outcome = await world.run(applyGraph(world, { ...several(), require: 1 }), { destinations });
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect([(await visible('main')).length, (await visible('nas')).length]).toEqual([5, 0]);
  });
});

describe('nothing of it is seen before all parts are durable', () => {
  it('no key is claimed while a part is still read', async () => {
    const claimed: string[][] = [];
    const destinations = await hookedAll(world, async (moment) => {
      if (moment === 'put' || moment === 'sink.prepare') claimed.push(await visible('main'));
    });
    await world.run(applyGraph(world, several()), { destinations });
    expect(claimed.length).toBeGreaterThanOrEqual(12);
    expect(claimed.flat().filter((file) => !file.split('/').at(-1)!.startsWith('.'))).toEqual([]);
  });

  const terminated = new RunnerError('the run was interrupted', { exitCode: ExitCode.terminated });
  const moments = ['put', 'sink.write', 'sink.prepare', 'sink.publish'] as const;
  it.each(moments.flatMap((moment) => [1, 2, 3].map((turn) => [moment, turn] as const)))(
    'told to end at %s number %i: all of it or nothing',
    async (wanted, turn) => {
      const controller = new AbortController();
      let turns = 0;
      const destinations = await hookedAll(world, (moment, key) => {
        if (moment !== wanted || key.includes('/.runner/') || key.endsWith('.json')) return;
        turns += 1;
        if (turns === turn) controller.abort(terminated);
      });
      await world.run(applyGraph(world, several()), { destinations, signal: controller.signal });
      expect(controller.signal.aborted).toBe(true);
      for (const name of world.names) expect([0, 5]).toContain((await visible(name)).length);
    },
  );
});

describe('what an interrupted run left', () => {
  it.each([1, 2, 3])('after %i published parts is settled by the next run: all or nothing', async (published) => {
    let count = 0;
    const destinations = {
      nas: await hooked(world, 'nas', (moment, key) => {
        // What follows never reaches this store, not even the removal of what was begun.
        if (count >= published && !/\/(runs|lease)\//.test(key) && moment !== 'list' && moment !== 'clock')
          throw new Error('the line is dead');
        if (moment === 'sink.publish') count += 1;
      }),
    };
    const cut = await world.run(applyGraph(world, { ...several(), require: 1 }), { destinations });
    expect(cut.backups[0]?.outcome).toBe('partial');
    const next = await world.run(applyGraph(world, several()));
    expect(next.exitCode).toBe(0);
    const manifests = (await visible('nas')).filter((file) => file.endsWith('.manifest.json'));
    const artifacts = (await visible('nas')).filter((file) => file.endsWith('.bin'));
    expect(artifacts).toHaveLength(manifests.length * 3);
  });
});

it('is read again, and deleted, as a whole', async () => {
  const made = await world.run(applyGraph(world, several()));
  const id = made.bindings['capture.id']!;
  const check = task('verify', {
    do: 'verify',
    level: 'checksum',
    backup: 'orders',
    id,
    destinations: ['main'],
    parts: [],
  });
  expect((await world.run(graphOf('verify', [check]))).exitCode).toBe(0);
  const manifest = await manifestAt('main');
  await rm(world.at('main', manifest.artifacts[1]!.key));
  const found = await world.run(graphOf('verify', [check]));
  expect(found.backups[0]?.message).toContain('is missing');
  await world.run(applyGraph(world, several()));
  const policy = { tiers: {}, last: 1, tags: [], floor: 1, weekStarts: 'monday' as const };
  const shelf = [{ backup: 'orders', destination: 'nas', digest: null, keep: [], delete: [{ id, reasons: ['test'] }] }];
  const prune = task(
    'prune',
    { do: 'prune', backup: 'orders', destination: 'nas', policy, timezone: 'UTC' },
    ok('settle'),
  );
  const settle = task('settle', { do: 'settle', destination: 'nas', backups: ['orders'] });
  const within = { within: ['lease:nas'] };
  await world.run(
    graphOf(
      'prune',
      [
        { ...settle, ...within },
        { ...prune, ...within },
      ],
      leases(world),
      shelf,
    ),
  );
  expect((await visible('nas')).filter((file) => file.includes(id))).toEqual([]);
  expect((await visible('nas')).length).toBe(5);
});
