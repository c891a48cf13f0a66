/** Folders that are made on the way to a file. */
import { constants } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './faults.ts';

/** Makes what is missing of a folder, each with this mode; every new name is made durable in its parent. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT') throw error;
    await makeDirectory(dirname(path), mode);
    return await makeDirectory(path, mode);
  }
  // The process's own mask may have taken bits away.
  await chmod(path, mode);
  await syncDirectory(dirname(path));
}

/** Makes the names in a folder durable. File systems that cannot (EINVAL) keep no such promise to anybody. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } catch (error) {
    if (errorCode(error) !== 'EINVAL') throw error;
  } finally {
    await directory.close();
  }
}
