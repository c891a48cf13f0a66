/** Names in stores that are file systems, here or elsewhere: which keys they take, and how what is on its way is called. */
import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { RunnerError } from '../diagnostic.ts';

/** Unfinished files start with this; no key may, and no listing shows them. */
export const partPrefix = '.part-';

/** Throws RunnerError for a key that climbs, is absolute, or is taken by our own temporary names. `name` is the destination's. */
export function checkKey(name: string, key: string): void {
  const refuse = (why: string) =>
    new RunnerError(`The key ${JSON.stringify(key.slice(0, 200))} is refused at ${name}: ${why}.`);
  if (key === '' || key.includes('\0')) throw refuse('it is empty or holds a NUL');
  for (const part of key.split('/')) {
    if (part === '' || part === '.' || part === '..') throw refuse('it has an empty part, "." or ".."');
    if (part.startsWith(partPrefix)) throw refuse(`names that start with "${partPrefix}" are for unfinished files`);
    if (Buffer.byteLength(part) > 255) throw refuse('a part of it is longer than 255 bytes');
  }
}

/** Throws RunnerError for the prefix of a listing that climbs. */
export function checkPrefix(name: string, prefix: string): void {
  if (prefix.split('/').some((part) => part === '..') || prefix.startsWith('/') || prefix.includes('\0'))
    throw new RunnerError(`The prefix ${JSON.stringify(prefix.slice(0, 200))} is refused at ${name}: it climbs.`);
}

/** The temporary name of an attempt: hashed, because with a prefix a long name would no longer fit into 255 bytes. */
export function partOf(path: string, attempt: string): string {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(attempt)) throw new RunnerError(`"${attempt}" is not the name of an attempt.`);
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
