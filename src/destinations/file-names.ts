/** Names in stores that are file systems, here or elsewhere: which keys they take, and how what is on its way is called. */
import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { checkAttempt, checkKey, refusedKey } from './keys.ts';

/** Unfinished files start with this; no key may, and no listing shows them. */
export const partPrefix = '.part-';

/** Throws RunnerError for a key that no file may have: as every store, and names of our own temporary files. */
export function checkFileKey(name: string, key: string): void {
  checkKey(name, key);
  for (const part of key.split('/')) {
    if (part.startsWith(partPrefix))
      throw refusedKey(name, key, `names that start with "${partPrefix}" are for unfinished files`);
    if (Buffer.byteLength(part) > 255) throw refusedKey(name, key, 'a part of it is longer than 255 bytes');
  }
}

/** The temporary name of an attempt: hashed, because with a prefix a long name would no longer fit into 255 bytes. */
export function partOf(path: string, attempt: string): string {
  checkAttempt(attempt);
  const hash = createHash('sha256').update(basename(path)).digest('hex').slice(0, 16);
  return join(dirname(path), `${partPrefix}${attempt}-${hash}`);
}

/** Attempts of small files start with this; a large one's is named in a journal and removed by that. */
const smallPrefix = 'small-';

/** The attempt of a small file; never seen by anybody else. */
export function smallAttempt(): string {
  return `${smallPrefix}${randomBytes(8).toString('hex')}`;
}

/** Whether a name is `partOf` a small file's attempt. One that only begins like it is somebody else's. */
export function isSmallPart(name: string): boolean {
  return smallName.test(name);
}

const smallName = new RegExp(`^\\${partPrefix}${smallPrefix}[0-9a-f]{16}-[0-9a-f]{16}$`);
