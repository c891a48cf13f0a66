/** How a file that is whole gets its name: never in the place of another, and known even if the answer is lost. */
import { randomInt } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { KeyExists } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { partOf, smallAttempt } from '../file-names.ts';
import type { Files } from './files.ts';
import { Refused } from './session.ts';
import { Open, Status } from './wire.ts';

/** A file on its way: `part` is to become `path` at the destination `name`. */
export type Claim = { name: string; part: string; path: string };

/** Gives it its name, and takes the temporary one away. Rejects with KeyExists when it is taken. */
export async function claim(files: Files, { name, part, path }: Claim): Promise<void> {
  if (files.offers('link') && (await linked(files, { name, part, path }))) return await files.remove(part);
  await refuseReplacing(files, name, path);
  try {
    await files.rename(part, path);
  } catch (error) {
    await refuseTaken(files, { name, part, path }, error);
    throw error;
  }
}

/** False where the file system may know no hard links, and a rename is to be tried. */
async function linked(files: Files, wanted: Claim): Promise<boolean> {
  try {
    await files.link(wanted.part, wanted.path);
    return true;
  } catch (error) {
    await refuseTaken(files, wanted, error);
    // What is gone can have no second name.
    if ((error as Refused).status === Status.missing) throw error;
    return false;
  }
}

/** The session ended while the name was given: finds out on a new one what became of it, and finishes it. */
export async function settle(files: Files, wanted: Claim, size: number): Promise<void> {
  const { name, part, path } = wanted;
  const [left, there] = await Promise.all([files.lstat(part), files.lstat(path)]);
  if (left && !there) return await claim(files, wanted);
  if (!there) throw new RunnerError(`Destination ${name}: ${part} is gone, so ${path} cannot be published.`);
  if (!left && there.size === size) return;
  if (!left || !(await isSame(files, part, path, left.modified ?? 0))) throw taken(wanted);
  await files.remove(part);
}

/** Whether two names are of one file: a mark on the one is seen on the other. */
async function isSame(files: Files, part: string, path: string, modified: number): Promise<boolean> {
  const mark = randomInt(1, 2 ** 30);
  await files.set(part, { accessed: mark, modified });
  return (await files.lstat(path))?.accessed === mark;
}

/** Throws KeyExists when the name is taken, and the error when it is none of the server's answers. */
async function refuseTaken(files: Files, wanted: Claim, error: unknown): Promise<void> {
  if (!(error instanceof Refused)) throw error;
  if ((await files.lstat(wanted.path)) !== null) throw taken(wanted);
}

function taken({ name, path }: Claim): KeyExists {
  return new KeyExists(`${path} already exists at ${name}; nothing is overwritten.`);
}

const tried = new WeakSet<Files>();

/** Throws RunnerError where the server's rename replaces what is there. It is tried once in a session, with two files of our own. */
async function refuseReplacing(files: Files, name: string, path: string): Promise<void> {
  if (tried.has(files)) return;
  const [from, to] = [partOf(path, smallAttempt()), partOf(path, smallAttempt())];
  const { write, create, exclusive } = Open;
  try {
    for (const one of [from, to]) await files.close(await files.open(one, write | create | exclusive, 0o600));
    const refused = await files.rename(from, to).then(
      () => false,
      (error: unknown) => error instanceof Refused,
    );
    if (!refused)
      throw new RunnerError(
        `Destination ${name}: its server replaces files when it renames, and knows no hard links in ${dirname(path)} (hardlink@openssh.com), so a backup could be overwritten unseen: use a server that does, such as OpenSSH's.`,
      );
    tried.add(files);
  } finally {
    await Promise.all([files.remove(from), files.remove(to)]);
  }
}
