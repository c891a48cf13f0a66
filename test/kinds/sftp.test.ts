import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Destination, KeyExists } from '../../src/destination.ts';
import { openSftp, type SftpSpec, sftp } from '../../src/destinations/sftp/index.ts';
import {
  type Bench,
  type ContractOptions,
  collect,
  destinationContract,
  keys,
  type Network,
  store,
} from '../contracts/destination.ts';
import { faultProxy } from '../fakes/fault-proxy.ts';
import { fillFolder } from '../helpers/folders.ts';
import { opening } from '../helpers/opening.ts';
import { freePort } from '../helpers/port.ts';
import { canMount } from '../helpers/programs.ts';
import { clientsOf, filtered, hasSftp, sftpServer, specOf } from '../helpers/sftp.ts';
import { type Sshd, type SshdOptions, startSshd } from '../helpers/ssh.ts';
import { staysInside } from './folder-links.ts';
import { temporary } from './temporary.ts';

const servers: Sshd[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
});

async function served(options: SshdOptions = {}): Promise<Sshd> {
  const server = await startSshd(temporary(), {}, options);
  servers.push(server);
  return server;
}

const opened = (spec: SftpSpec): Promise<Destination> => sftp.open('nas', spec, opening());

type Site = { server: Sshd; base: string; seen: string };

/** The contract, or some of it, at a server that is started once. `seen` is where its files lie for us; `base` for the server. */
function contractAt(
  title: string,
  make: () => Promise<Site>,
  more: (site: Site, root: string) => Partial<Bench> | Promise<Partial<Bench>>,
  only: ContractOptions = {},
) {
  describe(title, () => {
    let site: Site;
    let count = 0;
    beforeAll(async () => {
      site = await make();
    });
    const contract = async (): Promise<Bench> => {
      const name = `prefix-${++count}`;
      const [root, outside] = [join(site.seen, name), `${join(site.seen, name)}-outside`];
      await mkdir(outside);
      const breakListing = async (folder: string) => {
        await rename(join(root, folder), join(outside, folder));
        await symlink(`../${name}-outside/${folder}`, join(root, folder));
        return async () => {
          await rm(join(root, folder));
          await rename(join(outside, folder), join(root, folder));
        };
      };
      const open = () => opened(specOf(site.server, join(site.base, name)));
      return { open, breakListing, end: async () => {}, ...(await more(site, root)) };
    };
    destinationContract(`sftp (${title})`, contract, { concurrent: true, ...only });
  });
}

/** What needs no second server to be tried, but time: a bad line, an account without rights, 25,000 keys. */
async function badDays({ server }: Site, root: string): Promise<Partial<Bench>> {
  const fill = (names: readonly string[]) => fillFolder(root, names);
  const proxy = await faultProxy({ port: server.port });
  const known = join(temporary(), 'known');
  writeFileSync(known, readFileSync(server.knownHosts, 'utf8').replace(String(server.port), String(proxy.port)));
  const network: Network = {
    open: () => opened(specOf(server, root, { port: proxy.port, 'known-hosts': known })),
    set: (fault) => {
      proxy.set(fault);
      if (fault === null) proxy.drop();
    },
    patience: 120_000,
  };
  const asNobody = () => opened(specOf(nobody, root));
  const narrowed = (path: string, mode: number) => async () => {
    await chmod(join(root, path), mode);
    return await asNobody();
  };
  const denied = {
    write: asNobody,
    remove: asNobody,
    read: narrowed('held/object', 0o600),
    list: narrowed('held', 0o711),
  };
  const shared = { files: '0644', directories: '0755' };
  const open = () => opened(specOf(server, root, { modes: shared }));
  return { open, many: 25_000, fill, network, denied, end: () => proxy.end() };
}

let nobody: Sshd;

describe.skipIf(!hasSftp)('sftp', () => {
  const here = (options: SshdOptions) => async () => {
    const folder = temporary();
    return { server: await served(options), base: folder, seen: folder };
  };
  contractAt(
    'internal-sftp',
    async () => {
      const seen = temporary();
      await chmod(seen, 0o755);
      const server = await served();
      const folder = temporary();
      await chmod(folder, 0o755);
      nobody = await startSshd(folder, {}, { user: 'nobody', lines: ['ForceCommand internal-sftp'] });
      servers.push(nobody);
      return { server, base: seen, seen };
    },
    badDays,
  );
  // All of it is tried at the first one; of the others that in which they differ.
  const few = () => ({ objects: 200 });
  // The same code in a process of its own.
  contractAt('sftp-server', here({ sftp: sftpServer }), few, {
    only: /sink takes bytes|taken key|of one key|replace makes|large object|by prefix|cannot be read|free space/,
  });
  // It publishes, replaces and removes in another way, and knows no free space.
  contractAt(
    'a server without extensions',
    here({ sftp: filtered('plain') }),
    () => ({ ...few(), replacesInPlace: true }),
    {
      only: /sink|publish|abort|attempt|object is|replace|writers|removed|free space|leave early/,
    },
  );
  contractAt(
    'an account shut into a folder',
    async () => {
      // Everything above the folder must belong to root and be writable to nobody else, which /tmp is not.
      const top = mkdtempSync('/run/runner-sftp-');
      chrooted.push(top);
      await chmod(top, 0o755);
      await mkdir(join(top, 'data'));
      await chown(join(top, 'data'), 65534, 65534);
      const lines = ['Match User nobody', `  ChrootDirectory ${top}`, '  ForceCommand internal-sftp'];
      const folder = join(top, 'sshd');
      await mkdir(folder, { mode: 0o755 });
      const server = await startSshd(folder, {}, { user: 'nobody', lines });
      servers.push(server);
      return { server, base: '/data', seen: join(top, 'data') };
    },
    few,
    // Its paths are others.
    { only: /sink takes bytes|attempt|replace makes|removed|by prefix|cannot be read|odd name|climbs|free space/ },
  );
});

const chrooted: string[] = [];
afterAll(() => {
  for (const path of chrooted) rmSync(path, { recursive: true, force: true });
});

describe.skipIf(!hasSftp)('sftp, beside the contract', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await served();
  });
  const at = (path: string, more: Partial<SftpSpec> = {}) => opened(specOf(server, path, more));

  it('gives files 0600 and folders 0700, or what the plan says', async () => {
    const root = join(temporary(), 'deep', 'root');
    const first = await at(root);
    await first.write('a/b/c', Buffer.from('x'));
    expect(await modesOf(root, ['', 'a', 'a/b', 'a/b/c'])).toEqual(['700', '700', '700', '600']);
    const shared = join(temporary(), 'shared');
    const second = await at(shared, { modes: { files: '0666', directories: '0777' } });
    await second.write('a/b', Buffer.from('x'));
    expect(await modesOf(shared, ['', 'a', 'a/b'])).toEqual(['777', '777', '666']);
    await Promise.all([first.close(), second.close()]);
  });

  it('a path without a slash lies in the folder where the account begins', async () => {
    const home = execFileSync('sh', ['-c', 'echo ~root'], { encoding: 'utf8' }).trim();
    const name = `runner-sftp-${process.pid}`;
    const destination = await at(`~/${name}/a/`);
    try {
      await destination.write('b/c', Buffer.from('x'));
      expect(await readFile(join(home, name, 'a/b/c'), 'utf8')).toBe('x');
      expect(await keys(destination, '')).toEqual(['b/c']);
      expect(await destination.free()).toBeGreaterThan(0);
    } finally {
      await destination.close();
      await rm(join(home, name), { recursive: true });
    }
  });

  it('sweeps what a killed write of a small file left an hour ago, and nothing else', async () => {
    const [root, outside] = [temporary(), temporary()];
    const destination = await at(root);
    const left = '.part-small-0123456789abcdef-0123456789abcdef';
    const old = new Date(Date.now() - 3_700_000);
    const place = async (path: string, name: string, time: Date) => {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, name), 'x');
      await utimes(join(path, name), time, time);
    };
    const deep = join(root, 'shop', '.runner', 'lease');
    const others = [`${left}.txt`, left.slice(0, -1), `a${left}`, '.part-small-notes', '.part-run1-0123456789abcdef'];
    for (const name of [left, ...others]) await place(deep, name, old);
    await place(join(root, 'shop'), left, new Date(Date.now() - 3_500_000));
    await place(join(root, 'other'), left, old);
    await place(outside, left, old);
    await symlink(outside, join(root, 'shop', 'link'));
    await destination.sweep!('shop');
    expect((await readdir(deep)).toSorted()).toEqual(others.toSorted());
    for (const path of [join(root, 'shop'), join(root, 'other'), outside]) await stat(join(path, left));
    await destination.sweep!('never-written');
    await destination.close();
  });

  it('writes below a root that is a symbolic link', async () => {
    const base = temporary();
    await mkdir(join(base, 'real'));
    await symlink(join(base, 'real'), join(base, 'link'));
    const destination = await at(join(base, 'link'));
    await destination.write('a/b', Buffer.from('x'));
    expect(await readFile(join(base, 'real/a/b'), 'utf8')).toBe('x');
    expect(await keys(destination, '')).toEqual(['a/b']);
    await symlink('a', join(base, 'real', 'again'));
    await symlink('a/b', join(base, 'real', 'newest'));
    await symlink('/nothing/there', join(base, 'real', 'dangling'));
    expect(await keys(destination, '')).toEqual(['a/b']);
    await destination.close();
  });

  it('refuses to climb out by a symbolic link below the prefix', async () => {
    await staysInside(temporary(), at);
  });

  it('does not open what is no file: a pipe would hold the server up', async () => {
    const root = temporary();
    execFileSync('mkfifo', [join(root, 'pipe')]);
    const destination = await at(root);
    expect(await destination.stat('pipe')).toBeNull();
    await expect(destination.read('pipe', 10)).rejects.toThrow('pipe is not at nas');
    expect(await keys(destination, '')).toEqual([]);
    await destination.close();
  });

  it('reads a large file while the reader is slow, and stops when it stops', async () => {
    const root = temporary();
    const destination = await at(root);
    const bytes = randomBytes(20_000_001);
    await store(destination, 'large', bytes);
    const stream = await destination.get('large', { start: 5 });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      if (chunks.length % 20 === 0) await sleep(1);
    }
    expect(Buffer.concat(chunks).equals(bytes.subarray(5))).toBe(true);
    for await (const _ of await destination.get('large')) break;
    expect(await destination.stat('large')).toMatchObject({ size: bytes.length });
    await destination.close();
  });

  it('is told as a place, and the command that fetches a file does, whatever it is called', async () => {
    expect(sftp.describe({ host: 'nas', path: '/srv/b' })).toBe('sftp://nas/srv/b');
    expect(sftp.describe({ host: 'nas', user: 'me', port: 23, path: 'b/' })).toBe('sftp://me@nas:23/~/b');
    expect(sftp.fetch({ host: 'fd00::1', user: 'me', path: '~/b', jump: 'gate' }, 'shop/a.tar')).toBe(
      "sftp -J gate 'me@[fd00::1]:b/shop/a.tar' .",
    );
    const [root, folder] = [join(temporary(), "my nas [it's] *"), temporary()];
    const destination = await at(root);
    for (const name of ['shop/plain.tar', 'shop/odd [1] it\'s "$(x)" \\ * ü.tar']) {
      await destination.write(name, Buffer.from(name));
      const line = sftp.fetch(specOf(server, root), name);
      const run = spawnSync('sh', ['-e', '-c', line], { cwd: folder, encoding: 'utf8' });
      // What sftp says of its beginning and, where its ssh is the first to end, of that.
      const said = run.stderr.replaceAll(/Connected to.*\n|\rConnection closed\. *\r?\n/g, '');
      expect([run.status, said], line).toEqual([0, '']);
      expect(await readFile(join(folder, name.slice(5)), 'utf8')).toBe(name);
    }
    await destination.close();
  });

  it('leaves no ssh behind when it is closed, and makes a new session when the last was lost', async () => {
    const destination = await at(temporary());
    const [ssh] = clientsOf(process.pid);
    process.kill(ssh!, 'SIGKILL');
    while (clientsOf(process.pid).includes(ssh!)) await sleep(20);
    await sleep(100);
    await destination.write('a', Buffer.from('x'));
    expect(await keys(destination, '')).toEqual(['a']);
    await destination.close();
    expect(clientsOf(process.pid)).toEqual([]);
    await expect(destination.stat('a')).rejects.toThrow(/it was closed/);
  });
});

describe.skipIf(!hasSftp)('sftp, when the server cannot be had', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await served();
  });
  const refused = (more: Partial<SftpSpec>) => expect(opened(specOf(server, '/srv/b', more))).rejects;
  const asked = '^Destination nas: cannot open /srv/b: root@127\\.0\\.0\\.1:\\d+ cannot be reached: ';

  it('because its host key is not known', async () => {
    const file = join(temporary(), 'known');
    writeFileSync(file, '');
    await refused({ 'known-hosts': file }).toThrow(
      new RegExp(`${asked}its host key is not in ${file}: look at it \\(ssh-keyscan -p \\d+ 127.0.0.1\\), compare`),
    );
    expect(await readFile(file, 'utf8')).toBe('');
  });

  it('because its host key has changed', async () => {
    const folder = temporary();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')]);
    const line = `[127.0.0.1]:${server.port} ${await readFile(join(folder, 'other.pub'), 'utf8')}`;
    writeFileSync(join(folder, 'known'), line);
    await refused({ 'known-hosts': join(folder, 'known') }).toThrow(
      new RegExp(`${asked}its host key is not the one in .*known: .*ssh-keygen -R '\\[127.0.0.1\\]:\\d+' -f `),
    );
    expect(await readFile(join(folder, 'known'), 'utf8')).toBe(line);
  });

  it('because the key opens nothing, is not there, or may be read by others', async () => {
    const folder = temporary();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')]);
    await refused({ key: join(folder, 'other') }).toThrow(
      new RegExp(`${asked}it does not let root in \\(it takes publickey.*\\): the public half of .*other must be in`),
    );
    await refused({ key: join(folder, 'none') }).toThrow(/: its key .*none is not there\.$/);
    await refused({ 'known-hosts': join(folder, 'none') }).toThrow(/: its file of known hosts .*none is not there\.$/);
    copyFileSync(server.key, join(folder, 'open'));
    await chmod(join(folder, 'open'), 0o644);
    await refused({ key: join(folder, 'open') }).toThrow(/others may read the key .*open, .*chmod 600/);
  });

  it('because its name is not known, in one line', async () => {
    const open = opened(specOf(server, '/srv/b', { host: 'nowhere.invalid' }));
    await expect(open).rejects.toThrow(/its name is not known \([^\r\n]*\)\.$/);
  });

  it('because a file is where its folder should be', async () => {
    const path = join(temporary(), 'file');
    writeFileSync(path, '');
    const destination = await opened(specOf(server, path));
    await expect(destination.write('a/b', Buffer.from('x'))).rejects.toThrow(
      `${path} is a file, and a folder is wanted there: correct "path".`,
    );
    await destination.close();
  });

  it('because nothing listens there', async () => {
    await refused({ port: await freePort() }).toThrow(/nothing listens there \(connection refused\)\.$/);
  });

  it('because it has no SFTP, or something else speaks', async () => {
    const none = await served({ lines: ['Match User root', '  PermitTTY no'], sftp: '/nonexistent-sftp-server' });
    await expect(opened(specOf(none, '/srv/b'))).rejects.toThrow(/ended the connection before it spoke SFTP|no SFTP/);
    const greeting = await served({ sftp: "/bin/echo 'Welcome to this machine, have a nice day'" });
    await expect(opened(specOf(greeting, '/srv/b'))).rejects.toThrow(/something else than SFTP.*"Welc".*greeting/);
  });

  it('because ssh is not installed', async () => {
    await expect(
      sftp.open('nas', specOf(server, '/srv/b'), opening({}, { environment: { PATH: temporary() } })),
    ).rejects.toThrow(/"ssh" was not found on PATH/);
    expect(sftp.requirements('nas', specOf(server, '/srv/b'))).toMatchObject([{ need: 'program', program: 'ssh' }]);
  });

  it('because it has gone in the meantime', async () => {
    const own = await startSshd(temporary());
    const root = temporary();
    const destination = await opened(specOf(own, root));
    await destination.write('a', Buffer.from('x'));
    await own.stop();
    for (const ssh of clientsOf(process.pid)) process.kill(ssh, 'SIGKILL');
    const stream = destination.stat('a');
    await expect(stream).rejects.toThrow(/^Destination nas: cannot look at .*a: .*(was cut|nothing listens)/);
    await destination.close();
  });
});

describe.skipIf(!hasSftp)('sftp, when a session ends in the middle', () => {
  const base = temporary();
  const control = join(base, 'control');
  let server: Sshd;
  let bare: Sshd;
  beforeAll(async () => {
    server = await served({ sftp: filtered('meddle', control) });
    bare = await served({ sftp: filtered('plain+meddle', control) });
  });
  const order = (words: string) => writeFileSync(control, words);
  const link = 'hardlink@openssh.com';
  const [remove, rename, close, open, write, folder] = ['13', '18', '4', '3', '6', '14'];

  it.each([
    ['cut-before', link],
    ['cut-after', link],
    ['cut-before', remove],
    ['cut-after', remove],
    ['cut-before', rename],
    ['cut-after', rename],
  ])('%s %s while a file gets its name: it is found out, and the file is there once', async (act, what) => {
    const root = temporary();
    const destination = await opened(specOf(what === rename ? bare : server, root));
    // The first rename of a session is the trial.
    if (what === rename) await destination.write('a/before', Buffer.from('x'));
    const sink = await destination.put('a/b', 'attempt');
    await sink.write([Buffer.from('artifact')]);
    await sink.prepare();
    order(`${act} ${what}`);
    await sink.publish();
    expect(existsSync(control)).toBe(false);
    expect(String(await collect(destination, 'a/b'))).toBe('artifact');
    expect((await readdir(join(root, 'a'))).filter((name) => name !== 'before')).toEqual(['b']);
    await destination.close();
  });

  it.each([
    ['cut-before', link],
    ['cut-after', link],
  ])('%s %s where another has taken the name: it is his', async (act, what) => {
    const root = temporary();
    const [destination, other] = [await opened(specOf(server, root)), await opened(specOf(server, root))];
    const sink = await destination.put('a/b', 'attempt');
    await sink.write([Buffer.from('artifact')]);
    await sink.prepare();
    await store(other, 'a/b', Buffer.from('another!'), 'other');
    order(`${act} ${what}`);
    await expect(sink.publish()).rejects.toThrow(KeyExists);
    await sink.abort();
    expect(await readdir(join(root, 'a'))).toEqual(['b']);
    expect(await readFile(join(root, 'a/b'), 'utf8')).toBe('another!');
    await Promise.all([destination.close(), other.close()]);
  });

  it.each([
    ['replace', 'posix-rename@openssh.com'],
    ['replace', write],
    ['write', link],
    ['write', open],
    ['write', 'fsync@openssh.com'],
    ['write', folder],
  ] as const)('in the middle of %s (%s) of a small file: it is done again, and there once', async (act, what) => {
    for (const when of ['cut-before', 'cut-after']) {
      const root = temporary();
      const destination = await opened(specOf(server, root));
      if (act === 'replace') await destination.replace('a/page', Buffer.from('one'));
      order(`${when} ${what}`);
      await destination[act]('a/page', Buffer.from('two'));
      expect(existsSync(control)).toBe(false);
      expect(await readFile(join(root, 'a/page'), 'utf8')).toBe('two');
      expect(await readdir(join(root, 'a'))).toEqual(['page']);
      await destination.close();
    }
  });

  it.each(['cut-before', 'cut-after'])(
    '%s while a file is made: it is made anew, and nothing else is left',
    async (when) => {
      const root = temporary();
      const destination = await opened(specOf(server, root));
      await destination.write('a/old', Buffer.from('x'));
      order(`${when} ${open}`);
      await store(destination, 'a/new', randomBytes(100_000));
      expect(existsSync(control)).toBe(false);
      expect((await readdir(join(root, 'a'))).toSorted()).toEqual(['new', 'old']);
      await destination.close();
    },
  );

  it.each([
    ['write', write],
    ['make durable', 'fsync@openssh.com'],
    ['make durable', close],
  ])('in the middle of %s (%s): it is told, and abort leaves nothing', async (_, what) => {
    const root = temporary();
    const destination = await opened(specOf(server, root));
    await destination.write('old', Buffer.from('x'));
    order(`cut-after ${what}`);
    await expect(store(destination, 'new', randomBytes(3_000_000))).rejects.toThrow(
      /^Destination nas: cannot (write|make durable) .*new: the connection to root@.* was cut/,
    );
    expect(await readdir(root)).toEqual(['old']);
    await destination.close();
  });

  it('while something is looked at, read, removed or asked: it is asked again', async () => {
    const root = temporary();
    const destination = await opened(specOf(server, root));
    await destination.write('a', Buffer.from('x'));
    const [lstat, statvfs] = ['7', 'statvfs@openssh.com'];
    order(`cut-before ${lstat}`);
    expect(await destination.stat('a')).toMatchObject({ size: 1 });
    order('cut-after 5');
    expect(String(await destination.read('a', 10))).toBe('x');
    order(`cut-after ${statvfs}`);
    expect(await destination.free()).toBeGreaterThan(0);
    order(`cut-after ${remove}`);
    await destination.remove('a');
    expect(existsSync(control)).toBe(false);
    expect(await readdir(root)).toEqual([]);
    order(`cut-before ${open}`);
    expect(Math.abs((await destination.clock()).getTime() - Date.now())).toBeLessThan(60_000);
    expect(await readdir(root)).toEqual([]);
    await destination.close();
  });

  it('while it is listed: the listing rejects', async () => {
    const root = temporary();
    const destination = await opened(specOf(server, root));
    for (const key of ['a/1', 'b/1', 'c/1']) await destination.write(key, Buffer.from('x'));
    order('cut-before 12');
    await expect(keys(destination, '')).rejects.toThrow(/cannot list .*: the connection to .* was cut/);
    expect(await keys(destination, '')).toEqual(['a/1', 'b/1', 'c/1']);
    await destination.close();
  });

  it('while it is read: the stream fails with a sentence', async () => {
    const root = temporary();
    const destination = await opened(specOf(server, root));
    await store(destination, 'a', randomBytes(1_000_000));
    order('cut-after 5');
    await expect(collect(destination, 'a')).rejects.toThrow(/cannot read .*a: the connection to .* was cut/);
    expect((await collect(destination, 'a')).length).toBe(1_000_000);
    await destination.close();
  });

  it('because the server no longer answers: it is given up, no ssh is left, and the next session works', async () => {
    const root = temporary();
    const destination = await openSftp('nas', specOf(server, root), process.env, 12);
    await destination.write('old', Buffer.from('x'));
    order(`stall ${write}`);
    const began = performance.now();
    await expect(store(destination, 'new', randomBytes(3_000_000))).rejects.toThrow(
      /^Destination nas: cannot (write|make durable) .*new: its server has not answered for 12 s/,
    );
    expect(performance.now() - began).toBeLessThan(50_000);
    expect(await readdir(root)).toEqual(['old']);
    await destination.close();
    expect(clientsOf(process.pid)).toEqual([]);
  });
});

describe.skipIf(!hasSftp)('sftp at a server that is not all that one could wish', () => {
  it('without extensions nothing is overwritten, the space is not known, and what is replaced is never missing', async () => {
    const root = temporary();
    const destination = await opened(specOf(await served({ sftp: filtered('plain') }), root));
    expect(await destination.free()).toBeNull();
    await destination.replace('page', Buffer.from('a long first page'));
    let looking = true;
    const looks = (async () => {
      while (looking) expect((await readdir(root)).includes('page')).toBe(true);
    })();
    for (let index = 0; index < 20; index += 1) await destination.replace('page', Buffer.from(`page ${index}`));
    looking = false;
    await looks;
    expect(await readFile(join(root, 'page'), 'utf8')).toBe('page 19');
    await destination.close();
  });

  it('one whose rename replaces, without hard links, is refused: nothing is published', async () => {
    const root = temporary();
    const destination = await opened(specOf(await served({ sftp: filtered('replacing') }), root));
    await expect(destination.write('a/b', Buffer.from('x'))).rejects.toThrow(
      /replaces files when it renames.*hardlink@openssh.com/,
    );
    expect(await readdir(join(root, 'a'))).toEqual([]);
    await destination.close();
  });
});

describe.skipIf(!hasSftp || !canMount())('sftp on a file system of its own', () => {
  async function mounted(options: string): Promise<{ root: string; unmount(): void }> {
    const root = temporary();
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', root]).status).toBe(0);
    return { root, unmount: () => expect(spawnSync('umount', ['-l', root]).status).toBe(0) };
  }

  it.each(['internal-sftp', sftpServer])(
    'tells a full disk in one sentence and leaves nothing (%s)',
    async (program) => {
      const { root, unmount } = await mounted('size=4m');
      try {
        const destination = await opened(specOf(await served({ sftp: program }), root));
        await destination.write('old', randomBytes(1000));
        await expect(store(destination, 'a/new', randomBytes(9_000_000))).rejects.toThrow(
          /^Destination nas: cannot (write|make durable) .*a\/new: no space is left on that file system.*free\)\.$/,
        );
        expect(await keys(destination, '')).toEqual(['old']);
        expect(await readdir(join(root, 'a'))).toEqual([]);
        expect(await destination.free()).toBeGreaterThan(3_900_000);
        await destination.close();
      } finally {
        unmount();
      }
    },
  );

  it('tells a read-only file system, and still reads it', async () => {
    const { root, unmount } = await mounted('size=4m');
    try {
      const destination = await opened(specOf(await served(), root));
      await destination.write('old', Buffer.from('x'));
      expect(spawnSync('mount', ['-o', 'remount,ro', root]).status).toBe(0);
      await expect(destination.write('new', Buffer.from('y'))).rejects.toThrow(/mounted read-only/);
      expect(String(await collect(destination, 'old'))).toBe('x');
      expect(Math.abs((await destination.clock()).getTime() - Date.now())).toBeLessThan(60_000);
      await destination.close();
    } finally {
      unmount();
    }
  });
});

it.skipIf(!hasSftp)('an account that may not write there is told so', async () => {
  const folder = mkdtempSync('/run/runner-sftp-');
  chrooted.push(folder);
  await chmod(folder, 0o755);
  mkdirSync(join(folder, 'sshd'));
  mkdirSync(join(folder, 'data'), { mode: 0o755 });
  const server = await startSshd(join(folder, 'sshd'), {}, { user: 'nobody', lines: ['ForceCommand internal-sftp'] });
  servers.push(server);
  const destination = await opened(specOf(server, join(folder, 'data')));
  await expect(destination.write('a/b', Buffer.from('x'))).rejects.toThrow(
    /^Destination nas: cannot create .*a\/b: permission is denied: the account must own that folder/,
  );
  await destination.close();
});

async function modesOf(root: string, names: string[]): Promise<string[]> {
  return await Promise.all(names.map(async (name) => ((await stat(join(root, name))).mode & 0o7777).toString(8)));
}
