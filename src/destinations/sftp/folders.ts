/** Folders that are made on the way to a file, and names in them that are made durable. */
import { dirname } from 'node:path/posix';
import type { Files } from './files.ts';
import { Refused } from './session.ts';
import { isFolder, Open, Status } from './wire.ts';

/** Makes what is missing of a folder, each with this mode (null: as the server makes them); every new name is made durable. */
export async function makeFolder(files: Files, path: string, mode: number | null, parentIsMade = false): Promise<void> {
  const attributes = mode === null ? {} : { mode };
  try {
    await files.makeFolder(path, attributes);
  } catch (error) {
    // A server of version 3 has no word for "it exists".
    const there = await files.stat(path);
    if (there && isFolder(there)) return;
    if (there || parentIsMade || dirname(path) === path || !(error instanceof Refused)) throw error;
    await makeFolder(files, dirname(path), mode);
    return await makeFolder(files, path, mode, true);
  }
  // The account's own mask may have taken bits away.
  if (mode !== null) await files.set(path, attributes);
  await syncFolder(files, dirname(path));
}

/** Makes the names in a folder durable, where the server and its file system can. */
export async function syncFolder(files: Files, path: string): Promise<void> {
  if (!files.offers('sync')) return;
  try {
    const handle = await files.open(path, Open.read);
    try {
      await files.sync(handle);
    } finally {
      await files.close(handle);
    }
  } catch (error) {
    // Not every server opens a folder, nor does every file system sync one; a disk that fails is an error.
    if (!(error instanceof Refused) || error.status === Status.failure) throw error;
  }
}
