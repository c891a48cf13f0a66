import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Task } from '../../src/graph.ts';
import { hookedAll } from './faults.ts';
import {
  applyGraph,
  captureAction,
  graphOf,
  makeWorld,
  ok,
  readJson,
  shell,
  through,
  verifyTask,
  type World,
  workScope,
} from './world.ts';

let world: World;
let id: string;
beforeEach(async () => {
  world = await makeWorld();
  const outcome = await world.run(applyGraph(world, through(captureAction(world, 'seq 1 20000'), [gzip])));
  id = outcome.bindings['capture.id']!;
});
afterEach(() => world.remove());

const gzip = { command: { argv: ['gzip', '-c'] } };
const gunzip = { command: { argv: ['gzip', '-dc'] } };
const verifyGraph = (...tasks: Task[]) => graphOf('verify', tasks, [workScope()]);
const content = (change: Parameters<typeof verifyTask>[3] = {}) =>
  verifyTask(world, 'content', id, { decode: [gunzip], ...change });
const checksum = () => verifyTask(world, 'checksum', id);

/** Findings that lie at a destination: `content-pass` and the like. */
async function findings(name: string): Promise<string[]> {
  const files = await world.files(name);
  return files.flatMap((file) => /\.(\w+-(?:pass|fail))-/.exec(file)?.slice(1) ?? []).toSorted();
}

async function fileOf(name: string, suffix: string): Promise<string> {
  const found = (await world.files(name)).find((file) => file.endsWith(suffix));
  if (!found) throw new Error(`no ${suffix} at ${name}`);
  return world.at(name, found);
}

async function flip(path: string, share: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * share));
  bytes[at] = bytes[at]! ^ 0x10;
  await writeFile(path, bytes);
}

describe('a whole backup', () => {
  it('passes at every destination, each level where it belongs', async () => {
    const outcome = await world.run(verifyGraph(checksum(), content()));
    expect(outcome.exitCode).toBe(0);
    for (const name of world.names)
      expect(await findings(name)).toEqual(['checksum-pass', 'checksum-pass', 'content-pass']);
    const pass = await readJson(
      await fileOf('nas', (await world.files('nas')).find((file) => file.includes('.content-pass-'))!),
    );
    expect(pass.details).toMatchObject({ plainSize: 108_894 });
  });

  it('is restored and questioned, and its scratch is gone afterwards', async () => {
    const restore = verifyTask(world, 'restore', id, {
      decode: [gunzip],
      recipe: { intake: { file: { work: 'restored' } } },
      assert: [
        {
          title: 'last line',
          check: 'output',
          command: { argv: ['tail', '-n1', { work: 'restored' }] },
          expect: { equals: 20_000 },
        },
        {
          title: 'lines as live',
          check: 'output',
          command: { argv: ['sh', '-c', 'wc -l < "$1"', 'sh', { work: 'restored' }] },
          reference: shell('echo 20100'),
          expect: { compare: 'source' },
          tolerance: 0.01,
        },
        { title: 'file', check: 'file', path: { work: 'restored' }, exists: true, size: { atLeast: 108_894 } },
      ],
    });
    const outcome = await world.run(verifyGraph(restore));
    expect(outcome.results.get('verify:restore')?.message).toBeUndefined();
    expect(outcome.exitCode).toBe(0);
    expect(await findings('main')).toContain('restore-pass');
    expect(await world.files('tmp')).toEqual([]);
  });

  it('is not asked again before it is due', async () => {
    await world.run(verifyGraph(content({ every: 3600 })));
    const again = await world.run(verifyGraph(content({ every: 3600 })));
    expect(again.results.get('verify:content')?.message).toMatch(/not due/);
    expect((await findings('main')).filter((finding) => finding === 'content-pass')).toHaveLength(1);
  });
});

describe('corruption', () => {
  const cuts = [0.01, 0.1, 0.6, 0.99];
  const damages: [string, (path: string) => Promise<void>][] = [
    ...cuts.map((share): [string, (path: string) => Promise<void>] => [
      `cut at ${share * 100} %`,
      async (path) => truncate(path, Math.floor((await readFile(path)).length * share)),
    ]),
    ['cut by one byte', async (path) => truncate(path, (await readFile(path)).length - 1)],
    ['one byte longer', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.from('x')]))],
    ...[0, 0.3, 0.5, 0.9, 1].map((share): [string, (path: string) => Promise<void>] => [
      `a bit flipped at ${share * 100} %`,
      (path) => flip(path, share),
    ]),
    ['gone', (path) => rm(path)],
  ];

  it.each(damages)(
    'of the artifact (%s) is found by both levels, and written down at that copy alone',
    async (_name, damage) => {
      await damage(await fileOf('main', '.bin.gz'));
      for (const check of [checksum(), content()]) {
        const outcome = await world.run(verifyGraph(check));
        expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
      }
      expect(await findings('main')).toEqual(['checksum-fail', 'checksum-pass', 'content-fail']);
      expect(await findings('nas')).toEqual(['checksum-pass', 'checksum-pass']);
    },
  );

  it.each(damages.filter(([name]) => name !== 'gone'))('of the manifest (%s) is found', async (_name, damage) => {
    await damage(await fileOf('main', '.manifest.json'));
    for (const check of [checksum(), content()]) expect((await world.run(verifyGraph(check))).exitCode).toBe(2);
    expect(await findings('main')).toEqual(['checksum-fail', 'checksum-pass', 'content-fail']);
    expect(await findings('nas')).not.toContain('checksum-fail');
  });

  it('of the artifact is found before a restore feeds any of it to a program', async () => {
    await flip(await fileOf('main', '.bin.gz'), 0.9);
    const marker = world.at('tmp', 'fed');
    const recipe = { intake: { consume: shell(`touch ${marker}; cat > /dev/null`) } };
    const outcome = await world.run(verifyGraph(verifyTask(world, 'restore', id, { decode: [gunzip], recipe })));
    expect(outcome.exitCode).toBe(2);
    expect(await findings('main')).toContain('restore-fail');
    expect(await world.files('tmp')).toEqual([]);
  });
});

describe('what is inside', () => {
  it('that a check refuses is a failure of every copy', async () => {
    const recipe = { intake: { consume: shell('cat > /dev/null; echo "not a database" >&2; exit 1') } };
    const outcome = await world.run(verifyGraph(content({ recipe })));
    expect(outcome.exitCode).toBe(2);
    for (const name of world.names) expect(await findings(name)).toEqual(['checksum-pass', 'content-fail']);
  });

  it('that an assertion refuses is told with what was found', async () => {
    const restore = verifyTask(world, 'restore', id, {
      decode: [gunzip],
      recipe: { intake: { file: { work: 'restored' } } },
      assert: [{ title: 'lines', check: 'output', command: shell('echo 3'), expect: { atLeast: 5 } }],
    });
    const outcome = await world.run(verifyGraph(restore));
    expect(outcome.results.get('verify:restore')?.message).toMatch(/lines: it is 3, expected at least 5/);
    expect(await findings('nas')).toContain('restore-fail');
  });

  it.each([
    ['a missing program', { decode: [{ command: { argv: ['no-such-program-here'] } }] }],
    ['a key that does not fit', { decode: [{ command: shell('cat > /dev/null; echo "no secret key" >&2; exit 2') }] }],
    [
      'a full scratch disk',
      { recipe: { intake: { consume: shell('cat > /dev/null; echo "write: No space left on device" >&2; exit 1') } } },
    ],
    [
      'a missing program of an assertion',
      { assert: [{ title: 'x', check: 'exit' as const, command: { argv: ['no-such-program-here'] } }] },
    ],
  ])('%s proves nothing either way', async (_name, change) => {
    const outcome = await world.run(verifyGraph(content(change)));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
    for (const name of world.names) expect(await findings(name)).toEqual(['checksum-pass']);
  });
});

describe('destinations', () => {
  it('that are down make a check partial, and prove nothing there', async () => {
    const destinations = await hookedAll(world, (moment) => {
      if (moment === 'get') throw new Error('connection reset');
    });
    const { main: _, ...only } = destinations;
    const outcome = await world.run(verifyGraph(checksum()), { destinations: only });
    expect(outcome.exitCode).toBe(1);
    expect(outcome.backups[0]?.message).toMatch(/"nas": connection reset/);
    expect(await findings('nas')).toEqual(['checksum-pass']);
    expect(await findings('main')).toEqual(['checksum-pass', 'checksum-pass']);
  });

  it('are asked in their order until one holds it', async () => {
    await rm(world.at('main', 'shop/orders'), { recursive: true });
    expect((await world.run(verifyGraph(content()))).exitCode).toBe(0);
    expect(await findings('nas')).toContain('content-pass');
  });

  it('none of which holds it are named', async () => {
    const outcome = await world.run(verifyGraph(verifyTask(world, 'checksum', 'orders-20200101T000000Z-abcdef')));
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toMatch(/lies at none of main, nas/);
  });
});

it('a check right after the capture is part of its run', async () => {
  const check = verifyTask(world, 'checksum', { out: 'capture.id' }, {}, ok('capture'));
  const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data'), [check]));
  expect(outcome.exitCode).toBe(0);
  const own = (await world.files('main')).filter((file) => file.includes(outcome.bindings['capture.id']!));
  expect(own.filter((file) => file.includes('.checksum-pass-'))).toHaveLength(2);
});
