/** From a key to the name of a file in a snapshot and back. */
import { RunnerError } from '../../diagnostic.ts';

/** Throws RunnerError for a key that climbs, is absolute, or has empty parts: `name` is the destination's. */
export function checkKey(name: string, key: string): void {
  const refuse = (why: string) =>
    new RunnerError(`The key ${JSON.stringify(key.slice(0, 200))} is refused at ${name}: ${why}.`);
  if (key === '' || key.includes('\0')) throw refuse('it is empty or holds a NUL');
  for (const part of key.split('/')) {
    if (part === '' || part === '.' || part === '..') throw refuse('it has an empty part, "." or ".."');
  }
}

/** Throws RunnerError for a prefix that climbs. */
export function checkPrefix(name: string, prefix: string): void {
  if (prefix.split('/').includes('..') || prefix.startsWith('/') || prefix.includes('\0')) {
    throw new RunnerError(`The prefix ${JSON.stringify(prefix.slice(0, 200))} is refused at ${name}: it climbs.`);
  }
}

/** Throws RunnerError for what is no name of an attempt: it becomes a tag, and a comma would make two of it. */
export function checkAttempt(attempt: string): void {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(attempt)) throw new RunnerError(`"${attempt}" is not the name of an attempt.`);
}
