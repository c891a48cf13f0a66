/** Folders that are made on the way to a file. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and what is missing above it, each with this mode less the process's mask. Rejects where none can be
 * made. Node's own `recursive` never ends below a folder that is there and takes no other: /proc, or a link that leads
 * nowhere.
 */
export async function makeFolders(path: string, mode: number): Promise<void> {
  if (await isMade(path, mode)) return;
  await makeFolders(dirname(path), mode);
  await mkdir(path, { mode }).catch(tolerateExisting);
}

async function isMade(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    tolerateExisting(error);
  }
  return true;
}

function tolerateExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
