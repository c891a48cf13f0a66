import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLease } from '../../src/catalog/lease.ts';
import { local } from '../../src/destinations/local/index.ts';
import { opening } from '../helpers/opening.ts';
import { canMount, has } from '../helpers/programs.ts';
import {
  applyGraph,
  captureAction,
  graphOf,
  makeWorld,
  ok,
  readJson,
  task,
  verifyTask,
  type World,
  workScope,
} from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.remove());

describe.skipIf(!canMount())('a full file system', () => {
  const mounted: string[] = [];
  const mount = (path: string, size: string) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', path]);
    mounted.push(path);
  };
  afterEach(() => {
    for (const path of mounted.splice(0)) execFileSync('umount', [path]);
  });

  it('at one destination: the other copy stands, the old backups too, nothing half is left', async () => {
    mount(world.at('nas'), '512k');
    const first = await world.run(applyGraph(world, captureAction(world, 'echo old')));
    expect(first.exitCode).toBe(0);
    const before = await world.files('nas');
    const outcome = await world.run(
      applyGraph(world, captureAction(world, 'head -c 3000000 /dev/urandom', { require: 1 })),
    );
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(outcome.backups[0]?.message).toMatch(/"nas".*(ENOSPC|no space|full)/i);
    expect(await world.files('nas')).toEqual(before);
    expect(await world.files('main')).toHaveLength(6);
    expect((await world.run(applyGraph(world, captureAction(world, 'echo small')))).exitCode).toBe(0);
  });

  it('for temporary files: the backup fails, and nothing of it is seen', async () => {
    mount(join(world.root, 'tmp'), '64k');
    const action = captureAction(world, 'true');
    action.parts[0]!.prepare = [{ argv: ['sh', '-c', 'head -c 1000000 /dev/zero > "$1"', 'sh', { work: 'copy' }] }];
    action.parts[0]!.produce = { argv: ['cat', { work: 'copy' }] };
    const outcome = await world.run(applyGraph(world, action));
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toMatch(/no space left/i);
    for (const name of world.names) expect(await world.files(name)).toEqual([]);
    expect(await readdir(join(world.root, 'tmp'))).toEqual([]);
  });
});

describe('another run', () => {
  it('holds the lease: exit 5, who and since when, and nothing is written', async () => {
    const destination = await local.open('main', { path: world.at('main') }, opening());
    const lease = await acquireLease(destination, 'shop', 'other-run', {
      timeout: 0,
      signal: new AbortController().signal,
    });
    const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data')));
    expect(outcome.exitCode).toBe(5);
    expect(JSON.stringify([...outcome.results.values()])).toMatch(/other-run.*since/);
    for (const name of world.names) expect(await world.files(name)).toEqual([]);
    await lease.release();
    expect((await world.run(applyGraph(world, captureAction(world, 'echo data')))).exitCode).toBe(0);
  });

  it('frees the lease in time: this one waits for it', async () => {
    const destination = await local.open('main', { path: world.at('main') }, opening());
    const lease = await acquireLease(destination, 'shop', 'other-run', {
      timeout: 0,
      signal: new AbortController().signal,
    });
    const waiting = world.run(applyGraph(world, captureAction(world, 'echo data')), { lockTimeout: 30 });
    setTimeout(() => void lease.release(), 300);
    expect((await waiting).exitCode).toBe(0);
  });
});

describe('an interrupted run of before', () => {
  it('is settled: what it named is removed, what nobody named is left', async () => {
    const id = 'orders-20261101T000000Z-abcdef';
    const folder = 'shop/orders/2026/11';
    await mkdir(world.at('main', folder), { recursive: true });
    await mkdir(world.at('main', 'shop/.runner/journal'), { recursive: true });
    const journal = {
      format: 'runner/journal@1',
      run: '20261101T000000Z-aaaaaa',
      backup: 'orders',
      id,
      started: '2026-11-01T00:00:00.000Z',
      artifacts: [{ key: `${folder}/${id}.bin`, attempt: 'bbbbbb' }],
      manifestKey: `${folder}/${id}.manifest.json`,
    };
    await writeFile(world.at('main', `shop/.runner/journal/${journal.run}.${id}.json`), JSON.stringify(journal));
    await writeFile(world.at('main', `${folder}/${id}.bin`), 'half');
    const orphan = `${folder}/orders-20261102T000000Z-abcdef.bin`;
    await writeFile(world.at('main', orphan), 'a manifest was lost');
    const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data')));
    expect(outcome.results.get('settle:main')?.message).toMatch(id);
    const files = await world.files('main');
    expect(files.filter((file) => file.includes(id))).toEqual([]);
    expect(files).toContain(orphan);
  });
});

it('a shelf of another plan of this name is refused before anything starts', async () => {
  await mkdir(world.at('main', 'shop/.runner'), { recursive: true });
  const format = {
    format: 'runner/shelf@1',
    layout: 1,
    'plan-id': 'somebody else',
    created: '2026-11-01T00:00:00.000Z',
  };
  await writeFile(world.at('main', 'shop/.runner/format.json'), JSON.stringify(format));
  const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data')));
  expect(outcome.exitCode).toBe(4);
  expect(outcome.results.get('preflight')?.message).toMatch(/belongs to another plan/);
  expect(await world.files('nas')).toEqual([]);
});

it('secrets are in no event, no record and no file', async () => {
  const secret = 's3ntinel-value-of-a-secret';
  world.plan.secrets.key = { env: 'SENTINEL', optional: false };
  const action = captureAction(world, 'echo "$KEY" >&2; echo data');
  action.parts[0]!.produce.env = { KEY: { secret: 'key' } };
  const failing = captureAction(world, 'echo "refused: $KEY" >&2; exit 3');
  failing.parts[0]!.produce.env = { KEY: { secret: 'key' } };
  const environment = { PATH: process.env.PATH, TMPDIR: join(world.root, 'tmp'), SENTINEL: secret };
  for (const one of [action, failing]) {
    const outcome = await world.run(applyGraph(world, one), { environment });
    expect(JSON.stringify([world.events, outcome.record, outcome.backups, [...outcome.results]])).not.toContain(secret);
  }
  const everything = await Promise.all(
    (await readdir(world.root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
  );
  expect(everything.length).toBeGreaterThan(8);
  expect(everything.join('\n')).not.toContain(secret);
});

describe('RECOVERY.md', () => {
  const documented = (action = captureAction(world, 'seq 1 1000 | gzip', {}, { extension: '.txt.gz' })) => {
    action.parts[0]!.recovery = ['cat ARTIFACT | gzip -dc > data.txt'];
    const write = task('document', { do: 'document', destination: 'main', backups: ['orders'] }, ok('capture'), {
      within: ['lease:main'],
    });
    return applyGraph(world, action, [write]);
  };

  it('holds commands that bring the newest good backup back without this program', async () => {
    const outcome = await world.run(documented());
    expect(outcome.exitCode).toBe(0);
    const page = await readFile(world.at('main', 'shop/RECOVERY.md'), 'utf8');
    expect(page).toContain(outcome.bindings['capture.id']);
    const script = /```sh\n([\s\S]*?)```/.exec(page)![1]!;
    const folder = join(world.root, 'recovered');
    await mkdir(folder);
    execFileSync('sh', ['-e', '-c', script], { cwd: folder });
    expect((await readFile(join(folder, 'data.txt'), 'utf8')).split('\n')).toHaveLength(1001);
  });

  it.skipIf(!has('ssh-keygen'))(
    'is signed where the plan signs, and so are manifests, as ssh-keygen checks them',
    async () => {
      const key = join(world.root, 'signing');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      world.plan.secrets.signing = { file: key, optional: false };
      world.plan.signing = { key: 'signing', public: `${key}.pub` };
      const outcome = await world.run(documented());
      expect(outcome.exitCode).toBe(0);
      await writeFile(join(world.root, 'allowed'), `shop ${await readFile(`${key}.pub`, 'utf8')}`);
      const manifest = (await world.files('main')).find((file) => file.endsWith('.manifest.json'))!;
      for (const file of ['shop/RECOVERY.md', manifest]) {
        const check = 'ssh-keygen -Y verify -f "$1/allowed" -I shop -n runner-manifest@v1 -s "$2.sig" < "$2"';
        expect(execFileSync('sh', ['-c', check, 'sh', world.root, world.at('main', file)]).toString()).toMatch(/^Good/);
      }
      const text = await readFile(world.at('main', manifest), 'utf8');
      await writeFile(world.at('main', manifest), text.replace('"runner": "', '"runner": "x'));
      const id = outcome.bindings['capture.id']!;
      const graph = graphOf('verify', [verifyTask(world, 'checksum', id)], [workScope()]);
      expect((await world.run(graph)).exitCode).toBe(2);
    },
  );
});

it('the run record says what was done', async () => {
  const outcome = await world.run(applyGraph(world, captureAction(world, 'echo data')));
  const record = await readJson(world.at('main', `shop/.runner/runs/${outcome.run}.json`));
  expect(record).toMatchObject({ format: 'runner/run@1', run: outcome.run, command: 'apply', exitCode: 0 });
  expect(record.bindings).toMatchObject({ 'run.id': outcome.run, 'capture.id': outcome.bindings['capture.id'] });
});
