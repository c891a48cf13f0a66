/** From a key to a path, and never out of the prefix: neither by `..` nor by a symbolic link. */
import { readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import { checkFileKey } from '../file-names.ts';
import { errorCode } from './faults.ts';
import { mountProblem } from './mount.ts';

export type Place = {
  name: string;
  /** The configured path, absolute; it may be a symbolic link. */
  root: string;
  mountRequired: boolean;
};

/** The path of a key. Throws RunnerError for one that climbs, is absolute, or is taken by our own temporary names. */
export function pathOf(place: Place, key: string): string {
  checkFileKey(place.name, key);
  return join(place.root, key);
}

/**
 * Checks that what exists of a path lies below the root, whatever symbolic links stand on the way; the root itself may be one.
 * Throws RunnerError. A path of which nothing exists yet is fine.
 */
export async function checkInside(place: Place, path: string): Promise<void> {
  if (place.mountRequired) {
    const problem = await mountProblem(place.root);
    if (problem) throw new RunnerError(`Destination ${place.name}: ${problem}`);
  }
  const root = await realpathOrNull(place.root);
  if (root === null) return;
  const real = await nearestReal(path, place.root);
  const inside = relative(root, real);
  if (inside === '..' || inside.startsWith('../') || inside.startsWith('/')) {
    throw new RunnerError(
      `Destination ${place.name}: ${path} leads out of ${place.root} by a symbolic link (to ${real}): it is not touched.`,
    );
  }
}

/** The real path of the nearest part of `path` that exists; for a link that points nowhere, where it points. */
async function nearestReal(path: string, root: string): Promise<string> {
  for (let at = path; at !== root; at = dirname(at)) {
    const real = (await realpathOrNull(at)) ?? (await targetOrNull(at));
    if (real !== null) return real;
  }
  return (await realpathOrNull(root)) ?? root;
}

async function targetOrNull(path: string): Promise<string | null> {
  try {
    return resolve(dirname(path), await readlink(path));
  } catch {
    return null;
  }
}

async function realpathOrNull(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}
