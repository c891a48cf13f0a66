import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyGraph, captureAction, makeWorld, readJson, shell, through, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.remove());

const gzip = { command: { argv: ['gzip', '-c'] } };
const manifestOf = (files: string[]) => files.filter((file) => file.endsWith('.manifest.json'));

describe('a capture that succeeds', () => {
  it('leaves artifact, manifest and positive mark at every destination, byte for byte the same', async () => {
    const outcome = await world.run(applyGraph(world, through(captureAction(world, 'seq 1 50000'), [gzip])));
    expect(outcome.exitCode).toBe(0);
    expect(outcome.backups).toEqual([{ name: 'orders', outcome: 'ok', id: outcome.bindings['capture.id'] }]);
    const [main, nas] = [await world.files('main'), await world.files('nas')];
    expect(main).toHaveLength(3);
    const [manifest] = manifestOf(main);
    const bytes = await readFile(world.at('main', manifest));
    expect(await readFile(world.at('nas', manifestOf(nas)[0]!))).toEqual(bytes);
    const { artifacts, id, moment, plainSize, sequence, previous } = JSON.parse(bytes.toString());
    expect(id).toBe(outcome.bindings['capture.id']);
    const artifact = await readFile(world.at('nas', artifacts[0].key));
    expect(artifacts[0].size).toBe(artifact.length);
    expect(artifacts[0].sha256).toBe(createHash('sha256').update(artifact).digest('hex'));
    expect(artifacts[0].stages[0].argv).toEqual(['gzip', '-c']);
    expect(gunzipSync(artifact).toString().split('\n')).toHaveLength(50_001);
    expect(Date.parse(moment.from)).toBeLessThanOrEqual(Date.parse(moment.to));
    expect([plainSize, sequence, previous]).toEqual([null, 1, null]);
    expect(main.filter((file) => file.includes('.checksum-pass-'))).toHaveLength(1);
    expect(await readdir(join(world.root, 'tmp'))).toEqual([]);
  });

  it('counts on: sequence, previous and tiers follow from what lies there', async () => {
    const policy = {
      tiers: { daily: { count: 7 }, yearly: { count: 2 } },
      tags: [],
      floor: 1,
      weekStarts: 'monday' as const,
    };
    const action = captureAction(world, 'echo data', {
      branches: [
        { variant: 'main', stages: [], sinks: world.names.map((destination) => ({ destination, retention: policy })) },
      ],
    });
    const first = await world.run(applyGraph(world, action));
    const second = await world.run(applyGraph(world, action));
    expect([first.bindings['capture.tier'], second.bindings['capture.tier']]).toEqual(['yearly', 'recent']);
    const manifests = manifestOf(await world.files('main'));
    const [older, newer] = [
      await readJson(world.at('main', manifests[0])),
      await readJson(world.at('main', manifests[1])),
    ];
    expect([older.tiers, newer.tiers]).toEqual([['yearly', 'daily'], []]);
    const sha256 = createHash('sha256')
      .update(await readFile(world.at('main', manifests[0])))
      .digest('hex');
    expect(newer.previous).toEqual({ id: older.id, sha256 });
    expect(newer.sequence).toBe(2);
  });

  it('records every argument vector as the graph renders it', async () => {
    const action = through(captureAction(world, 'cat "$0"'), [gzip]);
    action.parts[0]!.prepare = [{ argv: ['sh', '-c', 'seq 1 100 > "$1"', 'sh', { work: 'copy' }] }];
    action.parts[0]!.produce = { argv: ['cat', { work: 'copy' }] };
    action.parts[0]!.plain = { file: { work: 'copy' } };
    const outcome = await world.run(applyGraph(world, action));
    const work = outcome.bindings['work.path'];
    expect(outcome.record.commands.map(({ argv }) => argv)).toEqual([
      ['sh', '-c', 'seq 1 100 > "$1"', 'sh', `${work}/copy`],
      ['cat', `${work}/copy`],
      ['gzip', '-c'],
    ]);
    const kept = await readJson(world.at('nas', `shop/.runner/runs/${outcome.run}.json`));
    expect(kept).toEqual(JSON.parse(JSON.stringify(outcome.record)));
    const told = world.events.flatMap((event) => (event.event === 'command' ? [event.argv] : []));
    expect(told).toEqual(outcome.record.commands.map(({ argv }) => argv));
    const manifest = await readJson(world.at('main', manifestOf(await world.files('main'))[0]));
    expect(manifest.plainSize).toBe(292);
  });

  it('leaves out a destination whose tiers do not want it, and asks for no quorum of it', async () => {
    const policy = { tiers: { daily: { count: 7 } }, tags: [], floor: 1, weekStarts: 'monday' as const };
    const action = captureAction(world, 'echo data', {
      branches: [
        {
          variant: 'main',
          stages: [],
          sinks: [
            { destination: 'main', retention: policy },
            { destination: 'nas', retention: policy, tiers: ['monthly'] },
          ],
        },
      ],
    });
    const outcome = await world.run(applyGraph(world, action));
    expect(outcome.exitCode).toBe(0);
    expect([(await world.files('main')).length, (await world.files('nas')).length]).toEqual([3, 0]);
  });

  it('keeps a file that shrank as an anomaly: committed, marked before it could count as good', async () => {
    const action = captureAction(world, 'echo data; echo "tar: x: File shrank by 10 bytes" >&2; exit 1');
    action.parts[0]!.produce.exits = [{ code: 1, lines: [{ pattern: 'File shrank', means: 'partial' }] }];
    const outcome = await world.run(applyGraph(world, action));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect((await world.files('main')).some((file) => file.includes('.anomaly-set-'))).toBe(true);
  });

  it('hands warnings on', async () => {
    const action = captureAction(world, 'echo data; echo "file changed as we read it" >&2; exit 1');
    action.parts[0]!.produce.exits = [{ code: 1, lines: [{ pattern: 'changed as we read', means: 'warning' }] }];
    const outcome = await world.run(applyGraph(world, action));
    expect(outcome.exitCode).toBe(0);
    expect(outcome.results.get('capture')?.outcome).toBe('warned');
    const manifest = await readJson(world.at('main', manifestOf(await world.files('main'))[0]));
    expect(manifest.warnings).toEqual(['file changed as we read it']);
  });
});

describe('a capture that fails leaves nothing and spoils nothing', () => {
  const broken: [string, Parameters<typeof through>[1], string][] = [
    ['the source exits 3', [gzip], 'seq 1 1000; exit 3'],
    ['the source is killed', [gzip], 'seq 1 1000; kill -9 $$'],
    ['the source prints nothing', [], 'true'],
    ['the source prints half and dies', [gzip], 'head -c 3000000 /dev/zero; kill -TERM $$'],
    ['a transform exits 3', [{ command: shell('cat; exit 3') }, gzip], 'seq 1 1000'],
    ['a transform is killed', [gzip, { command: shell('head -c 100; kill -9 $$') }], 'seq 1 100000'],
    ['a transform prints nothing', [{ command: shell('cat > /dev/null') }], 'seq 1 1000'],
    ['a transform stops reading', [{ command: shell('head -c 10; exit 1') }], 'seq 1 1000000'],
    ['a program is missing', [{ command: { argv: ['no-such-program-here'] } }], 'seq 1 1000'],
  ];

  it.each(broken)('%s', async (_name, stages, script) => {
    const good = await world.run(applyGraph(world, captureAction(world, 'echo old')));
    expect(good.exitCode).toBe(0);
    const before = await snapshot(world);
    const outcome = await world.run(applyGraph(world, through(captureAction(world, script), stages)));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
    expect(outcome.bindings['capture.error']).toBeTruthy();
    expect(await snapshot(world)).toEqual(before);
    expect((await world.run(applyGraph(world, captureAction(world, 'echo new')))).exitCode).toBe(0);
  });

  it('a compressed nothing is refused by the plain size', async () => {
    const action = through(captureAction(world, 'true'), [gzip]);
    action.parts[0]!.counter = shell('tee /dev/null | { n=$(wc -c); echo "count: $n bytes" >&2; }');
    action.parts[0]!.plain = { stderr: String.raw`^count: (\d+) bytes$` };
    const outcome = await world.run(applyGraph(world, action));
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toMatch(/gave no data at all/);
    expect(await world.files('main')).toEqual([]);
  });

  it('cleans up whatever happened', async () => {
    const action = captureAction(world, 'exit 3');
    action.parts[0]!.prepare = [{ argv: ['touch', join(world.root, 'frozen')] }];
    action.parts[0]!.cleanup = [{ argv: ['rm', join(world.root, 'frozen')] }];
    const outcome = await world.run(applyGraph(world, action));
    expect(outcome.exitCode).toBe(2);
    expect(await readdir(world.root)).not.toContain('frozen');
  });
});

describe('a quorum', () => {
  const down = async (name: string) => {
    await rm(world.at(name), { recursive: true });
    await writeFile(world.at(name), 'in the way');
  };

  it('of one destination is partial when the other is down', async () => {
    await down('nas');
    const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data', { require: 1 })));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(outcome.backups[0]?.message).toMatch(/"nas"/);
    expect(await world.files('main')).toHaveLength(3);
  });

  it('that is missed is a failure, and what was committed stays', async () => {
    await down('nas');
    const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data')));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
    expect(outcome.backups[0]?.message).toMatch(/1 of 2 destinations hold/);
    expect(await world.files('main')).toHaveLength(3);
  });

  it('cannot be reached when all are down: nothing is started', async () => {
    await down('main');
    await down('nas');
    const marker = join(world.root, 'started');
    const outcome = await world.run(applyGraph(world, captureAction(world, `touch ${marker}; echo data`)));
    expect(outcome.exitCode).toBe(2);
    expect(await readdir(world.root)).not.toContain('started');
  });
});

describe('expectations', () => {
  it('an unusual size is committed, marked, told, and fills no slot', async () => {
    for (let round = 0; round < 3; round += 1)
      expect((await world.run(applyGraph(world, captureAction(world, 'seq 1 1000')))).exitCode).toBe(0);
    const expectation = { size: { atLeast: 0.5 }, minSize: 100 };
    const outcome = await world.run(applyGraph(world, captureAction(world, 'echo 1', { expect: expectation })));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(outcome.backups[0]?.message).toMatch(/at least 100 B were expected.*at least 50 % were expected/);
    const id = outcome.bindings['capture.id']!;
    const own = (await world.files('nas')).filter((file) => file.includes(id));
    expect(own.filter((file) => file.includes('.anomaly-set-'))).toHaveLength(1);
    expect(manifestOf(own)).toHaveLength(1);
  });
});

describe('preflight', () => {
  it('tells everything at once, starts nothing, and exits 4', async () => {
    world.plan.secrets.empty = { env: 'NOT_THERE', optional: true };
    const graph = applyGraph(world, captureAction(world, 'echo data'));
    const [preflight] = graph.tasks;
    if (preflight?.action.do !== 'preflight') throw new Error('no preflight');
    await mkdir(join(world.root, 'nothing'));
    preflight.action.requirements.push(
      { need: 'program', program: 'no-such-program', why: 'it reads the source', hint: 'install it' },
      { need: 'path', path: join(world.root, 'gone'), what: 'file', why: 'it is backed up' },
      { need: 'path', path: join(world.root, 'nothing'), what: 'directory', why: 'it is backed up', notEmpty: true },
      { need: 'secret', secret: 'empty', why: 'it seals the artifact', format: 'openssl-passphrase' },
    );
    const outcome = await world.run(graph);
    expect(outcome.exitCode).toBe(4);
    const message = outcome.results.get('preflight')?.message ?? '';
    expect(message.split('\n')).toHaveLength(4);
    expect(message).toMatch(
      /no-such-program[\s\S]*gone does not exist[\s\S]*empty directory[\s\S]*is empty, and an empty passphrase/,
    );
    expect(outcome.results.get('capture')?.outcome).toBe('skipped');
    expect(await readdir(world.at('main'))).toEqual([]);
  });

  it('takes a destination with too little space out of the run', async () => {
    const graph = applyGraph(world, captureAction(world, 'echo data', { require: 1 }));
    const [preflight] = graph.tasks;
    if (preflight?.action.do !== 'preflight') throw new Error('no preflight');
    const nas = preflight.action.requirements[1];
    if (nas?.need !== 'destination') throw new Error('no destination');
    nas.minimumFree = Number.MAX_SAFE_INTEGER;
    const outcome = await world.run(graph);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.backups[0]?.message).toMatch(/"nas".*are free, and the plan wants/);
    expect(await world.files('nas')).toEqual([]);
  });
});

/** Every file of both destinations with its bytes, without the book-keeping of runs. */
async function snapshot(of: World): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const name of of.names)
    for (const file of await of.files(name))
      all[`${name}/${file}`] = (await readFile(of.at(name, file))).toString('base64');
  return all;
}
