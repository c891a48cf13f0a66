/** What a server says of itself: how much room there is, and what time it is. */
import { dirname } from 'node:path/posix';
import type { Files } from './files.ts';
import { Refused } from './session.ts';
import { Open, Status } from './wire.ts';

/** Free bytes where a folder is, or is to be made; null where the server does not say. */
export async function freeSpace(files: Files, folder: string): Promise<number | null> {
  if (!files.offers('space')) return null;
  for (let at = folder; ; at = dirname(at)) {
    try {
      return (await files.space(at)).free;
    } catch (error) {
      const isMissing = error instanceof Refused && error.status === Status.missing;
      if (!isMissing || dirname(at) === at) throw error;
    }
  }
}

/** The time that the server gives a new file, which is removed again; where none may be made, this machine's. */
export async function timeOfNew(files: Files, path: string): Promise<Date> {
  try {
    const handle = await files.open(path, Open.write | Open.create | Open.exclusive, 0o600);
    const [{ modified }] = await Promise.all([files.fstat(handle), files.close(handle), files.remove(path)]);
    return modified === undefined ? new Date() : new Date(modified * 1000);
  } catch (error) {
    if (error instanceof Refused) return new Date();
    throw error;
  }
}
