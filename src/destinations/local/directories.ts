/** Folders that are made on the way to a file. */
import { constants } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './faults.ts';

/** Makes what is missing of a folder, each with this mode (null: as the system makes them); every new name is made durable. */
export async function makeDirectory(path: string, mode: number | null, parentIsMade = false): Promise<void> {
  try {
    await mkdir(path, { mode: mode ?? 0o777 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || parentIsMade) throw error;
    await makeDirectory(dirname(path), mode);
    // Where the parent is there and still takes no folder (/proc, a link that leads nowhere), it never will.
    return await makeDirectory(path, mode, true);
  }
  // The process's own mask may have taken bits away.
  if (mode !== null) await chmod(path, mode);
  await syncDirectory(dirname(path));
}

/** Makes the names in a folder durable. File systems that cannot (over a network most of them) keep no such promise to anybody. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errorCode(error) ?? '')) throw error;
  } finally {
    await directory.close();
  }
}
