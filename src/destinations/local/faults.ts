/** Faults of a file system in the words of a person. */

import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import { formatSize } from '../../units.ts';

export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

const reasons: Record<string, string> = {
  ENOSPC: 'no space is left on that file system: free some, or choose another destination',
  EDQUOT: 'the disk quota is used up: free some, or have it raised',
  EACCES: 'permission is denied: the user that runs this program must own that folder',
  EPERM: 'the operation is not permitted there',
  EROFS: 'that file system is mounted read-only',
  EIO: 'the disk reports an input/output error: what was being written is discarded; check the disk',
  ENOTDIR: 'a part of that path is a file, not a folder',
  EISDIR: 'that is a folder',
  ENAMETOOLONG: 'that name is too long for the file system',
  EMFILE: 'too many files are open',
  ESTALE: 'the mounted file system has gone stale: mount it again',
  EFBIG: 'that file would be larger than the file system or a limit of the process (ulimit -f) allows',
  ELOOP: 'a symbolic link stands in its place',
};

/** The same error as one sentence: which destination, what was done, where, why. RunnerErrors pass as they are. */
export function explained(error: unknown, name: string, doing: string, path: string): Error {
  const code = errorCode(error);
  if (error instanceof RunnerError || code === undefined || !(error instanceof Error)) return error as Error;
  const room = code === 'ENOSPC' ? roomOf(path) : '';
  const why = reasons[code] ?? error.message;
  return new RunnerError(`Destination ${name}: cannot ${doing} ${path}: ${why}${room}.`, { cause: error });
}

function roomOf(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return ` (${formatSize(bavail * bsize)} free)`;
  } catch {
    return '';
  }
}
