/** Destinations behind rclone, by the built program: good days at each kind, and the bad ones. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/programs.ts';
import { azureKey, azureSas, type Emulator, hasAzure, hasGcs, startAzure, startGcs } from '../helpers/emulators.ts';
import { freePort } from '../helpers/port.ts';
import { canMount, has } from '../helpers/programs.ts';
import { type Finished, runner, temporaryDirectory } from '../helpers/runner.ts';

const slow = { timeout: 300_000 };

let place: ReturnType<typeof temporaryDirectory>;
let env: Record<string, string>;
const at = (...names: string[]) => join(place.path, ...names);
const run = (...words: string[]): Promise<Finished> => runner(words, { cwd: place.path, env });

beforeEach(() => {
  place = temporaryDirectory('runner-rclone-plan-');
  env = { AZURE_KEY: azureKey };
  writeFileSync(at('data'), randomBytes(3_000_000));
});
afterEach(() => place.remove());

function plan(store: Record<string, unknown>, backup: Record<string, unknown> = {}): void {
  const data = {
    source: { type: 'command', run: ['cat', at('data')], extension: '.bin' },
    destinations: ['store'],
    retention: { last: 2 },
    ...backup,
  };
  const secrets = { azure: { env: 'AZURE_KEY', optional: true } };
  const document = { version: 1, name: 'shop', secrets, destinations: { store }, backups: { data } };
  writeFileSync(at('plan.yaml'), JSON.stringify(document));
}

type Row = { id: string; state: string };
const rows = async (): Promise<Row[]> => JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups;

/** Apply, list, verify, restore and prune; returns what the store still holds of unfinished things. */
async function goodDays(): Promise<void> {
  const first = readFileSync(at('data'));
  expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
  const [oldest] = await rows();
  expect(oldest?.state).toBe('good');
  expect(await run('verify', 'plan.yaml', '--level', 'checksum')).toMatchObject({ exitCode: 0 });
  for (let count = 0; count < 2; count += 1) {
    writeFileSync(at('data'), randomBytes(1000));
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    if (count > 0) break;
    const restore = ['restore', 'plan.yaml', 'data', '--id', oldest!.id, '--to', 'back', '--yes'];
    expect(await run(...restore)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('back')).equals(first)).toBe(true);
  }
  const left = await rows();
  expect(left.map(({ state }) => state)).toEqual(['good', 'good']);
  expect(left.map(({ id }) => id)).not.toContain(oldest!.id);
}

/** Files of a folder that are backups, or on the way to be one. */
const files = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !name.includes('/.runner/') && !name.includes('RECOVERY.md'));

/** An rclone that is put first on PATH: a shell script that ends in, or does something else than, the real one. */
function fakeRclone(script: string): void {
  mkdirSync(at('bin'), { recursive: true });
  const real = findProgram('rclone', process.env)!;
  writeFileSync(at('bin', 'rclone'), `#!/bin/sh\nreal=${real}\n${script}\nexec "$real" "$@"\n`);
  chmodSync(at('bin', 'rclone'), 0o755);
  env.PATH = `${at('bin')}:${process.env.PATH}`;
}

const folderStore = () => ({ type: 'rclone', options: { type: 'local' }, path: at('store') });

describe.skipIf(!has('rclone'))('a folder behind rclone', slow, () => {
  it('is applied, listed, verified, restored from and pruned, and nothing unfinished stays', async () => {
    plan(folderStore());
    await goodDays();
    expect(files(at('store')).filter((name) => name.startsWith('.runner-tmp'))).toEqual([]);
  });

  it('gives an artifact back by the line of RECOVERY.md', async () => {
    plan(folderStore());
    await run('apply', 'plan.yaml');
    const lines = readFileSync(at('store', 'shop', 'RECOVERY.md'), 'utf8').split('\n');
    const fetch = lines.find((line) => line.startsWith('rclone copyto '))!;
    mkdirSync(at('empty'));
    execFileSync('sh', ['-c', fetch], { cwd: at('empty'), stdio: 'ignore' });
    expect(readFileSync(at('empty', readdirSync(at('empty'))[0]!)).equals(readFileSync(at('data')))).toBe(true);
  });

  it('holds nothing of an rcat that was killed in the middle, and the next run goes on', async () => {
    plan(folderStore());
    fakeRclone('[ "$1" != rcat ] || { head -c 1000000 | "$real" "$@"; kill -KILL $$; }');
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/SIGKILL|killed/)]);
    expect(await rows()).toEqual([]);
    expect(files(at('store'))).toEqual([]);
    delete env.PATH;
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
  });

  it('holds nothing of a run that was killed with rclone', async () => {
    plan(folderStore());
    // rcat commits what it has when its input ends: that is what a killed runner leaves.
    fakeRclone('[ "$1" != rcat ] || { head -c 1000000 | "$real" "$@"; kill -KILL $(cat "$PWD/pid"); exit 0; }');
    writeFileSync(at('start'), 'echo $$ > pid; exec "$@"\n');
    const words = [
      '-c',
      'echo $$ > pid; exec "$@"',
      'sh',
      process.execPath,
      '--',
      join(import.meta.dirname, '../../dist/cli.js'),
    ];
    spawnSync('sh', [...words, 'apply', 'plan.yaml'], {
      cwd: place.path,
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    delete env.PATH;
    expect(await rows()).toEqual([]);
    expect(files(at('store')).filter((name) => name.startsWith('.runner-tmp'))).not.toEqual([]);
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(files(at('store')).filter((name) => name.startsWith('.runner-tmp'))).toEqual([]);
    expect((await rows()).map(({ state }) => state)).toEqual(['good']);
  });

  it('does not count what came with another byte', async () => {
    plan(folderStore());
    fakeRclone('[ "$1" != rcat ] || { tr "\\000" "\\001" | "$real" "$@"; exit $?; }');
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/does not hold what was sent.*sha1/)]);
    expect(files(at('store'))).toEqual([]);
  });

  it('does not end early when rclone fails while it is read', async () => {
    plan(folderStore());
    await run('apply', 'plan.yaml');
    for (const [script, why] of [
      ['"$real" "$@" | head -c 500000; exit 0', /500000 bytes came instead of 3000000/],
      ['"$real" "$@" | head -c 500000; echo "ERROR : connection reset" >&2; exit 1', /connection reset/],
    ] as const) {
      fakeRclone(`[ "$1" != cat ] || { ${script}; }`);
      const { exitCode, stderr } = await run('restore', 'plan.yaml', 'data', '--latest', '--to', 'back', '--yes');
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(why)]);
      expect(readdirSync(place.path)).not.toContain('back');
    }
  });

  it.skipIf(!canMount())('that is full fails the backup, and the old ones stay', async () => {
    mkdirSync(at('store'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', at('store')]);
    try {
      writeFileSync(at('data'), randomBytes(1000));
      plan(folderStore());
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      writeFileSync(at('data'), randomBytes(3_000_000));
      const { exitCode, stderr } = await run('apply', 'plan.yaml');
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/the store is full/)]);
      expect((await rows()).map(({ state }) => state)).toEqual(['good']);
    } finally {
      execFileSync('umount', [at('store')]);
    }
  });

  it('needs rclone on PATH, and says how to get it', async () => {
    plan(folderStore());
    mkdirSync(at('bin'));
    for (const program of ['sh', 'cat']) execFileSync('ln', ['-s', findProgram(program, process.env)!, at('bin')]);
    env.PATH = at('bin');
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([4, expect.stringMatching(/rclone.*apt-get install rclone/s)]);
  });

  it('takes no flag that is ours', async () => {
    plan({ ...folderStore(), flags: ['--dry-run'] });
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([4, expect.stringMatching(/"--dry-run" is the runner's own matter/)]);
  });
});

describe.each([
  { kind: 'gcs', can: has('rclone') && hasGcs(), begin: startGcs, more: {} },
  { kind: 'azure', can: has('rclone') && hasAzure(), begin: startAzure, more: { key: { secret: 'azure' } } },
])('$kind', slow, ({ kind, can, begin, more }) => {
  let server: Emulator;
  let spec: Record<string, unknown>;
  beforeAll(async () => {
    if (can) server = await begin();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    if (can) spec = { ...server.spec(await server.bucket()), prefix: 'some/prefix', ...more };
  });

  it.skipIf(!can)('is applied, listed, verified, restored from and pruned', async () => {
    plan(spec);
    await goodDays();
  });

  it.skipIf(!can)('refuses a bucket that is not there, and makes none', async () => {
    const [name] = ['bucket', 'container'].filter((key) => key in spec);
    plan({ ...spec, [name!]: 'not-there' });
    for (let count = 0; count < 2; count += 1) {
      const { exitCode, stderr } = await run('apply', 'plan.yaml');
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/bucket or container does not exist/)]);
    }
  });

  it.skipIf(!can)('that is down fails the run in one sentence, and the next one goes on', async () => {
    // A server that takes seconds to come back would prove nothing more than a port at which nothing listens.
    const endpoint = String(spec.endpoint).replace(`:${server.port}/`, `:${await freePort()}/`);
    plan({ ...spec, endpoint, flags: ['--low-level-retries=1', '--contimeout=2s', '--timeout=4s'] });
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/cannot be reached|it has not answered for 4 s/)]);
    if (kind === 'azure') expect(stderr).not.toMatch(/sig=/);
    plan(spec);
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
  });
});

describe.skipIf(!has('rclone') || !hasAzure())('azure', slow, () => {
  let server: Emulator;
  beforeAll(async () => {
    server = await startAzure();
  });
  afterAll(() => server.stop());

  it('refuses a wrong key without showing it', async () => {
    env.AZURE_KEY = Buffer.from('the wrong key of an account').toString('base64');
    plan({ ...server.spec(await server.bucket()), key: { secret: 'azure' } });
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/credentials are not accepted/)]);
    expect(stderr).not.toContain(env.AZURE_KEY);
  });

  it('takes a signature, as a token or a URL', async () => {
    const container = await server.bucket();
    const spec = server.spec(container);
    plan({ ...spec, sas: { secret: 'azure' } });
    for (const before of ['', `${spec.endpoint}/${container}?`]) {
      env.AZURE_KEY = before + azureSas(container);
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    }
    expect(await rows()).toHaveLength(2);
  });
});
