import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Format, type Manifest } from '../../src/catalog/format.ts';
import { stampOf } from '../../src/catalog/identity.ts';
import { manifestKey, recordKey } from '../../src/catalog/keys.ts';
import { sealManifest, sha256Of } from '../../src/catalog/manifest.ts';
import type { Graph, Task } from '../../src/graph.ts';
import type { RetentionPolicy } from '../../src/retention/policy.ts';
import { hookedAll } from './faults.ts';
import { applyGraph, captureAction, graphOf, leases, makeWorld, ok, task, type World } from './world.ts';

let world: World;
let ids: string[];
const keepTwo: RetentionPolicy = { last: 2, tiers: {}, tags: [], floor: 1, weekStarts: 'monday' };

/** Six backups of the last six days at `main`, all good. */
beforeEach(async () => {
  world = await makeWorld(['main']);
  ids = [];
  for (let day = 6; day >= 1; day -= 1) ids.push(await place(new Date(Date.now() - day * 86_400_000)));
});
afterEach(() => world.remove());

async function place(time: Date, text = `data of ${time.toISOString()}`): Promise<string> {
  const id = `orders-${stampOf(time)}-aaaaaa`;
  const key = `${dirname(manifestKey('shop', id))}/${id}.bin`;
  const bytes = Buffer.from(text);
  const { createHash } = await import('node:crypto');
  const manifest: Manifest = {
    format: Format.manifest,
    id,
    plan: { name: 'shop', digest: '0' },
    backup: 'orders',
    purpose: 'backup',
    run: 'r',
    created: time.toISOString(),
    host: 'h',
    source: { type: 'command', name: null, argv: [] },
    tools: {},
    runner: 'r',
    moment: { from: time.toISOString(), to: time.toISOString() },
    tiers: [],
    tags: [],
    required: ['checksum'],
    plainSize: null,
    seconds: 1,
    warnings: [],
    artifacts: [
      {
        purpose: 'data',
        variant: 'main',
        key,
        size: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        stages: [],
      },
    ],
    keys: [],
    sequence: 1,
    previous: null,
    recovery: [],
  };
  const sealed = await sealManifest(manifest);
  await put(key, bytes);
  await put(manifestKey('shop', id), sealed.bytes);
  await mark(id, 'checksum', 'pass', sealed.sha256);
  return id;
}

async function mark(id: string, finding: 'checksum' | 'pin', result: 'pass' | 'fail' | 'set', manifest: string) {
  const record = {
    format: Format.record,
    id,
    finding,
    result,
    time: new Date().toISOString(),
    run: 'r',
    manifest,
    destination: 'main',
  };
  await put(recordKey('shop', id, finding, result, stampOf(new Date()), 'bbbbbb'), Buffer.from(JSON.stringify(record)));
}

async function put(key: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(world.at('main', key)), { recursive: true });
  await writeFile(world.at('main', key), bytes);
}

/** A graph that prunes what its preview listed; `previewed` are the ids that it showed. */
function pruneGraph(previewed: string[], blocked?: string): Graph {
  const action = { do: 'prune' as const, backup: 'orders', destination: 'main', policy: keepTwo, timezone: 'UTC' };
  const shelf: Graph['shelf'] = [
    {
      backup: 'orders',
      destination: 'main',
      digest: null,
      keep: [],
      delete: previewed.map((id) => ({ id, reasons: ['old'] })),
      ...(blocked === undefined ? {} : { blocked }),
    },
  ];
  return graphOf('prune', [task('prune', action, [], { within: ['lease:main'] })], leases(world), shelf);
}

async function standing(): Promise<string[]> {
  const manifests = (await world.files('main')).filter((file) => file.endsWith('.manifest.json'));
  return manifests.map((file) => file.split('/').at(-1)!.replace('.manifest.json', '')).toSorted();
}

/** What was recorded of checks that failed. */
async function failures(): Promise<unknown[]> {
  const files = (await world.files('main')).filter((file) => file.includes('.checksum-fail-'));
  return Promise.all(files.map(async (file) => JSON.parse(await readFile(world.at('main', file), 'utf8'))));
}

describe('prune', () => {
  it('deletes what is derived now and was shown before, tombstone first, and tells each', async () => {
    const outcome = await world.run(pruneGraph(ids.slice(0, 4)));
    expect(outcome.exitCode).toBe(0);
    expect(await standing()).toEqual(ids.slice(4));
    const told = world.events.flatMap((event) => (event.event === 'deleted' ? [event.id] : []));
    expect(told).toEqual(ids.slice(0, 4));
    const left = (await world.files('main')).filter((file) => ids.slice(0, 4).some((id) => file.includes(id)));
    expect(left).toEqual([]);
    expect((await world.files('main')).some((file) => file.includes('.runner/pruned/'))).toBe(true);
  });

  it('deletes nothing that was not shown', async () => {
    await world.run(pruneGraph(ids.slice(0, 1)));
    expect(await standing()).toEqual(ids.slice(1));
  });

  it('deletes nothing that is not derived any more', async () => {
    await world.run(pruneGraph(ids));
    expect(await standing()).toEqual(ids.slice(4));
  });

  it('keeps what was pinned since the preview', async () => {
    await mark(ids[0]!, 'pin', 'set', '0'.repeat(64));
    await world.run(pruneGraph(ids.slice(0, 4)));
    expect(await standing()).toEqual([ids[0], ...ids.slice(4)]);
  });

  it.each([
    [
      'the manifest of a keeper is damaged',
      /is damaged: it is cut short or not JSON \(1 bytes\)\)/,
      async () => writeFile(world.at('main', manifestKey('shop', ids[5]!)), '{'),
    ],
    [
      'the manifest of a keeper was changed',
      /was changed after it was committed\)/,
      async () => {
        const path = world.at('main', manifestKey('shop', ids[5]!));
        await writeFile(path, (await readFile(path, 'utf8')).replace('"host": "h"', '"host": "i"'));
      },
    ],
    ['the artifact of a keeper is cut', /has 5 bytes of 32\)/, async () => writeFile(artifact(ids[5]!), 'short')],
  ])('%s: it does not count, another one stays, and that is told and kept', async (_name, reason, damage) => {
    await damage();
    const outcome = await world.run(pruneGraph(ids.slice(0, 4)));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    const told = outcome.backups[0]?.message;
    expect(told).toMatch(reason);
    expect(told).toContain(`deleted 3; 1 that were to go are kept; ${ids[5]}: cannot be opened at "main" (`);
    expect(told).toContain(`run \`runner verify PLAN --id ${ids[5]} --level checksum\` and then \`runner sync PLAN\``);
    expect(await standing()).toEqual(ids.slice(3));
    const sha256 = sha256Of(await readFile(world.at('main', manifestKey('shop', ids[5]!))));
    expect(await failures()).toEqual([expect.objectContaining({ id: ids[5], destination: 'main', manifest: sha256 })]);
  });

  it('a keeper whose artifact is gone is listed as incomplete before: it does not count, and another one stays', async () => {
    await rm(artifact(ids[5]!));
    expect((await world.run(pruneGraph(ids.slice(0, 4)))).exitCode).toBe(0);
    expect(await standing()).toEqual(ids.slice(3));
  });

  it('a keeper made by a newer runner does not count either, and is not called damaged', async () => {
    const path = world.at('main', manifestKey('shop', ids[5]!));
    await writeFile(path, (await readFile(path, 'utf8')).replace('"runner/manifest@1"', '"runner/manifest@2"'));
    const outcome = await world.run(pruneGraph(ids.slice(0, 4)));
    expect(outcome.exitCode).toBe(1);
    expect(outcome.backups[0]?.message).toMatch(/was made by a newer runner .*, so nothing is deleted for its sake$/);
    expect(await standing()).toEqual(ids.slice(3));
    expect(await failures()).toEqual([]);
  });
});

describe('a prune that must not happen', () => {
  const refused = async (graph: Graph, reason: RegExp, destinations?: Awaited<ReturnType<typeof hookedAll>>) => {
    const outcome = await world.run(graph, destinations ? { destinations } : {});
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toMatch(reason);
    expect(world.events.filter(({ event }) => event === 'deleted')).toEqual([]);
  };

  it('the listing failed', async () => {
    const destinations = await hookedAll(world, (moment, key) => {
      if (moment === 'list' && key === 'shop/orders/') throw new Error('listing cut short');
    });
    await refused(pruneGraph(ids.slice(0, 4)), /listing cut short/, destinations);
    expect(await standing()).toEqual(ids);
  });

  it('the listing failed at its end', async () => {
    const destinations = await hookedAll(world, (moment, key, done) => {
      if (done && moment === 'list' && key === 'shop/orders/') throw new Error('last page lost');
    });
    await refused(pruneGraph(ids.slice(0, 4)), /last page lost/, destinations);
    expect(await standing()).toEqual(ids);
  });

  it('the newest backup lies in the future', async () => {
    ids.push(await place(new Date(Date.now() + 86_400_000)));
    await refused(pruneGraph(ids.slice(0, 4)), /in the future/);
    expect(await standing()).toEqual(ids);
  });

  it('the preview said why not', async () => {
    await refused(pruneGraph(ids.slice(0, 4), 'the clock went back'), /the clock went back/);
    expect(await standing()).toEqual(ids);
  });

  it('a keeper cannot be read for a fault of the store', async () => {
    const destinations = await hookedAll(world, (moment, key) => {
      if (moment === 'read' && key === manifestKey('shop', ids[5]!)) throw new Error('input/output error');
    });
    await refused(pruneGraph(ids.slice(0, 4)), /input\/output error/, destinations);
    expect(await standing()).toEqual(ids);
    expect(await failures()).toEqual([]);
  });

  it('another run has taken the lease', async () => {
    const destinations = await hookedAll(world, async (moment, key) => {
      if (moment !== 'list' || key !== 'shop/orders/') return;
      await copyFile(
        world.at('main', 'shop/.runner/lease/00000001.json'),
        world.at('main', 'shop/.runner/lease/00000002.json'),
      );
    });
    const outcome = await world.run(pruneGraph(ids.slice(0, 4)), { destinations });
    expect(outcome.exitCode).toBe(5);
    expect(outcome.backups[0]?.message).toMatch(/taken over/);
    expect(await standing()).toEqual(ids);
  });
});

describe('in a run that also backs up', () => {
  const applied = (script: string, change: Parameters<typeof captureAction>[2] = {}) => {
    const action = captureAction(world, script, {
      branches: [{ variant: 'main', stages: [], sinks: [{ destination: 'main', retention: keepTwo }] }],
      ...change,
    });
    const { tasks, shelf } = pruneGraph(ids);
    const prune: Task = { ...tasks[0]!, needs: ok('capture') };
    return applyGraph(world, action, [prune], shelf);
  };

  it('the new one counts', async () => {
    const outcome = await world.run(applied('echo data'));
    expect(outcome.exitCode).toBe(0);
    expect(await standing()).toEqual([ids[5], outcome.bindings['capture.id']]);
  });

  it('a failed one prunes nothing', async () => {
    expect((await world.run(applied('exit 3'))).exitCode).toBe(2);
    expect(await standing()).toEqual(ids);
  });

  it('one that looks wrong prunes nothing', async () => {
    const outcome = await world.run(applied('echo data', { expect: { minSize: 1000 } }));
    expect(outcome.exitCode).toBe(1);
    expect(outcome.results.get('prune')?.message).toMatch(/looks wrong/);
    expect(await standing()).toEqual([...ids, outcome.bindings['capture.id']]);
  });
});

const artifact = (id: string) => world.at('main', `${dirname(manifestKey('shop', id))}/${id}.bin`);
