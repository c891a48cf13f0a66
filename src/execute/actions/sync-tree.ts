import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './errors.ts';

/** Makes a file, or a directory with all that it holds, survive a power cut. Follows no link. */
export async function syncTree(path: string): Promise<void> {
  const status = await lstat(path);
  if (status.isDirectory()) {
    for (const name of await readdir(path, { encoding: 'buffer' })) await syncEntry(path, name);
  }
  if (status.isFile() || status.isDirectory()) await syncOne(path);
}

/** Names need not be text: one that is not is left to the file system, since Node would change it in a joined path. */
async function syncEntry(directory: string, name: Buffer): Promise<void> {
  const text = name.toString();
  if (Buffer.from(text).equals(name)) await syncTree(join(directory, text));
}

export async function syncOne(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      // A restored file may deny reading even to its owner; its data was written by the program that closed it.
      if (codeOf(error) === 'EACCES') return null;
      throw error;
    },
  );
  await handle?.sync().finally(() => handle.close());
}
