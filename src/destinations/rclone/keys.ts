/** Which keys are taken, and what is called how on its way. */
import { createHash, randomBytes } from 'node:crypto';
import { checkAttempt, checkKey, refusedKey } from '../keys.ts';

/** What is on its way lies here, at the root of the destination; no key may, and no listing shows it. */
export const temporaryFolder = '.runner-tmp/';

/** Throws RunnerError for a key that every store refuses, that rclone cannot hold, or that our own temporary names have. */
export function checkRcloneKey(name: string, key: string): void {
  if (/\p{Cc}/u.test(key)) throw refusedKey(name, key, 'rclone writes control characters as others, or not at all');
  checkKey(name, key);
  if (key.startsWith(temporaryFolder))
    throw refusedKey(name, key, `what lies below "${temporaryFolder}" is unfinished`);
}

/** Where an attempt at a key lies until it is published. */
export function temporaryOf(key: string, attempt: string): string {
  checkAttempt(attempt);
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
