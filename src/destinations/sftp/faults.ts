/** What a server refuses and how sessions end, in the words of a person. */
import { dirname } from 'node:path/posix';
import { KeyExists, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { formatSize } from '../../units.ts';
import type { Files } from './files.ts';
import { Ended, Refused } from './session.ts';
import { isFolder, Status } from './wire.ts';

const reasons: Record<number, string> = {
  [Status.missing]: 'it, or a folder on the way to it, is not there',
  [Status.denied]: 'permission is denied: the account must own that folder and be allowed to write there',
  [Status.badMessage]: 'that name is too long, or is none that its file system takes',
  [Status.unsupported]: 'its server cannot do that',
};

/** Bytes: with less than a few blocks left, a write that failed has failed for that. */
const scarce = 1024 * 1024;

/** The same error as one sentence: which destination, what was done, where, why. Asks a living session for the free space. */
export async function explained(
  error: unknown,
  name: string,
  doing: string,
  path: string,
  files: Files | null,
): Promise<Error> {
  const sentence = (why: string) => `Destination ${name}: cannot ${doing} ${path}: ${why}.`;
  if (error instanceof Ended) return new Ended(sentence(error.message), error.how);
  if (error instanceof KeyExists || error instanceof KeyMissing || error instanceof RunnerError) return error;
  if (error instanceof RangeError)
    return new RunnerError(sentence(`its server's answer makes no sense (${error.message})`));
  if (!(error instanceof Refused)) return error as Error;
  const why = error.status === Status.failure ? await failure(error, path, files) : reasons[error.status];
  return new RunnerError(sentence(why ?? `its server says "${error.message}" (status ${error.status})`), {
    cause: error,
  });
}

/** One word for everything else: what it may mean is asked of the file system. */
async function failure(error: Refused, path: string, files: Files | null): Promise<string> {
  try {
    const file = files && (await fileOnTheWay(files, path));
    if (file) return `${file} is a file, and a folder is wanted there: correct "path"`;
    const space = files?.offers('space') ? await files.space(dirname(path)) : null;
    if (space?.readOnly) return 'that file system is mounted read-only';
    if (space && space.free < scarce)
      return `no space is left on that file system: free some, or choose another destination (${formatSize(space.free)} free)`;
  } catch {}
  const said = error.message === '' ? 'Failure' : error.message;
  return `its server says no more than "${said}": a full disk or quota, or a fault of the disk; its log may tell`;
}

/** The first thing above a path that is there, if that is no folder. */
async function fileOnTheWay(files: Files, path: string): Promise<string | null> {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    const there = await files.stat(at);
    if (there) return isFolder(there) ? null : at;
  }
  return null;
}

/** Does again what may be done twice, when the session ended in the middle of it. */
export async function twice<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Ended && error.how === 'cut') return await act();
    throw error;
  }
}
