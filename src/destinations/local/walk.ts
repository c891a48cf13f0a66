/** Listing a folder: a walk that either sees everything or rejects. */
import { type Dirent, lstatSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { partPrefix } from '../file-names.ts';
import { errorCode, explained } from './faults.ts';
import type { Place } from './place.ts';

const batchSize = 1000;

/** Every file below the root whose key starts with `prefix`. A folder that cannot be read rejects the whole listing. */
export async function* walk(place: Place, prefix: string): AsyncIterable<StoredObject[]> {
  let batch: StoredObject[] = [];
  const waiting = [prefix.includes('/') ? dirname(`${prefix}x`) : ''];
  const first = waiting[0];
  let since = performance.now();
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await entriesOf(place, folder, folder === first)) {
      const key = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(partPrefix)) continue;
      if (entry.isSymbolicLink()) await checkLink(place, key);
      else if (entry.isDirectory()) {
        if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) waiting.push(key);
      } else if (entry.isFile() && key.startsWith(prefix)) {
        const object = measured(place, key);
        if (object) batch.push(object);
      }
      if (batch.length >= batchSize) {
        yield batch;
        batch = [];
      }
      // A call for each file through the thread pool would cost three times as much; a pause now and then lets others run.
      if (performance.now() - since > 5) {
        await breathe();
        since = performance.now();
      }
    }
  }
  if (batch.length > 0) yield batch;
}

/** The first folder may be missing: nothing has been written there yet. Any other was just listed. */
async function entriesOf(place: Place, folder: string, first: boolean): Promise<Dirent[]> {
  const path = join(place.root, folder);
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (first && (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR')) return [];
    throw explained(error, place.name, 'list', path);
  }
}

/** Null when it was removed since its folder was read. */
function measured(place: Place, key: string): StoredObject | null {
  // Not join(): for each of a hundred thousand files it would split and clean what is clean.
  const path = `${place.root}/${key}`;
  try {
    const { size, mtime } = lstatSync(path);
    return { key, size, modified: mtime };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw explained(error, place.name, 'look at', path);
  }
}

/** A link to something inside is no object of its own; one that leads out would show what is not ours. */
async function checkLink(place: Place, key: string): Promise<void> {
  const path = join(place.root, key);
  try {
    const [target, root] = [await realpath(path), await realpath(place.root)];
    if (target === root || target.startsWith(`${root}/`)) return;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ELOOP')
      throw explained(error, place.name, 'follow', path);
    return;
  }
  throw new RunnerError(
    `Destination ${place.name}: ${path} is a symbolic link that leads out of ${place.root}; the listing stops, because what lies there is not below the prefix. Remove the link or mount the folder there.`,
  );
}
