/**
 * What a killed writer left of small files: names that no journal knows and no listing shows. Whatever has this very name was made
 * by us; at most it is the second name of a file that was published, which stays. A writer that slept for an hour finds its
 * temporary gone and fails, and nothing is there of what it wrote. Artifacts have other names: their journal knows them.
 */
import type { Dirent } from 'node:fs';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSmallPart } from '../file-names.ts';
import { errorCode } from './faults.ts';

/** Removes those below a folder that were last written before `limit`: a living writer is done with its own in an instant. */
export async function sweepSmall(folder: string, limit: Date): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await sweepSmall(path, limit);
    else if (entry.isFile() && isSmallPart(entry.name)) await removeOld(path, limit);
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
