/** From a key to a path, and never out of the prefix: neither by `..` nor by a symbolic link. */
import { join, relative } from 'node:path/posix';
import { RunnerError } from '../../diagnostic.ts';
import { checkFileKey } from '../file-names.ts';
import type { Files } from './files.ts';
import { type Attributes, isLink } from './wire.ts';

export type Place = {
  name: string;
  /** The configured folder; a relative one begins where the account's sessions do. It may be a symbolic link. */
  root: string;
};

/** The path of a key. Throws RunnerError for one that climbs, is absolute, or is taken by our own temporary names. */
export function pathOf(place: Place, key: string): string {
  checkFileKey(place.name, key);
  return join(place.root, key);
}

/**
 * What lies at a path at or below the root, and null where nothing does; a link there is not followed. Throws RunnerError where
 * a link, there or on the way, leads out. All parts of the path are asked for at once.
 */
export async function looked(files: Files, place: Place, path: string): Promise<Attributes | null> {
  if (path === place.root) return await files.stat(path);
  const names = relative(place.root, path).split('/');
  const paths = names.map((_, index) => join(place.root, ...names.slice(0, index + 1)));
  const found = await Promise.all(paths.map((one) => files.lstat(one)));
  for (const [index, attributes] of found.entries()) {
    if (attributes === null) return null;
    if (isLink(attributes)) await checkLink(files, place, paths[index]!);
  }
  return found.at(-1)!;
}

/** Throws RunnerError for a link that leads out, or of which the server does not say where it leads. */
export async function checkLink(files: Files, place: Place, path: string): Promise<void> {
  const [root, target] = await Promise.all([files.real(place.root), files.real(path)]);
  if (root !== null && target !== null) {
    const inside = relative(root, target);
    // A server that only tidies paths says of a link that it leads to itself.
    const isTold = target !== join(root, relative(place.root, path));
    if (isTold && inside !== '..' && !inside.startsWith('../')) return;
  }
  throw new RunnerError(
    `Destination ${place.name}: ${path} is a symbolic link that leads out of ${place.root} (to ${target ?? 'nothing'}): it is not followed, because what lies there is not below the prefix. Remove the link, or mount the folder there.`,
  );
}

/** A link in a listing: one to something inside is no object of its own, one to nothing shows nothing. */
export async function checkListed(files: Files, place: Place, path: string): Promise<void> {
  if ((await files.stat(path)) !== null) await checkLink(files, place, path);
}
