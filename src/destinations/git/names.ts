/** Names in trees of Git: keys as paths of the bookkeeping, and members of an archive as files that a person sees. */
import { checkKey } from '../keys.ts';

/** Ends the name of a key; what lies in it says when it was written, and of an artifact how long it is. */
const mark = '~';

/** Where a key of the store lies in the tree of the bookkeeping, without its last part. Throws RunnerError where it climbs. */
export function pathOfKey(name: string, key: string): string {
  checkKey(name, key);
  return `${key.split('/').map(escapeSegment).join('/')}${mark}`;
}

/** Only letters that no file system and no check of a server takes for anything else. */
function escapeSegment(segment: string): string {
  const plain = Buffer.from(segment)
    .toString('latin1')
    .replace(/[^A-Za-z0-9._@+=,-]/g, escaped);
  return /^\.git/i.test(plain) ? `%2E${plain.slice(1)}` : plain;
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The key whose path this is, with what its last part says: `1a2b3c` (milliseconds) or `1a2b3c-zz` (and bytes), in base 36. */
export function keyOfPath(path: string): { key: string; modified: Date; size: number | null } | null {
  const match = /^(.+)~\/([0-9a-z]+)(?:-([0-9a-z]+))?$/.exec(path);
  if (!match) return null;
  const raw = match[1]!.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const size = match[3] === undefined ? null : Number.parseInt(match[3], 36);
  return {
    key: Buffer.from(raw, 'latin1').toString('utf8'),
    modified: new Date(Number.parseInt(match[2]!, 36)),
    size,
  };
}

export function stampName(modified: Date, size: number | null): string {
  return `${modified.getTime().toString(36)}${size === null ? '' : `-${size.toString(36)}`}`;
}

/**
 * How a member of an archive is called in the tree that people see; null where it has no place there. Names as latin1 text, a
 * character a byte. What Git itself would act upon in a clone is shown with its dot written as `%2E`.
 */
export function shownPath(member: string): string | null {
  const parts = member.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || member.includes('\0')) return null;
  return parts.map((part) => (actsInClones(part) ? part.replace(/[.~]/g, escaped) : part)).join('/');
}

/** `..`, and whatever some file system would take for `.git`, `.gitmodules` or `.gitattributes`. */
function actsInClones(part: string): boolean {
  if (part === '..') return true;
  const readable = Buffer.from(part, 'latin1')
    .toString('utf8')
    .replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '')
    .toLowerCase();
  return readable
    .split(/[\\:]/)
    .map((piece) => piece.replace(/[. ]+$/, ''))
    .some((piece) =>
      /^(?:\.git(?:modules|attributes)?|\.\.?|git~\d+|git(?:mod|att)~\d+|gi[0-9a-f]{4}~\d+)$/.test(piece),
    );
}

/** A path as `git fast-import` reads it, whatever bytes it has. */
export function quotedPath(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
