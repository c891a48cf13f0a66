/** From a key to the name of an object, and never out of the prefix. */
import { checkKey, checkPrefix, refusedKey } from '../keys.ts';

/** What S3 allows for the name of an object, its prefix counted. */
const longest = 1024;

/** A prefix as it stands before every key: empty, or with one slash at its end and none at its start. */
export function prefixOf(text: string | undefined): string {
  const trimmed = (text ?? '').replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? '' : `${trimmed}/`;
}

/** The object's name. Throws RunnerError for a key that climbs, is absolute, or is too long. */
export function objectName(name: string, prefix: string, key: string): string {
  checkKey(name, key);
  if (isUnlistable(key)) throw refusedKey(name, key, 'it has a control character, which some servers list as another');
  if (Buffer.byteLength(prefix + key) > longest)
    throw refusedKey(name, key, `with its prefix it is longer than ${longest} bytes`);
  return prefix + key;
}

/** Listings are XML, which has no place for most control characters; not every server writes them in another way. */
export function isUnlistable(key: string): boolean {
  return [...key].some((character) => character < ' ' && character !== '\t' && character !== '\n');
}

/** As `objectName`, for what keys begin with: it may end anywhere. */
export function namePrefix(name: string, prefix: string, start: string): string {
  checkPrefix(name, start);
  return prefix + start;
}
