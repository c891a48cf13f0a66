/** What a killed writer left of small files: names that no journal knows and no listing shows. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './faults.ts';
import { partPrefix } from './place.ts';

/** Attempts of small files start with this; a large one's is named in a journal and removed by that. */
export const smallPrefix = 'small-';

/** Removes those below a folder that were last written before `limit`: a living writer is done with its own in an instant. */
export async function sweepSmall(folder: string, limit: Date): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await sweepSmall(path, limit);
    else if (entry.isFile() && entry.name.startsWith(partPrefix + smallPrefix)) await removeOld(path, limit);
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function removeOld(path: string, limit: Date): Promise<void> {
  try {
    if ((await lstat(path)).mtime < limit) await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
