/**
 * Names of parts (databases) as they stand in keys: `ID.<part>.dump.zst`. Lower-case letters, digits, `_` and `-` stand for
 * themselves; every other byte of the UTF-8 text, capital letters among them, is `=` and two hex digits, so that no two names
 * meet on a store that ignores case, and the name can be read back.
 */
import { createHash } from 'node:crypto';
import type { PartId } from '../graph.ts';

type Named = { name?: string | null; purpose: PartId['purpose'] };

/** No name of a database gives this: behind its `=` stand no hex digits. */
const globalsWord = '=globals';
/** Nor this: an empty name. */
const emptyWord = '=empty';
const hexWord = '=x';
/** Characters; the id, the extensions and a temporary suffix must fit beside them into the 255 of a file name. */
const longest = 130;
/** Characters of a longer one that are kept before its hash. */
const kept = 80;

/** What stands behind the id in the key of one of several artifacts, with its dot; empty for a single one. */
export function partSuffix({ name, purpose }: Named): string {
  if (purpose === 'globals') return `.${globalsWord}`;
  return name === undefined || name === null ? '' : `.${encodePart(name)}`;
}

/** The part that a suffix of `partSuffix` speaks of; null where it is none, or was cut. */
export function decodeSuffix(suffix: string): PartId | null {
  if (suffix === `.${globalsWord}`) return { name: 'globals', purpose: 'globals' };
  const name = suffix.startsWith('.') ? decodePart(suffix.slice(1)) : null;
  return name === null ? null : { name, purpose: 'data' };
}

/**
 * One that becomes long stands as the hex digits of all its bytes, which is enough for 64 of them. One that is too long for a
 * file name is cut and ends in `==` and its SHA-256: then only the manifest tells it.
 */
export function encodePart(name: string): string {
  if (name === '') return emptyWord;
  const bytes = Buffer.from(name);
  const word = [...bytes].map(encodeByte).join('');
  if (word.length <= longest) return word;
  if (bytes.length <= 64) return hexWord + bytes.toString('hex');
  const begin = word.slice(0, kept).replace(/=.?$/, '');
  return `${begin}==${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

/** The name again; null where the word is none or does not tell it. */
export function decodePart(word: string): string | null {
  if (word === emptyWord) return '';
  if (/^=x(?:[0-9a-f]{2})+$/.test(word)) return Buffer.from(word.slice(hexWord.length), 'hex').toString('utf8');
  if (!/^(?:[a-z0-9_-]|=[0-9a-f]{2})+$/.test(word)) return null;
  const bytes = [...word.matchAll(/=(..)|(.)/g)].map(([, hex, letter]) =>
    hex === undefined ? letter!.charCodeAt(0) : Number.parseInt(hex, 16),
  );
  return Buffer.from(bytes).toString('utf8');
}

function encodeByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  return /[a-z0-9_-]/.test(letter) ? letter : `=${byte.toString(16).padStart(2, '0')}`;
}
