/** The private repository here in which commits are made before they are pushed. It may be deleted at any time. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import { checkAttempt } from '../keys.ts';
import type { Git } from './program.ts';
import type { GitSpec } from './spec.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where it lies: one for each repository, below a folder that only its owner can read. */
export function cacheFolder(spec: GitSpec, environment: Environment): string {
  const { XDG_CACHE_HOME, HOME } = environment;
  const base = XDG_CACHE_HOME || (HOME ? join(HOME, '.cache') : join(tmpdir(), `runner-${process.getuid?.() ?? ''}`));
  const root = spec.cache ?? join(base, 'runner', 'git');
  return join(root, createHash('sha256').update(spec.repository).digest('hex').slice(0, 24));
}

/** Makes it where it is missing, and sweeps what killed runs left in it. */
export async function openCache(name: string, git: Git): Promise<void> {
  const { directory } = git;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await lstat(directory);
    if (!found.isDirectory() || (process.getuid && found.uid !== process.getuid()))
      throw new RunnerError(
        `Destination ${name}: ${directory} belongs to somebody else: name another folder in "cache".`,
      );
    await chmod(directory, 0o700);
  } catch (error) {
    if (error instanceof RunnerError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new RunnerError(`Destination ${name}: cannot make the folder ${directory}: ${why}; name another in "cache".`);
  }
  const problem = (await isRepository(git)) ? null : await makeRepository(git);
  if (problem !== null)
    throw new RunnerError(
      `Destination ${name}: cannot make a repository in ${directory}: ${problem}; nothing in this folder is needed: delete it.`,
    );
  await mkdir(join(directory, 'attempts'), { recursive: true, mode: 0o700 });
  await sweep(git);
}

async function isRepository(git: Git): Promise<boolean> {
  return (await git.line(['rev-parse', '--is-bare-repository'])) !== null;
}

/**
 * Beside its place, then moved there in one step: of several runs that begin at once each finds a whole one, and of one that is
 * killed meanwhile no lock file stays in it. Gives why it could not be made.
 */
async function makeRepository(git: Git): Promise<string | null> {
  const { directory } = git;
  const fresh = git.in(`${directory}.${ownHandle()}`);
  try {
    await mkdir(fresh.directory, { mode: 0o700 });
    const { ok, stderr } = await fresh.run(initialise);
    if (!ok) return stderr.trim();
    await rename(fresh.directory, directory);
    return null;
  } catch (error) {
    // Something is there: another run was first, or a cleaner of old files took a part of it, which Git puts back. Or nothing
    // can be made beside it.
    if (await isRepository(git)) return null;
    const { ok, stderr } = await git.run(initialise);
    // Git calls it done where HEAD is empty, as a machine without power leaves it.
    if (ok && (await isRepository(git))) return null;
    return `${error instanceof Error ? error.message : error}; ${ok ? 'a part of it is broken' : stderr.trim()}`;
  } finally {
    await rm(fresh.directory, { recursive: true, force: true }).catch(() => {});
  }
}

const initialise = ['init', '--quiet', '--bare', '--template=', '--initial-branch=none'];

/** A name for the refs of this process, which tells whether it still lives. */
export function ownHandle(): string {
  return `${process.pid}-${randomBytes(6).toString('hex')}`;
}

const day = 24 * 3_600_000;

async function sweep(git: Git): Promise<void> {
  const refs = (await git.line(['for-each-ref', '--format=%(refname)', 'refs/handles'])) ?? '';
  const stale = refs.split('\n').filter((ref) => ref !== '' && !isAlive(Number(ref.split('/')[2]!.split('-')[0])));
  if (stale.length > 0)
    await git.run(['update-ref', '--stdin'], { input: stale.map((ref) => `delete ${ref}\n`).join('') });
  const { directory } = git;
  const unmade = `${basename(directory)}.`;
  const isLeft: [folder: string, is: (entry: string) => boolean][] = [
    [join(directory, 'attempts'), () => true],
    [directory, (entry) => /^fast_import_crash_|\.lock$/.test(entry)],
    [dirname(directory), (entry) => entry.startsWith(unmade)],
  ];
  for (const [folder, is] of isLeft) {
    // What cannot be looked at or removed, say another user's, stands in nobody's way.
    for (const entry of (await readdir(folder).catch(() => [])).filter(is)) {
      const path = join(folder, entry);
      const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
      if (age > day) await rm(path, { recursive: true, force: true }).catch(() => {});
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Where an attempt's objects wait: a repository of its own that reads ours, so that it can be thrown away without a trace. */
export function attemptFolder(git: Git, key: string, attempt: string): string {
  return join(git.directory, 'attempts', attemptHash(key, attempt));
}

export function attemptHash(key: string, attempt: string): string {
  checkAttempt(attempt);
  return createHash('sha256').update(`${attempt}\0${key}`).digest('hex').slice(0, 32);
}

export async function makeAttempt(git: Git, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const part of ['objects/info', 'objects/pack', 'refs'])
    await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(folder, 'objects', 'info', 'alternates'), `${join(git.directory, 'objects')}\n`);
}

/** Moves the packs of an attempt into the repository. The index last: without it a pack does not count. */
export async function adoptAttempt(git: Git, folder: string): Promise<void> {
  const from = join(folder, 'objects', 'pack');
  const order = (file: string) => (file.endsWith('.idx') ? 1 : 0);
  const files = (await readdir(from)).filter((file) => file.startsWith('pack-'));
  for (const file of files.sort((left, right) => order(left) - order(right)))
    await rename(join(from, file), join(git.directory, 'objects', 'pack', file));
}
