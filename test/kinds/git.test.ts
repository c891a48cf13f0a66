import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type GitSpec, git } from '../../src/destinations/git/index.ts';
import { type Bench, collect, destinationContract, type Network, store } from '../contracts/destination.ts';
import { type Fault, faultProxy } from '../fakes/fault-proxy.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';
import { tarOf } from '../proofs/tar.ts';

const usable = has('git', 'tar');
const made: string[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runner-git-'));
  made.push(path);
  return path;
}

afterAll(async () => {
  for (const path of made) await rm(path, { recursive: true, force: true });
});

/** A bare repository in a folder of its own. */
async function repository(): Promise<string> {
  const path = join(await folder(), 'repository.git');
  execFileSync('git', ['init', '-q', '--bare', '--initial-branch=main', path]);
  return path;
}

const asked = (path: string, ...words: string[]) => execFileSync('git', ['-C', path, ...words], { encoding: 'utf8' });

const opened = (path: string, spec: Partial<GitSpec> = {}): Promise<Destination> =>
  git.open('forge', { repository: path, cache: join(path, '..', 'cache'), ...spec }, opening());

let server: Promise<Sshd> | null = null;

/** The same repository over ssh, through a line that can be made bad. */
async function lineTo(path: string): Promise<{ network: Network; end(): Promise<void> }> {
  server ??= folder().then((keys) => startSshd(keys));
  const { port, user, key, knownHosts } = await server;
  const proxy = await faultProxy({ port });
  const known = join(path, '..', 'known-hosts');
  await writeFile(known, (await readFile(knownHosts, 'utf8')).replace(`:${port} `, `:${proxy.port} `));
  const spec = { repository: `ssh://${user}@127.0.0.1:${proxy.port}${path}`, key, 'known-hosts': known };
  const set = (fault: Fault | null) => {
    proxy.set(fault);
    if (fault === null) proxy.drop();
  };
  return { network: { open: () => opened(path, spec), set, patience: 120_000 }, end: () => proxy.end() };
}

afterAll(async () => {
  await (await server)?.stop();
});

if (usable) {
  const contract = async (): Promise<Bench> => {
    const path = await repository();
    const line = hasSshd() ? await lineTo(path) : null;
    // Two handles are two hosts: neither knows what the other has in its cache.
    let hosts = 0;
    const open = () => {
      hosts += 1;
      return opened(path, { cache: join(path, '..', `host-${hosts}`) });
    };
    const end = async () => {
      await line?.end();
      await rm(join(path, '..'), { recursive: true, force: true });
    };
    // A forge that lets nobody push to what is protected says so by a hook.
    const guarded = async () => {
      await mkdir(join(path, 'hooks'), { recursive: true });
      await writeFile(join(path, 'hooks', 'pre-receive'), '#!/bin/sh\necho nobody may push here >&2; exit 1\n', {
        mode: 0o755,
      });
      return await open();
    };
    // What is written at once is pushed at once.
    const fill = async (names: readonly string[]) => {
      const destination = await open();
      await Promise.all(names.map((name) => destination.write(name, Buffer.from('four'))));
      await destination.close();
    };
    const denied = { write: guarded, remove: guarded };
    return { open, many: 25_000, fill, denied, ...(line && { network: line.network }), end };
  };
  destinationContract('git', contract, { concurrent: true });
}

const id = (time: string, backup = 'etc') => `${backup}-202611${time}00Z-abcdef`;
const keyOf = (name: string) => `shop/${name.split('-2026')[0]}/2026/11/${name}.tar`;
const manifestKeyOf = (name: string) => keyOf(name).replace(/tar$/, 'manifest.json');

function manifestOf(name: string, more: object = {}): Buffer {
  const moment = { from: '2026-11-21T10:00:00Z', to: '2026-11-21T10:00:07Z' };
  const own = {
    id: name,
    plan: { name: 'shop', digest: 'x' },
    backup: name.split('-2026')[0],
    host: 'web-1',
    purpose: 'backup',
    moment,
  };
  return Buffer.from(JSON.stringify({ ...own, artifacts: [{ key: keyOf(name) }], ...more }));
}

/** What a capture does: the artifact, then its manifest. */
async function commit(destination: Destination, name: string, tar: Buffer, more: object = {}): Promise<void> {
  await store(destination, keyOf(name), tar);
  await destination.write(manifestKeyOf(name), manifestOf(name, more));
}

async function tarOfFolder(path: string, ...words: string[]): Promise<Buffer> {
  const options = { maxBuffer: 1e9 };
  return execFileSync('tar', ['-c', '-f', '-', '--format=posix', '--sparse', '-C', path, ...words, '.'], options);
}

describe.skipIf(!usable)('git', () => {
  it('shows plain files, a commit for each backup, and gives the same archive back', async () => {
    const [path, data] = [await repository(), await folder()];
    const long = 'a-long-name-'.repeat(20);
    execFileSync('sh', ['-c', script, 'sh', data, long]);
    const destination = await opened(path, {
      author: 'Ädä <ada@example.org>',
      message: '{plan}/{backup} on {host}, {time}',
    });
    const first = await tarOfFolder(data);
    await commit(destination, id('21T1000'), first);
    expect((await collect(destination, keyOf(id('21T1000')))).equals(first)).toBe(true);
    expect(asked(path, 'ls-tree', '-r', '--format=%(objectmode) %(path)', 'main').trim().split('\n').sort()).toEqual(
      [
        '100644 etc/empty',
        '100644 etc/hole',
        `100644 etc/${long}`,
        '100644 etc/same',
        '100755 etc/run.sh',
        '100644 etc/site/index.html',
        '120000 etc/link',
        String.raw`100644 "etc/new\nline \303\251 \"quoted\""`,
      ].sort(),
    );
    expect(asked(path, 'show', 'main:etc/link')).toBe('site/index.html');
    expect(asked(path, 'show', 'main:etc/same')).toBe('<h1>\n');
    expect(asked(path, 'cat-file', '-s', 'main:etc/hole').trim()).toBe('1000001');
    execFileSync('sh', ['-c', 'echo two >> "$1/site/index.html"; rm "$1/link"', 'sh', data]);
    const second = await tarOfFolder(data);
    await commit(destination, id('21T1100'), second);
    expect(asked(path, 'diff', '--stat', 'main~', 'main')).toMatch(
      /3 files changed, 2 insertions\(\+\), 1 deletion\(-\)/,
    );
    expect(asked(path, 'log', '--format=%an <%ae> %aI|%cI|%B', '-1', 'main').trim()).toBe(
      `Ädä <ada@example.org> 2026-11-21T10:00:07+00:00|2026-11-21T10:00:07+00:00|shop/etc on web-1, 2026-11-21T10:00:07Z\n\nRunner-Backup: ${id('21T1100')}`,
    );
    for (const [name, tar] of [
      ['21T1000', first],
      ['21T1100', second],
    ] as const)
      expect((await collect(destination, keyOf(id(name)))).equals(tar)).toBe(true);
    expect(String(await collect(destination, keyOf(id('21T1100')), { start: 257, end: 261 }))).toBe('ustar');
    const [commitId] = asked(path, 'log', '--format=%H', '-1', 'main~').split('\n');
    expect(await destination.find!(commitId!.slice(0, 9))).toBe(id('21T1000'));
    expect(await destination.find!('0000000')).toBeNull();
    await destination.close();
    asked(path, 'fsck', '--strict');
    expect((await stat(join(path, '..', 'cache'))).isDirectory()).toBe(true);
  });

  it('gives an artifact to the stock tools, as RECOVERY.md says', async () => {
    const [path, data, here] = [await repository(), await folder(), await folder()];
    execFileSync('sh', ['-c', script, 'sh', data, 'x']);
    const destination = await opened(path);
    const tar = await tarOfFolder(data);
    await commit(destination, id('21T1000'), tar);
    await destination.replace("shop/it's RECOVERY.md", Buffer.from('page'));
    for (const [key, bytes] of [
      [keyOf(id('21T1000')), tar],
      ["shop/it's RECOVERY.md", Buffer.from('page')],
    ] as const) {
      execFileSync('sh', ['-ec', git.fetch({ repository: path } as never, key)], { cwd: here });
      expect((await readFile(join(here, key.split('/').at(-1)!))).equals(bytes)).toBe(true);
    }
  });

  it('leaves what others commit beside it, and takes up where they are', async () => {
    const [path, clone] = [await repository(), await folder()];
    const destination = await opened(path);
    await commit(destination, id('21T1000'), tarOf([{ name: 'a', body: '1\n' }]));
    const byHand = (line: string) => {
      const script = `git clone -q "$1" "$2/c"; cd "$2/c"; ${line}; git add -A; git -c user.name=x -c user.email=x commit -qm hand; git push -q; rm -rf "$2/c"`;
      execFileSync('sh', ['-ec', script, 'sh', path, clone]);
    };
    byHand('echo mine > README.md; echo other > etc/stray');
    await commit(destination, id('21T1100'), tarOf([{ name: 'a', body: '2\n' }]));
    expect(asked(path, 'ls-tree', '-r', '--name-only', 'main').trim().split('\n')).toEqual(['README.md', 'etc/a']);
    expect(asked(path, 'log', '--format=%s', 'main').trim().split('\n')).toHaveLength(3);
    await commit(destination, id('21T1200', 'web'), tarOf([{ name: 'b', body: '3\n' }]));
    expect(asked(path, 'ls-tree', '-r', '--name-only', 'main').trim().split('\n')).toEqual([
      'README.md',
      'etc/a',
      'web/b',
    ]);
  });

  it('turns the branch back neither for an older backup that comes later nor for a safety copy', async () => {
    const path = await repository();
    const destination = await opened(path);
    await commit(destination, id('21T1100'), tarOf([{ name: 'a', body: 'new\n' }]));
    await commit(destination, id('21T1000'), tarOf([{ name: 'a', body: 'old\n' }]));
    await commit(destination, id('21T1200'), tarOf([{ name: 'a', body: 'safe\n' }]), { purpose: 'safety' });
    expect(asked(path, 'log', '--format=%b', 'main').trim()).toBe(`Runner-Backup: ${id('21T1100')}`);
    expect(asked(path, 'show', 'main:etc/a')).toBe('new\n');
    expect((await collect(destination, keyOf(id('21T1000')))).includes('old\n')).toBe(true);
  });

  it('keeps older backups when the newest is removed and the branch rewritten', async () => {
    const path = await repository();
    const destination = await opened(path);
    const tars = [1, 2].map((index) => tarOf([{ name: 'a', body: `${index}\n` }]));
    await commit(destination, id('21T1000'), tars[0]!);
    await commit(destination, id('21T1100'), tars[1]!);
    for (const key of [manifestKeyOf(id('21T1100')), keyOf(id('21T1100'))]) await destination.remove(key);
    await destination.close();
    asked(path, 'update-ref', '-d', 'refs/heads/main');
    asked(path, 'gc', '--quiet', '--prune=now');
    const other = await opened(path, { cache: join(path, '..', 'clean') });
    expect((await collect(other, keyOf(id('21T1000')))).equals(tars[0]!)).toBe(true);
    expect(await other.stat(keyOf(id('21T1100')))).toBeNull();
  });

  it.each(['branch', 'state', 'path', 'repository', 'remote'])('refuses a %s that leads elsewhere', async (what) => {
    const specs: Record<string, Partial<GitSpec>> = {
      branch: { branch: 'a..b' },
      state: { state: 'refs/heads/main' },
      path: { path: '../{backup}' },
      repository: { repository: 'https://ada:hunter2@forge.example.org/x.git' },
      remote: { repository: 'ext::sh -c id' },
    };
    const open = opened(await repository(), specs[what]);
    await expect(open).rejects.toThrow(/^Destination forge: /);
    await expect(open).rejects.not.toThrow(/hunter2/);
  });

  it('shows hostile names harmlessly, runs nothing of them, and gives the archive back', async () => {
    const path = await repository();
    const touched = join(path, '..', 'touched');
    const names = [
      '.git/config',
      '.GIT/hooks/post-checkout',
      '../out',
      '/etc/absolute',
      'a/.gitmodules',
      '.gitattributes',
      'git~1/config',
      'a\nb"\\c',
      '.git ./x',
    ];
    const body = `[core]\n\tfsmonitor = "touch ${touched}"\n[filter "x"]\n\tclean = touch ${touched}\n* filter=x\n`;
    const tar = tarOf([
      ...names.map((name) => ({ name, body })),
      { name: 'loop', type: '2' as const, link: '../../../etc/passwd' },
      { name: 'hard', type: '1' as const, link: '/etc/shadow' },
      { name: 'conflict', body: 'a file\n' },
      { name: 'conflict/below', body: 'and a folder\n' },
    ]);
    const destination = await opened(path);
    await commit(destination, id('21T1000'), tar);
    expect((await collect(destination, keyOf(id('21T1000')))).equals(tar)).toBe(true);
    const shown = asked(path, 'ls-tree', '-r', '-z', '--name-only', 'main').split('\0').filter(Boolean);
    expect(shown.every((name) => name.startsWith('etc/'))).toBe(true);
    expect(shown.some((name) => /(^|\/)(\.git(modules|attributes)?|\.\.|git~1)(\/|$)/i.test(name))).toBe(false);
    expect(shown).toContain('etc/%2Egit/config');
    expect(shown).toContain('etc/%2E%2E/out');
    asked(path, 'fsck', '--strict');
    const clone = join(path, '..', 'clone');
    execFileSync('git', ['clone', '-q', path, clone]);
    await expect(stat(touched)).rejects.toThrow();
  });

  it('keeps what is no archive, and refuses one that was cut', async () => {
    const destination = await opened(await repository());
    const tar = tarOf([{ name: 'a', body: 'x'.repeat(2000) }]);
    for (const [index, bytes] of [
      Buffer.alloc(512, 1),
      Buffer.alloc(10_240),
      Buffer.from('x'),
      Buffer.alloc(9_000_001, 2),
    ].entries()) {
      await store(destination, `other/${index}`, bytes);
      expect((await collect(destination, `other/${index}`)).equals(bytes)).toBe(true);
    }
    for (const size of [600, 1500, 2560, 2570])
      await expect(store(destination, `cut/${size}`, tar.subarray(0, size))).rejects.toThrow(
        'the archive ends in the middle',
      );
  });
});

/** Of everything one: empty, executable, linked twice, sparse, and odd names. */
const script = String.raw`
set -e; cd "$1"; mkdir -p site nothing
echo '<h1>' > site/index.html; ln site/index.html same; ln -s site/index.html link; : > empty
printf '#!/bin/sh\n' > run.sh; chmod +x run.sh; echo long > "$2"; echo odd > "$(printf 'new\nline \303\251 "quoted"')"
truncate -s 1000000 hole; printf x >> hole
`;
