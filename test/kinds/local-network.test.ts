/** A folder on a network file system: everything goes through a process of its own, and one that hangs is left behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { openAway } from '../../src/destinations/local/away.ts';
import { networkTypeIn } from '../../src/destinations/local/network.ts';
import { collect, destinationContract, keys } from '../contracts/destination.ts';
import { able, canMount, has } from '../helpers/programs.ts';
import { built, runner, temporaryDirectory } from '../helpers/runner.ts';
import { waitFor } from '../proofs/support.ts';
import { breaksListing } from './folder-links.ts';

beforeAll(async () => await built());

const made: string[] = [];
afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runner-away-'));
  made.push(path);
  return path;
}

const opened = (root: string, timeout = 60): Destination =>
  openAway('nas', { root, mountRequired: false, fileMode: 0o600, directoryMode: 0o700 }, 'nfs4', timeout);

destinationContract('local over a network', async () => {
  const outside = await folder();
  const root = join(outside, 'prefix');
  const breakListing = breaksListing(root, outside);
  return { open: async () => opened(root), breakListing, objects: 500, end: async () => {} };
});

/** The processes that work on a folder, by what they were started with. */
function helpers(root: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes('local-store.js') && line.includes(root);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('a process that works on a network file system', () => {
  it('ends with its destination, and keeps nobody from ending', async () => {
    const root = await folder();
    const destination = opened(root);
    await destination.write('a', Buffer.from('x'));
    expect(helpers(root)).toHaveLength(1);
    await destination.close();
    expect(await waitFor(() => helpers(root).length === 0, 30_000)).toBe(true);
    await expect(destination.stat('a')).rejects.toThrow(/closed/);
  });

  it('that hangs is left behind, whatever it was doing, and nothing is tried there again', async () => {
    const root = await folder();
    await opened(root).write('there', Buffer.alloc(3_000_000));
    const destination = opened(root, 6);
    const sink = await destination.put('new', 'one');
    const stream = await destination.get('there');
    const [helper] = helpers(root).toReversed();
    for (const pid of helpers(root)) process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    const sentence = /^Destination nas: .* has not answered for 6s: its file system \(nfs4\) hangs\. Look whether/;
    const asked: (() => Promise<unknown>)[] = [
      () => sink.write([Buffer.from('y')]),
      () => destination.read('there', 100),
      () => keys(destination, ''),
      () => destination.free(),
    ];
    for (const act of asked.map((one) => one())) await expect(act).rejects.toThrow(sentence);
    await expect(sink.abort()).rejects.toThrow(sentence);
    await expect(destination.stat('there')).rejects.toThrow(sentence);
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow(sentence);
    // One after the other they would take 42 s.
    expect(performance.now() - began).toBeLessThan(30_000);
    await destination.close();
    expect(await waitFor(() => !helpers(root).includes(helper!), 30_000)).toBe(true);
    for (const pid of helpers(root)) process.kill(pid, 'SIGKILL');
  });

  it('that is killed fails what was asked of it', async () => {
    const root = await folder();
    const destination = opened(root);
    await destination.write('a', Buffer.from('x'));
    const [pid] = helpers(root);
    process.kill(pid!, 'SIGSTOP');
    const reading = destination.read('a', 10);
    process.kill(pid!, 'SIGKILL');
    await expect(reading).rejects.toThrow(/ended unexpectedly/);
    await destination.close();
  });
});

describe('which file systems are such', () => {
  const table = (...mounts: [string, string][]) =>
    mounts.map(([point, type], index) => `${index} 1 8:1 / ${point} rw - ${type} /dev/x rw`).join('\n');

  it('says the table of mounts, by the first one on the way', async () => {
    const mounts = table(['/', 'ext4'], ['/mnt/nas', 'nfs4'], ['/mnt/na\\040s', 'cifs'], ['/mnt/usb', 'fuseblk']);
    expect(networkTypeIn(mounts, '/mnt/nas/backups')).toBe('nfs4');
    expect(networkTypeIn(mounts, '/mnt/na s')).toBe('cifs');
    expect(networkTypeIn(mounts, '/mnt/nas2')).toBeNull();
    expect(networkTypeIn(mounts, '/mnt/usb/x')).toBeNull();
    expect(networkTypeIn(table(['/', '9p']), '/srv')).toBeNull();
    expect(networkTypeIn(table(['/', 'ext4'], ['/s', 'fuse.sshfs'], ['/s', 'ext4']), '/s')).toBeNull();
    const base = await folder();
    symlinkSync('/mnt/nas', join(base, 'link'));
    symlinkSync('link/deep', join(base, 'again'));
    expect(networkTypeIn(mounts, join(base, 'link', 'x'))).toBe('nfs4');
    expect(networkTypeIn(mounts, join(base, 'again'))).toBe('nfs4');
    symlinkSync('loop', join(base, 'loop'));
    expect(networkTypeIn(mounts, join(base, 'loop'))).toBeNull();
  });
});

const canFuse = canMount() && has('rclone', 'fusermount3') && able(existsSync('/dev/fuse'), '/dev/fuse');

describe.skipIf(!canFuse)('a mounted file system whose program is stopped', () => {
  const home = temporaryDirectory('runner-fuse-');
  const [real, mounted] = [join(home.path, 'real'), join(home.path, 'mounted')];
  let server: ChildProcess;

  beforeAll(async () => {
    for (const path of [real, mounted]) mkdirSync(path);
    server = spawn(
      'rclone',
      ['mount', real, mounted, '--vfs-cache-mode', 'off', '--dir-cache-time', '0s', '--attr-timeout', '0s'],
      {
        stdio: 'ignore',
      },
    );
    const isThere = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mounted} `);
    expect(await waitFor(isThere, 20_000, 50)).toBe(true);
  });

  afterAll(() => {
    server.kill('SIGCONT');
    spawnSync('umount', ['-l', mounted]);
    server.kill('SIGTERM');
    home.remove();
  });

  it('is answered in time, by the program too, and other destinations have their backup', async () => {
    const source = { type: 'command', run: ['echo', 'text'] };
    const destinations = {
      hung: { type: 'local', path: mounted, timeout: '2s' },
      disk: { type: 'local', path: 'disk' },
    };
    const backups = { text: { source, destinations: ['hung', 'disk'], require: 1 } };
    const file = join(home.path, 'plan.yaml');
    writeFileSync(file, JSON.stringify({ version: 1, name: 'small', destinations, backups }));
    expect(networkTypeIn(readFileSync('/proc/self/mountinfo', 'utf8'), mounted)).toBe('fuse.rclone');
    writeFileSync(join(real, 'object'), 'bytes');
    const before = opened(mounted);
    expect(String(await collect(before, 'object'))).toBe('bytes');
    await before.close();
    server.kill('SIGSTOP');
    const destination = opened(mounted, 1);
    await expect(keys(destination, '')).rejects.toThrow(/hangs/);
    await destination.close();
    const began = performance.now();
    const { exitCode, stdout, stderr } = await runner(['apply', file]);
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(exitCode, stderr).toBe(1);
    expect(stdout + stderr).toMatch(/"hung" cannot be used: .*file system \(fuse\.rclone\) hangs/);
    expect(readdirSync(join(home.path, 'disk/small'))).toContain('text');
  });
});

describe.skipIf(!has('strace'))('a file system without fsync', () => {
  it('is told', async () => {
    const root = await folder();
    const script = join(root, 'plan.yaml');
    const backups = {
      text: { source: { type: 'command', run: ['echo', 'x'] }, destinations: [{ type: 'local', path: 'disk' }] },
    };
    writeFileSync(script, JSON.stringify({ version: 1, name: 'small', backups }));
    const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
    const traced = spawnSync(
      'strace',
      [
        '-f',
        '-o',
        '/dev/null',
        '-e',
        'trace=fsync',
        '-e',
        'inject=fsync:error=EINVAL',
        process.execPath,
        '--',
        cli,
        'apply',
        script,
      ],
      { encoding: 'utf8' },
    );
    expect(traced.status).toBe(2);
    expect(traced.stdout + traced.stderr).toMatch(/cannot make a file durable \(fsync: EINVAL\), so that a power cut/);
  });
});
