import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type LocalSpec, local } from '../../src/destinations/local/index.ts';
import { deepestMount } from '../../src/destinations/local/mount.ts';
import { collect, destinationContract, keys, store } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { canMount, has, isRoot } from '../helpers/programs.ts';
import { breaksListing, staysInside } from './folder-links.ts';

const made: string[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runner-local-'));
  made.push(path);
  return path;
}

afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

const opened = (spec: LocalSpec): Promise<Destination> => local.open('disk', spec, opening());

destinationContract('local', async () => {
  const outside = await folder();
  const root = join(outside, 'prefix');
  const breakListing = breaksListing(root, outside);
  const fill = async (names: readonly string[]) => {
    for (const name of new Set(names.map((key) => dirname(key)))) await mkdir(join(root, name), { recursive: true });
    for (const name of names) writeFileSync(join(root, name), 'four');
  };
  const denied = isRoot && process.seteuid ? { write: asNobody, read: asNobody, list: asNobody, remove: asNobody } : {};
  async function asNobody(): Promise<Destination> {
    // What root has made with modes of its own is not for others.
    await chmod(outside, 0o755);
    return unprivileged(await opened({ path: root }));
  }
  return { open: () => opened({ path: root }), breakListing, many: 25_000, fill, denied, end: async () => {} };
});

/** The same handle, with every call made as a user to whom nothing belongs. */
function unprivileged(destination: Destination): Destination {
  const nobody = async <T>(act: () => Promise<T>): Promise<T> => {
    process.seteuid!(65_534);
    try {
      return await act();
    } finally {
      process.seteuid!(0);
    }
  };
  return new Proxy(destination, {
    get: (target, key) => {
      const value = Reflect.get(target, key);
      if (key === 'list')
        return async function* (prefix: string) {
          yield* [await nobody(() => keys(target, prefix))];
        };
      return typeof value === 'function' ? (...words: unknown[]) => nobody(() => value.apply(target, words)) : value;
    },
  });
}

describe('local', () => {
  it('gives files 0600 and folders 0700, whatever the umask says, or what the plan says', async () => {
    const root = join(await folder(), 'deep', 'root');
    await (await opened({ path: root })).write('a/b/c', Buffer.from('x'));
    expect(await modesOf(root, ['', 'a', 'a/b', 'a/b/c'])).toEqual(['700', '700', '700', '600']);
    const before = process.umask(0o077);
    try {
      const shared = join(await folder(), 'shared');
      await (await opened({ path: shared, modes: { files: '0640', directories: '0750' } })).write(
        'a/b',
        Buffer.from('x'),
      );
      expect(await modesOf(shared, ['', 'a', 'a/b'])).toEqual(['750', '750', '640']);
    } finally {
      process.umask(before);
    }
  });

  it('sweeps what a killed write of a small file left an hour ago, and nothing else', async () => {
    const [root, outside] = [await folder(), await folder()];
    const store = await opened({ path: root });
    const sink = await store.put('shop/orders/2026/data', 'run1-data');
    const left = await smallTemporary(store, join(root, 'shop', 'orders', '2026'));
    const old = new Date(Date.now() - 3_700_000);
    const young = new Date(Date.now() - 3_500_000);
    const place = async (path: string, name: string, time: Date) => {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, name), 'x');
      await utimes(join(path, name), time, time);
    };
    const artifact = (await readdir(join(root, 'shop', 'orders', '2026')))[0]!;
    await utimes(join(root, 'shop', 'orders', '2026', artifact), old, old);
    const deep = join(root, 'shop', '.runner', 'lease');
    const others = [`${left}.txt`, left.slice(0, -1), left.toUpperCase(), `a${left}`, '.part-small-notes'];
    for (const name of [left, ...others]) await place(deep, name, old);
    await place(join(root, 'shop'), left, young);
    await place(join(root, 'other'), left, old);
    await place(outside, left, old);
    await symlink(outside, join(root, 'shop', 'link'));
    await store.sweep!('shop');
    expect((await readdir(deep)).toSorted()).toEqual(others.toSorted());
    for (const path of [join(root, 'shop'), join(root, 'other'), outside]) await access(join(path, left));
    await sink.prepare();
    await sink.publish();
    expect(await store.stat('shop/orders/2026/data')).not.toBeNull();
    await store.sweep!('never-written');
  });

  it('writes below a root that is a symbolic link', async () => {
    const base = await folder();
    await mkdir(join(base, 'real'));
    await symlink(join(base, 'real'), join(base, 'link'));
    const destination = await opened({ path: join(base, 'link') });
    await destination.write('a/b', Buffer.from('x'));
    expect(await readFile(join(base, 'real/a/b'), 'utf8')).toBe('x');
    expect(await keys(destination, '')).toEqual(['a/b']);
  });

  it('refuses to climb out by a symbolic link below the prefix', async () => {
    await staysInside(await folder(), (root) => opened({ path: root }));
  });

  it('skips links to what lies inside: it is listed once, under its own name', async () => {
    const root = await folder();
    const destination = await opened({ path: root });
    await destination.write('a/b', Buffer.from('x'));
    await symlink('a', join(root, 'again'));
    await symlink('a/b', join(root, 'newest'));
    expect(await keys(destination, '')).toEqual(['a/b']);
  });

  it('is told as a place and as the command that fetches a file', () => {
    const spec = { path: "/mnt/my nas/it's" };
    expect(local.describe(spec)).toBe(spec.path);
    const line = local.fetch(spec, 'shop/a.tar');
    const echoed = spawnSync('sh', ['-c', `set -- ${line}; printf '%s\\n' "$@"`], { encoding: 'utf8' });
    expect(echoed.stdout).toBe("cp\n/mnt/my nas/it's/shop/a.tar\n.\n");
    expect(local.requirements('nas', { ...spec, 'min-free': '1GiB' })).toMatchObject([
      { need: 'destination', minimumFree: 2 ** 30 },
    ]);
  });

  it('with `mount: required` writes nothing where nothing is mounted', async () => {
    const table = (...mounts: [string, string][]) =>
      mounts.map(([point, type], index) => `${index} 1 8:1 / ${point} rw - ${type} /dev/x rw`).join('\n');
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/nas', 'nfs4']), '/mnt/nas/backups')).toBe(true);
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/nas', 'nfs4']), '/mnt/nas')).toBe(true);
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/nas', 'nfs4']), '/mnt/nas2/backups')).toBe(false);
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/na\\040s', 'nfs4']), '/mnt/na s/x')).toBe(true);
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/nas', 'autofs']), '/mnt/nas/backups')).toBe(false);
    expect(deepestMount(table(['/', 'ext4'], ['/mnt/nas', 'autofs'], ['/mnt/nas', 'nfs4']), '/mnt/nas/b')).toBe(true);
    expect(deepestMount(table(['/', 'ext4']), '/')).toBe(false);
  });
});

describe.skipIf(!canMount())('local on a file system of its own', () => {
  async function mounted(options: string): Promise<{ root: string; unmount(): void }> {
    const root = await folder();
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', root]).status).toBe(0);
    return { root, unmount: () => expect(spawnSync('umount', ['-l', root]).status).toBe(0) };
  }

  it('tells a full disk in one sentence and leaves nothing of what did not fit', async () => {
    const { root, unmount } = await mounted('size=2m');
    try {
      const destination = await opened({ path: root });
      await destination.write('old', randomBytes(1000));
      const fault = store(destination, 'a/new', randomBytes(4_000_000));
      await expect(fault).rejects.toThrow(
        /^Destination disk: cannot write .*a\/new: no space is left on that file system.*free\)\.$/,
      );
      expect(await keys(destination, '')).toEqual(['old']);
      expect(await readdir(join(root, 'a'))).toEqual([]);
      expect(await destination.free()).toBeGreaterThan(1_900_000);
    } finally {
      unmount();
    }
  });

  it('tells a read-only file system, and still reads it', async () => {
    const { root, unmount } = await mounted('size=2m');
    try {
      const destination = await opened({ path: root });
      await destination.write('old', Buffer.from('x'));
      expect(spawnSync('mount', ['-o', 'remount,ro', root]).status).toBe(0);
      await expect(destination.write('new', Buffer.from('y'))).rejects.toThrow(/mounted read-only/);
      expect(String(await collect(destination, 'old'))).toBe('x');
      expect(Math.abs((await destination.clock()).getTime() - Date.now())).toBeLessThan(60_000);
    } finally {
      unmount();
    }
  });

  it('with `mount: required` writes to the mount and refuses once it is gone', async () => {
    const { root, unmount } = await mounted('size=2m');
    const destination = await opened({ path: join(root, 'backups'), mount: 'required' });
    await destination.write('a', Buffer.from('x'));
    expect(await keys(destination, '')).toEqual(['a']);
    unmount();
    await expect(destination.write('b', Buffer.from('x'))).rejects.toThrow(/is not mounted/);
    await expect(keys(destination, '')).rejects.toThrow(/is not mounted/);
    expect(await readdir(root)).toEqual([]);
  });
});

describe.skipIf(!has('strace'))('local when a system call fails', () => {
  it('discards a file whose fsync fails with EIO, and never calls it durable by a second fsync', async () => {
    const root = await folder();
    await (await opened({ path: root })).write('a/other', Buffer.from('x'));
    const { output, calls } = await traced(root, 'fsync,fdatasync', 'error=EIO:when=1+', 'put');
    expect(output).toMatch(/cannot make durable .*input\/output error/);
    expect(calls.filter((line) => /EIO/.test(line))).toHaveLength(1);
    expect(await leaves(root)).toEqual(['other']);
  });

  it('removes a file again whose name could not be made durable', async () => {
    const root = await folder();
    await (await opened({ path: root })).write('a/other', Buffer.from('x'));
    const { output } = await traced(root, 'fsync,fdatasync', 'error=EIO:when=2', 'put');
    expect(output).toMatch(/cannot publish .*input\/output error/);
    expect(await leaves(root)).toEqual(['other']);
  });

  it('rejects a listing when a folder cannot be read to its end', async () => {
    const root = await folder();
    const destination = await opened({ path: root });
    for (const key of ['a/1', 'b/1', 'c/1']) await destination.write(key, Buffer.from('x'));
    const { output } = await traced(root, 'getdents64', 'error=EIO:when=5', 'list');
    expect(output).toMatch(/cannot list .*input\/output error/);
  });

  it('syncs a new file once, and each folder that got a new name', async () => {
    const root = await folder();
    const { calls } = await traced(root, 'fsync,fdatasync', null, 'put');
    // The file, its own folder for its name, and the root for the name of that folder.
    expect(calls.filter((line) => /\bf(data)?sync\(/.test(line))).toHaveLength(3);
  });
});

/** Runs one operation in a process of its own under strace. */
async function traced(root: string, trace: string, inject: string | null, act: 'put' | 'list') {
  const bundle = await bundled();
  const log = join(await folder(), 'strace');
  const faults = inject === null ? [] : ['-e', `inject=${trace}:${inject}`];
  const program = [process.execPath, bundle, root, act];
  const child = spawnSync('strace', ['-f', '-o', log, '-e', `trace=${trace}`, ...faults, ...program], {
    encoding: 'utf8',
    // strace counts calls for each thread.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  return { output: child.stdout + child.stderr, calls: (await readFile(log, 'utf8')).split('\n') };
}

/** The driver and a few lines that use it as one file that Node runs. */
async function bundled(): Promise<string> {
  const base = await folder();
  const source = new URL('../../src/destinations/local/index.ts', import.meta.url).pathname;
  const script = `
    import { local } from ${JSON.stringify(source)};
    const [root, act] = process.argv.slice(2);
    const destination = await local.open('disk', { path: root }, { readSecret: async () => '', environment: process.env, purpose: 'use' });
    try {
      if (act === 'list') for await (const batch of destination.list('')) console.log(batch.length);
      else await destination.write('a/object', Buffer.from('bytes'));
      console.log('done');
    } catch (error) { console.log(error.message); }`;
  await writeFile(join(base, 'main.ts'), script);
  const rolldown = new URL('../../node_modules/.bin/rolldown', import.meta.url).pathname;
  const built = spawnSync(rolldown, [join(base, 'main.ts'), '--platform', 'node', '-o', join(base, 'main.mjs')], {
    encoding: 'utf8',
  });
  await access(join(base, 'main.mjs')).catch(() => Promise.reject(new Error(built.stderr)));
  return join(base, 'main.mjs');
}

async function leaves(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

async function modesOf(root: string, names: string[]): Promise<string[]> {
  return await Promise.all(names.map(async (name) => ((await stat(join(root, name))).mode & 0o7777).toString(8)));
}

/** The name under which a small file is written, seen while one is. */
async function smallTemporary(store: Destination, path: string): Promise<string> {
  const names = new Set<string>();
  let writing = true;
  const written = store.write('shop/orders/2026/small', randomBytes(1_000_000)).then(() => {
    writing = false;
  });
  while (writing) for (const name of await readdir(path)) names.add(name);
  await written;
  return [...names].find((name) => name.startsWith('.part-small-'))!;
}
