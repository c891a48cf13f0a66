/** Which keys are taken, and what is called how on its way. */
import { createHash, randomBytes } from 'node:crypto';
import { RunnerError } from '../../diagnostic.ts';

/** What is on its way lies here, at the root of the destination; no key may, and no listing shows it. */
export const temporaryFolder = '.runner-tmp/';

/** Throws RunnerError for a key that climbs, is absolute, or is taken by our own temporary names. `name` is the destination's. */
export function checkKey(name: string, key: string): void {
  const refuse = (why: string) =>
    new RunnerError(`The key ${JSON.stringify(key.slice(0, 200))} is refused at ${name}: ${why}.`);
  if (key === '') throw refuse('it is empty');
  if (/\p{Cc}/u.test(key)) throw refuse('rclone writes control characters as others, or not at all');
  if (key.startsWith(temporaryFolder)) throw refuse(`what lies below "${temporaryFolder}" is unfinished`);
  for (const part of key.split('/')) {
    if (part === '' || part === '.' || part === '..') throw refuse('it has an empty part, "." or ".."');
  }
}

/** Throws RunnerError for the prefix of a listing that climbs. */
export function checkPrefix(name: string, prefix: string): void {
  if (prefix.split('/').some((part) => part === '..') || prefix.startsWith('/') || prefix.includes('\0'))
    throw new RunnerError(`The prefix ${JSON.stringify(prefix.slice(0, 200))} is refused at ${name}: it climbs.`);
}

/** Where an attempt at a key lies until it is published. */
export function temporaryOf(key: string, attempt: string): string {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(attempt)) throw new RunnerError(`"${attempt}" is not the name of an attempt.`);
  return `${temporaryFolder}${attempt}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

/** Lies there as long as an attempt may be published: while an upload is on its way, stores show nothing that could be removed. */
export const markOf = (temporary: string) => `${temporary}.open`;

/** Attempts of small objects start with this; a large one's is named in a journal and removed by that. */
const smallPrefix = 'small-';

/** The attempt of a small object; never seen by anybody else. */
export function smallAttempt(): string {
  return `${smallPrefix}${randomBytes(8).toString('hex')}`;
}

/** Whether a key is `temporaryOf` a small object. */
export function isSmallTemporary(key: string): boolean {
  return smallName.test(key);
}

const smallName = /^\.runner-tmp\/small-[0-9a-f]{16}-[0-9a-f]{16}$/;
