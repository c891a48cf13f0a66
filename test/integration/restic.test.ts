/** A restic repository as destination, by the built program and the stock restic, on good days and bad ones. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/programs.ts';
import { canMount, has } from '../helpers/programs.ts';
import { password, ResticRepository, versions } from '../helpers/restic.ts';
import { built, cli, type Finished, runner, start, temporaryDirectory } from '../helpers/runner.ts';
import { full } from '../proofs/support.ts';

/** Data that no compression makes smaller. */
const megabytes = 8;

/** A run makes some twenty calls of restic, and each of them waits behind its lock. */
const slow = { timeout: 300_000 };

let place: ReturnType<typeof temporaryDirectory>;
let repository: ResticRepository;
let path: string;

const at = (...names: string[]) => join(place.path, ...names);
const env = () => ({ PATH: path, REPOSITORY_PASSWORD: password });
const run = (...words: string[]): Promise<Finished> => runner(words, { cwd: place.path, env: env() });

function plan(change: Record<string, unknown> = {}, backup: Record<string, unknown> = {}): void {
  const deep = { type: 'restic', repository: repository.folder, password: { secret: 'repository' } };
  const document = {
    version: 1,
    name: 'shop',
    secrets: { repository: { env: 'REPOSITORY_PASSWORD' } },
    destinations: { deep: { ...deep, cache: at('cache'), ...change } },
    backups: {
      data: {
        source: { type: 'command', run: ['cat', at('data')], extension: '.bin' },
        destinations: ['deep'],
        retention: { last: 2 },
        ...backup,
      },
    },
  };
  writeFileSync(at('plan.yaml'), JSON.stringify(document));
}

type Row = { id: string; state: string; size: number };
const rows = async (): Promise<Row[]> => JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups;
const states = async () => (await rows()).map(({ state }) => state);

/** What of ours lies in the repository, by the last names of keys. */
const paths = () => repository.snapshots().map((one) => one.paths[0]!.slice('/shop/'.length));
/** Locks that hold: not what restic is still writing. */
const locks = () => readdirSync(join(repository.folder, 'locks')).filter((name) => /^[0-9a-f]{64}$/.test(name));
const artifacts = () => repository.snapshots().filter(({ tags }) => tags.some((tag) => tag.startsWith('attempt=')));

/** A bit of the largest pack is another one. */
function damage(): void {
  const data = join(repository.folder, 'data');
  const packs = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name));
  const files = packs.filter((name) => statSync(name).isFile());
  const largest = files.toSorted((left, right) => statSync(right).size - statSync(left).size)[0]!;
  const bytes = readFileSync(largest);
  bytes[bytes.length >> 1]! ^= 1;
  chmodSync(largest, 0o600);
  writeFileSync(largest, bytes);
}

let whole: Promise<{ folder: string; data: Buffer }> | null = null;

/** The repository with one backup in it, which is made once for all that ask for it. */
async function applied(): Promise<void> {
  whole ??= (async () => {
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    const folder = join(kept.path, 'whole');
    cpSync(repository.folder, folder, { recursive: true });
    return { folder, data: readFileSync(at('data')) };
  })();
  const { folder, data } = await whole;
  rmSync(repository.folder, { recursive: true });
  cpSync(folder, repository.folder, { recursive: true });
  writeFileSync(at('data'), data);
}

const kept = temporaryDirectory('runner-restic-kept-');
afterAll(() => kept.remove());

beforeEach(() => {
  place = temporaryDirectory('runner-restic-plan-');
  path = process.env.PATH ?? '';
  repository = ResticRepository.make();
  writeFileSync(at('data'), randomBytes(megabytes * 1_000_000));
});
afterEach(() => {
  repository.remove();
  place.remove();
});

describe.skipIf(!has('restic'))('a restic repository', slow, () => {
  it.each(full ? versions : versions.slice(0, 1))(
    'restic $name: apply, list, verify, restore, prune, RECOVERY.md',
    async ({ path: own }) => {
      path = own;
      repository.remove();
      repository = ResticRepository.make(own);
      plan();
      const first = readFileSync(at('data'));
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      const before = repository.size();

      // A hundredth of it changes, in one place.
      const second = Buffer.from(first);
      randomBytes(80_000).copy(second, 3_000_000);
      writeFileSync(at('data'), second);
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      // Chunks have a megabyte on the average, and eight at the most: what changed is in one or two of them.
      expect(repository.size() - before).toBeLessThan(before * 0.9);
      const listed = await rows();
      expect(listed.map(({ state }) => state)).toEqual(['good', 'good']);
      expect(listed.map(({ size }) => size)).toEqual([first.length, second.length]);

      expect(await run('verify', 'plan.yaml', '--level', 'checksum')).toMatchObject({ exitCode: 0 });
      const [oldest, newest] = listed.map(({ id }) => id).toSorted();
      expect(await run('restore', 'plan.yaml', '--id', oldest!, '--to', 'back', '--yes')).toMatchObject({
        exitCode: 0,
      });
      expect(readFileSync(at('back')).equals(first)).toBe(true);

      writeFileSync(at('data'), randomBytes(1000));
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      const left = (await rows()).map(({ id }) => id);
      expect(left).not.toContain(oldest);
      expect(left).toContain(newest);
      expect(artifacts()).toHaveLength(2);
      expect(paths().filter((name) => name.includes(oldest!) && !name.includes('.runner/'))).toEqual([]);
      repository.run('check', '--read-data');
      givesBack();
    },
  );

  /** The newest artifact, by the stock restic and the line of RECOVERY.md. */
  function givesBack(): void {
    const page = repository.run('dump', '--path', '/shop/RECOVERY.md', 'latest', '/shop/RECOVERY.md');
    const lines = page.split('\n');
    const fetch = lines[lines.indexOf('# fetch it') + 1]!;
    expect(fetch).toMatch(/^restic -r /);
    mkdirSync(at('empty'));
    execFileSync('sh', ['-c', fetch], { cwd: at('empty'), env: repository.environment, stdio: 'ignore' });
    const [file] = readdirSync(at('empty'));
    expect(readFileSync(at('empty', file!)).equals(readFileSync(at('data')))).toBe(true);
  }

  it('gives space back behind a prune, or leaves that to its owner', async () => {
    const sizes: number[] = [];
    for (const prune of ['never', 'never', 'after-forget']) {
      plan({ prune }, { retention: { last: 1 } });
      writeFileSync(at('data'), randomBytes(6_000_000));
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      sizes.push(repository.size());
    }
    expect(sizes[1]).toBeGreaterThan(11_000_000);
    expect(sizes[2]).toBeLessThan(9_000_000);
  });

  it('makes the repository only where the plan says so', async () => {
    rmSync(repository.folder, { recursive: true });
    plan();
    const refused = await run('apply', 'plan.yaml');
    expect(refused.exitCode).toBe(2);
    expect(refused.stdout + refused.stderr).toMatch(/no restic repository at .*restic -r \S+ init.*initialize: true/);
    expect(() => statSync(repository.folder)).toThrow();
    plan({ initialize: true });
    expect(await run('plan', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(() => statSync(repository.folder)).toThrow();
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(await states()).toEqual(['good']);
  });
});

describe.skipIf(!has('restic'))('a bad day of a restic repository', slow, () => {
  it('the wrong password is told as such, and is not shown', async () => {
    plan();
    const wrong = { ...env(), REPOSITORY_PASSWORD: 'not the password' };
    const { exitCode, stdout, stderr } = await runner(['apply', 'plan.yaml'], { cwd: place.path, env: wrong });
    expect(exitCode).toBe(2);
    expect(stdout + stderr).toMatch(/the password opens no key of the repository/);
    expect(stdout + stderr).not.toContain('not the password');
  });

  it('another’s backup on its way stops neither backup nor retention; a dead one’s lock is removed', async () => {
    plan({ 'retry-lock': '1s' }, { retention: { last: 1 } });
    await applied();
    const other = start('restic', ['--no-cache', 'backup', '--stdin', '--stdin-filename', 'other'], {
      env: repository.environment,
    });
    try {
      while (locks().length === 0) await sleep(20);
      const { exitCode, stderr } = await run('apply', 'plan.yaml');
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/space of what was deleted is not given back yet: .* is locked by PID \d+ on .*unlock/);
      expect(await states()).toEqual(['good']);
      // Restic could forget nothing: what is gone for us still lies there.
      expect(artifacts()).toHaveLength(2);
    } finally {
      other.kill('SIGKILL');
    }
    await new Promise((resolve) => other.once('close', resolve));
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(await states()).toEqual(['good']);
    expect(artifacts()).toHaveLength(1);
    expect(locks()).toEqual([]);
  });

  /** A restic that holds the lock for itself alone, and stands still. */
  async function stoppedCheck() {
    for (;;) {
      const other = start('restic', ['--no-cache', 'check'], { env: repository.environment });
      const gone = new Promise((resolve) => other.once('close', resolve));
      while (locks().length === 0 && other.exitCode === null) await setImmediate();
      other.kill('SIGSTOP');
      while (other.exitCode === null && !stands(other.pid!)) await setImmediate();
      if (other.exitCode === null && locks().length > 0) return other;
      // It was done before it was seen.
      other.kill('SIGKILL');
      await gone;
    }
  }

  function stands(pid: number): boolean {
    try {
      return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      return false;
    }
  }

  it('a repository that is locked for good is told, with who holds it', async () => {
    plan({ 'retry-lock': '1s' });
    const other = await stoppedCheck();
    try {
      const { exitCode, stdout, stderr } = await run('apply', 'plan.yaml');
      expect(exitCode).toBe(2);
      expect(stdout + stderr).toMatch(/is locked by PID \d+ on .*: wait for it, or .*unlock/);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('a restic that is killed in the middle leaves no backup, and the next run heals', async () => {
    const real = findProgram('restic', { PATH: path })!;
    mkdirSync(at('bin'));
    const wrapper = `#!/bin/sh\ncase "$*" in *attempt=*) exec timeout -s KILL 1.5 ${real} "$@";; esac\nexec ${real} "$@"\n`;
    writeFileSync(at('bin', 'restic'), wrapper);
    chmodSync(at('bin', 'restic'), 0o755);
    const script = ['sh', '-c', `cat "${at('data')}"; sleep 3; cat "${at('data')}"`];
    plan({}, { source: { type: 'command', run: script } });
    const good = path;
    path = `${at('bin')}:${good}`;
    const killed = await run('apply', 'plan.yaml');
    expect(killed.exitCode).toBe(2);
    expect(killed.stdout + killed.stderr).toMatch(/restic could not take in .*killed|exit code 137/);
    path = good;
    expect(await rows()).toEqual([]);
    expect(artifacts()).toEqual([]);
    plan();
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(await states()).toEqual(['good']);
  });

  it('a producer that fails makes no snapshot', async () => {
    plan({}, { source: { type: 'command', run: ['sh', '-c', `cat "${at('data')}"; exit 3`] } });
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 2 });
    expect(artifacts()).toEqual([]);
    expect(locks()).toEqual([]);
  });

  it('a runner that is killed leaves what the next run removes', async () => {
    await built();
    const script = ['sh', '-c', `cat "${at('data')}"; touch "${at('half')}"; sleep 60`];
    plan({}, { source: { type: 'command', run: script } });
    const child = spawn(process.execPath, ['--', cli, 'apply', 'plan.yaml'], {
      cwd: place.path,
      env: { HOME: place.path, ...env() },
      stdio: 'ignore',
    });
    const gone = new Promise((resolve) => child.once('close', resolve));
    while (!readdirSync(place.path).includes('half')) await sleep(50);
    await sleep(500);
    child.kill('SIGKILL');
    await gone;
    // Restic takes the death of its feeder for the end, and makes a snapshot of the half.
    for (let waited = 0; artifacts().length === 0 && waited < 60; waited += 1) await sleep(250);
    expect(await rows()).toEqual([]);
    plan();
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    expect(await states()).toEqual(['good']);
    expect(artifacts()).toHaveLength(1);
  });

  it('a damaged pack is found by verify, and written down', async () => {
    plan();
    await applied();
    damage();
    const found = await run('verify', 'plan.yaml', '--level', 'checksum');
    expect(found.exitCode).toBe(2);
    expect(found.stdout + found.stderr).toMatch(/is damaged at "deep"/);
    expect(await states()).not.toEqual(['good']);
    expect((await run('restore', 'plan.yaml', 'data', '--latest', '--to', 'back', '--yes')).exitCode).not.toBe(0);
    expect(readdirSync(place.path)).not.toContain('back');
  });

  it('a copy that restic takes for what it has already, and has damaged, is not called good', async () => {
    plan();
    const document = JSON.parse(readFileSync(at('plan.yaml'), 'utf8'));
    document.destinations.disk = { type: 'local', path: at('disk') };
    document.backups.data.destinations.push('disk');
    document.backups.data.retention = { deep: { last: 2 }, disk: { last: 2 } };
    writeFileSync(at('plan.yaml'), JSON.stringify(document));
    expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
    damage();
    expect((await run('verify', 'plan.yaml', '--level', 'checksum')).exitCode).toBe(2);
    for (let time = 0; time < 2; time += 1) {
      const { exitCode, stderr } = await run('sync', 'plan.yaml');
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('repair it by its own program and sync again')]);
      const { backups } = JSON.parse((await run('list', 'plan.yaml', '--json')).stdout);
      expect(
        backups[0].copies.map((one: { destination: string; state: string }) => [one.destination, one.state]),
      ).toEqual(
        expect.arrayContaining([
          ['deep', 'failed'],
          ['disk', 'good'],
        ]),
      );
    }
  });

  it('a check of the repository finds what no artifact shows', async () => {
    plan({ 'read-data-subset': '100%' });
    await applied();
    const index = join(repository.folder, 'index');
    const file = join(repository.folder, 'data', '00', '0'.repeat(64));
    mkdirSync(join(repository.folder, 'data', '00'), { recursive: true });
    writeFileSync(file, 'no pack');
    // All of them: one alone may be of what was forgotten.
    for (const name of readdirSync(index)) rmSync(join(index, name), { force: true });
    const found = await run('doctor', 'plan.yaml');
    expect(found.exitCode).toBe(2);
  });
});

describe.skipIf(!has('restic') || !canMount())('a restic repository on a full disk', slow, () => {
  it('fails with a sentence, keeps what was there, and goes on when there is room again', async () => {
    const disk = at('disk');
    mkdirSync(disk);
    const mount = (options: string) =>
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', disk]).status).toBe(0);
    mount('size=14m');
    try {
      plan();
      await applied();
      cpSync(repository.folder, join(disk, 'repository'), { recursive: true });
      plan({ repository: join(disk, 'repository') });
      writeFileSync(at('data'), randomBytes(megabytes * 1_000_000));
      const full = await run('apply', 'plan.yaml');
      expect(full.exitCode).toBe(2);
      expect(full.stdout + full.stderr).toMatch(/no space is left/);
      mount('remount,size=60m');
      expect(await states()).toEqual(['good']);
      expect(await run('apply', 'plan.yaml')).toMatchObject({ exitCode: 0 });
      expect(await states()).toEqual(['good', 'good']);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });
});
