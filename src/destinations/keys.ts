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

/** As a Destination has them; sizes in bytes. */
type Readings = {
  stat(key: string): Promise<{ size: number } | null>;
  read(key: string, limit: number): Promise<Uint8Array>;
};

/**
 * Whether exactly these bytes are what is there. Who writes the same name at the same moment may replace or remove it between the
 * two looks: then it is somebody else's.
 */
export async function holdsExactly(store: Readings, key: string, bytes: Uint8Array): Promise<boolean> {
  const hasSize = async () => (await store.stat(key))?.size === bytes.length;
  if (!(await hasSize())) return false;
  try {
    return Buffer.from(await store.read(key, bytes.length)).equals(bytes);
  } catch (error) {
    if (error instanceof KeyMissing || !(await hasSize())) return false;
    throw error;
  }
}

/** The last part of a key: how a fetched file is called. */
export const fileOf = (key: string) => key.slice(key.lastIndexOf('/') + 1);
