import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SourceFiles } from '../../src/plan/generated/types.ts';
import { files } from '../../src/sources/files/index.ts';
import { describeSource } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { has } from '../helpers/programs.ts';
import { describeTree, makeTree } from './files-data.ts';
import { temporary } from './temporary.ts';

type Options = Partial<Omit<SourceFiles, 'type' | 'paths'>>;
const spec = (paths: string[], options: Options = {}): SourceFiles => ({
  type: 'files',
  paths: paths as [string],
  ...options,
});

const gnu = has('tar');

function makeCase(options: Options & { glob?: boolean } = {}) {
  const { glob, ...rest } = options;
  const root = makeTree(join(temporary(), '-a folder'));
  const empty = join(temporary(), 'nothing-*');
  return {
    kind: files,
    spec: spec(glob ? [join(root, '**')] : [root], { base: root, ...rest }),
    missing: spec([join(root, 'missing')], { base: root }),
    empty: spec([empty], { optional: true }),
    fingerprint: (place: string | null) => describeTree(place ?? root),
    manualResult: 'restored',
    member: { name: glob ? 'deep/er/file' : './deep/er/file', bytes: 'x'.repeat(100_000) },
    elsewhere: makeTree(join(temporary(), 'aside')),
  };
}

describe.skipIf(!gnu)('a folder taken whole', () => describeSource('files', () => makeCase()));
describe.skipIf(!gnu)('optional paths', () => describeSource('files', () => makeCase({ optional: true })));

const machine = await Machine.start({ programs: files.programs(spec(['/'])) });
const capture = (given: SourceFiles) => machine.task().capture(files.capture(given, machine.facts));
let restores = 0;

async function restored(plain: Buffer, options = {}): Promise<string> {
  const path = machine.path(`restored-${++restores}`);
  await machine.task().take(files.restore(spec(['/']), { path }, machine.facts, options), plain);
  return path;
}

async function names(given: SourceFiles): Promise<string[]> {
  const { bytes } = await capture(given);
  const list = await machine.task().ask(files.list!(given, machine.facts), bytes);
  return list.toString().trimEnd().split('\n').sort();
}

function tree(): string {
  const root = temporary();
  mkdirSync(join(root, 'logs/old'), { recursive: true });
  mkdirSync(join(root, 'uploads/cache'), { recursive: true });
  for (const name of ['logs/a.log', 'logs/b.txt', 'logs/.c.log', 'logs/old/d.log', 'uploads/e.png', 'uploads/cache/f'])
    writeFileSync(join(root, name), name);
  return root;
}

describe.skipIf(!gnu)('which files are taken', () => {
  it('names them in full without a base, from the base on with one', async () => {
    const root = tree();
    expect(await names(spec([join(root, 'uploads/e.png')]))).toEqual([join(root, 'uploads/e.png').slice(1)]);
    expect(await names(spec([join(root, 'uploads/e.png')], { base: root }))).toEqual(['uploads/e.png']);
  });

  it('expands globs: hidden names too, any depth with **, and nothing twice', async () => {
    const root = tree();
    const take = (glob: string) => names(spec([join(root, glob)], { base: root }));
    expect(await take('logs/*.log')).toEqual(['logs/.c.log', 'logs/a.log']);
    expect(await take('**/*.log')).toEqual(['logs/.c.log', 'logs/a.log', 'logs/old/d.log']);
    expect(await take('logs/[ab].*')).toEqual(['logs/a.log', 'logs/b.txt']);
    expect(await take('logs/[!a].*')).toEqual(['logs/b.txt']);
    expect(await take('logs/?.txt')).toEqual(['logs/b.txt']);
    expect(await take('logs/**')).toEqual([
      'logs/',
      'logs/.c.log',
      'logs/a.log',
      'logs/b.txt',
      'logs/old/',
      'logs/old/d.log',
    ]);
    expect(await take('log*')).toEqual(await take('logs/**'));
  });

  it('takes a name that exists as it is written, also one that looks like a glob', async () => {
    const root = tree();
    writeFileSync(join(root, '[a].log'), '');
    writeFileSync(join(root, 'a.log'), '');
    expect(await names(spec([join(root, '[a].log')], { base: root }))).toEqual(['[a].log']);
  });

  it('fails with a sentence for a path that is missing and for a glob that matches nothing', async () => {
    const root = tree();
    await expect(capture(spec([join(root, 'typo')]))).rejects.toThrow(/typo: Cannot stat: No such file/);
    await expect(capture(spec([join(root, 'typo'), join(root, 'log*')], { base: root }))).rejects.toThrow(
      `${root}/typo does not exist`,
    );
    await expect(capture(spec([join(root, 'logs/*.gz')]))).rejects.toThrow(`nothing matches ${root}/logs/*.gz`);
    expect(files.requirements(spec([join(root, 'typo')]), machine.facts)).toContainEqual(
      expect.objectContaining({ need: 'path', path: join(root, 'typo') }),
    );
  });

  it('leaves out optional paths that are missing, but not all of them', async () => {
    const root = tree();
    const paths = [join(root, 'typo'), join(root, 'uploads/e.png')];
    expect(await names(spec(paths, { base: root, optional: true }))).toEqual(['uploads/e.png']);
    await expect(capture(spec([join(root, 'typo')], { optional: true }))).rejects.toThrow(/none of the paths exists/);
  });

  it('excludes names at any depth, and one place by its full path', async () => {
    const root = tree();
    mkdirSync(join(root, 'logs/uploads/cache'), { recursive: true });
    writeFileSync(join(root, 'logs/uploads/cache/g'), '');
    const take = (exclude: string[], paths = ['uploads', 'logs/uploads']) =>
      names(
        spec(
          paths.map((path) => join(root, path)),
          { base: root, exclude: exclude as [string] },
        ),
      );
    expect(await take(['cache/'])).toEqual(['logs/uploads/', 'uploads/', 'uploads/e.png']);
    expect(await take([join(root, 'uploads/cache')])).toEqual([
      'logs/uploads/',
      'logs/uploads/cache/',
      'logs/uploads/cache/g',
      'uploads/',
      'uploads/e.png',
    ]);
    const whole = await take([join(root, 'logs')], ['.']);
    expect(whole).toEqual(['./', './uploads/', './uploads/cache/', './uploads/cache/f', './uploads/e.png']);
  });

  it('leaves caches out, keeps their tag', async () => {
    const root = tree();
    writeFileSync(join(root, 'uploads/cache/CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55');
    const { bytes, ended } = await capture(spec([join(root, 'uploads')], { base: root }));
    expect(ended[0]!.verdict).toBe('ok');
    const list = await machine.task().ask(files.list!(spec(['/']), machine.facts), bytes);
    expect(list.toString()).toContain('uploads/cache/CACHEDIR.TAG\n');
    expect(list.toString()).not.toContain('uploads/cache/f');
  });

  it('follows symbolic links only when asked', async () => {
    const root = tree();
    symlinkSync(join(root, 'logs'), join(root, 'uploads/link'));
    const take = (options: Options) => names(spec([join(root, 'uploads')], { base: root, ...options }));
    expect(await take({})).toContain('uploads/link');
    expect(await take({ 'follow-symlinks': true })).toContain('uploads/link/a.log');
  });

  it('asks tar to stay on one file system only when asked', () => {
    const argv = (options: Options) => files.capture(spec(['/srv'], options), machine.facts).produce.argv;
    expect(argv({})).toContain('--exclude-caches');
    expect(argv({ 'include-caches': true })).not.toContain('--exclude-caches');
    expect(argv({})).not.toContain('--one-file-system');
    expect(argv({ 'one-file-system': true })).toContain('--one-file-system');
  });

  it('ignores sockets', async () => {
    const root = tree();
    const server = createServer().listen(join(root, 'logs/socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await names(spec([join(root, 'logs')], { base: root }))).not.toContain('logs/socket');
    server.close();
  });
});

describe.skipIf(!gnu)('what happens while it is read', () => {
  /** A tar that is replaced by what GNU tar 1.34 was seen to print, after it has done its work. */
  const verdict = async (exit: number, ...lines: string[]) => {
    const { produce } = files.capture(spec(['/srv']), machine.facts);
    const script = `printf '%s\\n' "$@" >&2; exit ${exit}`;
    const argv = ['sh', '-c', script, 'sh', ...lines, 'Total bytes written: 10240 (10KiB, 3.0MiB/s)'];
    const plan = { prepare: [], produce: { ...produce, argv }, cleanup: [], plain: { unknown: true } as const };
    return machine
      .task()
      .capture(plan)
      .then(({ ended }) => ended[0]!.verdict)
      .catch(() => 'failed');
  };

  it('is a warning when a file changed or went away, partial when one shrank, else a failure', async () => {
    expect(await verdict(1, 'tar: a: file changed as we read it')).toBe('warning');
    expect(await verdict(1, 'tar: a: File removed before we read it')).toBe('warning');
    expect(await verdict(1, 'tar: a: File shrank by 10 bytes; padding with zeros')).toBe('partial');
    expect(
      await verdict(1, 'tar: a: file changed as we read it', 'tar: b: File shrank by 9 bytes; padding with zeros'),
    ).toBe('partial');
    expect(await verdict(1, 'tar: a: socket ignored', 'tar: a: file changed as we read it')).toBe('warning');
    expect(await verdict(1, 'tar: a: something that nobody knows')).toBe('failed');
    expect(await verdict(2, 'tar: a: file changed as we read it')).toBe('failed');
  });

  it('warns about a file that a writer appends to, with a real tar', async () => {
    const root = tree();
    const file = join(root, 'growing');
    writeFileSync(file, Buffer.alloc(64 * 1024 * 1024, 'x'));
    const writing = setInterval(() => writeFileSync(file, 'y', { flag: 'a' }), 1);
    const { ended, size, bytes } = await capture(spec([file]));
    clearInterval(writing);
    expect(ended[0]!.verdict).toBe('warning');
    expect(ended[0]!.notes.join()).toContain('file changed as we read it');
    expect(size).toBe(bytes.length);
  });
});

describe.skipIf(!gnu)('what comes back', () => {
  it('keeps holes as holes and hard links as one file', async () => {
    const root = makeTree(join(temporary(), 'tree'));
    const place = await restored((await capture(spec([root], { base: root }))).bytes);
    const sparse = statSync(join(place, 'sparse'));
    expect([sparse.size, sparse.blocks * 512 < sparse.size / 8]).toEqual([8 * 1024 * 1024, true]);
    expect(statSync(join(place, 'plain')).ino).toBe(statSync(join(place, 'hard')).ino);
  });

  const root = process.getuid?.() === 0;
  it.skipIf(!root)('keeps owners and permissions only when the restore asks for them', async () => {
    const place = tree();
    const file = join(place, 'uploads/e.png');
    chownSync(file, 12_345, 54_321);
    chmodSync(file, 0o4755);
    const { bytes } = await capture(spec([file], { base: join(place, 'uploads') }));
    const mask = process.umask(0o022);
    const careful = statSync(join(await restored(bytes), 'e.png'));
    const asked = statSync(join(await restored(bytes, { owner: true, permissions: true }), 'e.png'));
    process.umask(mask);
    expect([careful.uid, careful.gid, careful.mode & 0o7777]).toEqual([process.getuid!(), process.getgid!(), 0o755]);
    expect([asked.uid, asked.gid, asked.mode & 0o7777]).toEqual([12_345, 54_321, 0o4755]);
  });

  it.skipIf(!root || !has('setfacl', 'getfacl', 'setfattr', 'getfattr'))(
    'keeps ACLs and extended attributes',
    async () => {
      const place = tree();
      const file = join(place, 'logs/a.log');
      execFileSync('setfacl', ['-m', 'u:4321:r', file]);
      execFileSync('setfattr', ['-n', 'user.origin', '-v', 'scanner', file]);
      const { bytes } = await capture(spec([file], { base: join(place, 'logs') }));
      const acl = (path: string) => execFileSync('getfacl', ['-n', path], { stdio: 'pipe' }).toString();
      const attribute = (path: string) => execFileSync('getfattr', ['-d', path], { stdio: 'pipe' }).toString();
      const careful = join(await restored(bytes), 'a.log');
      const asked = join(await restored(bytes, { permissions: true }), 'a.log');
      expect(acl(asked)).toContain('user:4321:r--');
      expect(attribute(asked)).toContain('user.origin="scanner"');
      expect(acl(careful)).not.toContain('4321');
      expect(attribute(careful)).toContain('user.origin="scanner"');
    },
  );

  it('finds a cut at the end of a member, where tar itself sees none', async () => {
    const place = tree();
    const { bytes } = await capture(spec([join(place, 'logs')], { base: place }));
    const whole = bytes.subarray(0, bytes.toString('latin1').search(/logs\/PaxHeaders[^\0]*b\.txt/));
    expect(execFileSync('tar', ['-t'], { input: whole, stdio: 'pipe' }).toString()).toContain('logs/');
    const check = machine.task().take(files.content(spec(['/']), machine.facts), whole);
    await expect(check).rejects.toThrow(/not whole/);
    await expect(restored(whole)).rejects.toThrow(/not whole/);
  });
});

describe.skipIf(!gnu)('a hostile archive', () => {
  const make = (...members: { name: string; type?: string; link?: string; body?: string; mode?: number }[]) =>
    Buffer.concat([...members.map(member), Buffer.alloc(1024)]);

  /** One member of a ustar archive, by hand: tar itself would not write such names. */
  function member({
    name,
    type = '0',
    link = '',
    body = '',
    mode = 0o644,
  }: {
    name: string;
    type?: string;
    link?: string;
    body?: string;
    mode?: number;
  }) {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${mode.toString(8).padStart(7, '0')}\0${'0'.repeat(7)}\0${'0'.repeat(7)}\0`, 100);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        `, 124);
    header.write(type, 156);
    header.write(link, 157);
    header.write('ustar\0', 257);
    header.write('00', 263);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const data = Buffer.alloc(Math.ceil(body.length / 512) * 512);
    data.write(body);
    return Buffer.concat([header, data]);
  }

  const attempt = (archive: Buffer) => restored(archive).catch(() => machine.path(`restored-${restores}`));

  it('writes nothing outside its folder: by absolute names, by .., or through links', async () => {
    const outside = temporary();
    const victim = join(outside, 'victim');
    const archives = [
      make({ name: victim, body: 'absolute' }),
      make({ name: `../../../../../../../../..${victim}`, body: 'dots' }),
      make({ name: `a/../../../../../../../../../..${victim}`, body: 'dots within' }),
      make({ name: 'link', type: '2', link: outside }, { name: 'link/victim', body: 'through a link' }),
      make({ name: 'up', type: '2', link: '../../../../../../..' }, { name: `up${victim}`, body: 'through a link up' }),
      make({ name: 'hard', type: '1', link: '/etc/passwd' }, { name: 'hard', body: 'through a hard link' }),
      make({ name: 'file', type: '2', link: victim }, { name: 'file', body: 'over a link' }),
    ];
    const passwords = readFileSync('/etc/passwd', 'utf8');
    for (const archive of archives) {
      await attempt(archive);
      expect(existsSync(victim)).toBe(false);
      expect(readdirSync(outside)).toEqual([]);
    }
    expect(readFileSync('/etc/passwd', 'utf8')).toBe(passwords);
  });

  it('sets no setuid bit', async () => {
    const place = await restored(make({ name: 'shell', body: 'x', mode: 0o4755 }));
    expect(statSync(join(place, 'shell')).mode & 0o7000).toBe(0);
  });

  it('may bring a link that points outside, but nothing through it', async () => {
    const place = await restored(make({ name: 'link', type: '2', link: '/etc/passwd' }));
    expect(readlinkSync(join(place, 'link'))).toBe('/etc/passwd');
  });
});

describe('files', () => {
  const facts = (programs: Record<string, string>) => ({
    programs: Object.fromEntries(Object.entries(programs).map(([name, version]) => [name, { path: name, version }])),
  });

  it('wants GNU tar, under either of its names', () => {
    const program = (programs: Record<string, string>) => files.requirements(spec(['/x']), facts(programs))[0];
    const used = (programs: Record<string, string>) => files.capture(spec(['/x']), facts(programs)).produce.argv[0];
    const both = { tar: 'bsdtar 3.5.3', gtar: 'tar (GNU tar) 1.35' };
    expect(program({ tar: 'tar (GNU tar) 1.34' })).toMatchObject({ program: 'tar' });
    expect([program(both), used(both)]).toMatchObject([{ program: 'gtar' }, 'gtar']);
    expect(program({ tar: 'bsdtar 3.5.3' })).toMatchObject({
      program: 'gtar',
      hint: expect.stringContaining('gnu-tar'),
    });
    expect(program({})).toMatchObject({ program: 'tar' });
  });

  it('has a home only where a folder is taken whole', () => {
    expect(files.home(spec(['/srv/shop'], { base: '/srv/shop' }))).toBe('/srv/shop');
    expect(files.home(spec(['/srv/shop/uploads'], { base: '/srv/shop' }))).toBe(null);
    expect(files.home(spec(['/srv/shop']))).toBe(null);
  });
});
