/** Which keys, prefixes and names of attempts every store refuses. `name` is the destination's, for the sentence. */
import { KeyMissing } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';

/** The sentence about a key that is not taken; `why` is a clause. */
export function refusedKey(name: string, key: string, why: string): RunnerError {
  return new RunnerError(`The key ${JSON.stringify(key.slice(0, 200))} is refused at ${name}: ${why}.`);
}

/** Throws RunnerError for a key that climbs, is absolute, or has empty parts. */
export function checkKey(name: string, key: string): void {
  if (key === '' || key.includes('\0')) throw refusedKey(name, key, 'it is empty or holds a NUL');
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw refusedKey(name, key, 'it has an empty part, "." or ".."');
}

/** Throws RunnerError for the prefix of a listing that climbs. It may end anywhere. */
export function checkPrefix(name: string, prefix: string): void {
  if (prefix.split('/').includes('..') || prefix.startsWith('/') || prefix.includes('\0'))
    throw new RunnerError(`The prefix ${JSON.stringify(prefix.slice(0, 200))} is refused at ${name}: it climbs.`);
}

/** Throws RunnerError for what is no name of an attempt: letters, digits and dashes fit into a name, a tag and a pattern. */
export function checkAttempt(attempt: string): void {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(attempt)) throw new RunnerError(`"${attempt}" is not the name of an attempt.`);
}

/**
 * Whether exactly these bytes are what is there. `size` gives bytes, or nothing where there is no object; `read` may refuse what is
 * longer. Who writes the same name at the same moment may replace or remove it between the two: then it is somebody else's.
 */
export async function holdsExactly(
  bytes: Uint8Array,
  size: () => Promise<number | undefined>,
  read: () => Promise<Uint8Array>,
): Promise<boolean> {
  if ((await size()) !== bytes.length) return false;
  try {
    return Buffer.from(await read()).equals(bytes);
  } catch (error) {
    if (error instanceof KeyMissing || (await size()) !== bytes.length) return false;
    throw error;
  }
}

/** The last part of a key: how a fetched file is called. */
export const fileOf = (key: string) => key.slice(key.lastIndexOf('/') + 1);
