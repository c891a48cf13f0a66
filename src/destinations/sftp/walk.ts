/** A walk through folders that either sees everything or rejects, several folders at once. */
import { join } from 'node:path/posix';
import type { Entry, Files } from './files.ts';
import type { Place } from './place.ts';
import { Refused } from './session.ts';
import { type Attributes, isFile, isFolder, isLink, Status } from './wire.ts';

/** Folders that are read at once, and requests under way for each. */
const folders = 8;
const depth = 4;

export type Found = { key: string; name: string; attributes: Attributes };
type Visited = { folder: string; files: Found[]; below: string[] };

export type Course = {
  /** The folder where it begins, '' for the root; it may be missing. */
  first: string;
  /** Whether to look into a folder. */
  enter(key: string): boolean;
  /** Called with the path of each link; what it throws ends the walk. No link is followed. */
  link?(path: string): Promise<void>;
};

/** The files of each folder. */
export async function* walk(files: Files, place: Place, course: Course): AsyncGenerator<Found[]> {
  const { first, enter } = course;
  const waiting = [first];
  const running = new Map<string, Promise<Visited>>();
  while (waiting.length + running.size > 0) {
    while (waiting.length > 0 && running.size < folders) {
      const folder = waiting.pop()!;
      const visit = visited(files, place, folder, course);
      // The first that fails ends the walk; nobody hears of the others.
      visit.catch(() => {});
      running.set(folder, visit);
    }
    const { folder, files: found, below } = await Promise.race(running.values());
    running.delete(folder);
    waiting.push(...below.filter(enter));
    if (found.length > 0) yield found;
  }
}

async function visited(files: Files, place: Place, folder: string, { first, link }: Course): Promise<Visited> {
  const seen: Visited = { folder, files: [], below: [] };
  for (const { name, attributes } of await entriesOf(files, join(place.root, folder), folder === first)) {
    const key = folder === '' ? name : `${folder}/${name}`;
    const known = attributes.mode === undefined ? await files.lstat(join(place.root, key)) : attributes;
    // Removed since its folder was read.
    if (known === null) continue;
    if (isFolder(known)) seen.below.push(key);
    else if (isFile(known)) seen.files.push({ key, name, attributes: known });
    else if (isLink(known)) await link?.(join(place.root, key));
  }
  return seen;
}

async function entriesOf(files: Files, path: string, mayBeMissing: boolean): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    const handle = await files.openFolder(path);
    try {
      for (let more = true; more; ) {
        for (const some of await Promise.all(Array.from({ length: depth }, () => files.entries(handle)))) {
          if (some === null) more = false;
          else for (const entry of some) entries.push(checked(entry));
        }
      }
    } finally {
      await files.close(handle);
    }
  } catch (error) {
    if (mayBeMissing && error instanceof Refused && error.status === Status.missing) return [];
    throw error;
  }
  return entries;
}

/** A name with a slash would be a key somewhere else. */
function checked(entry: Entry): Entry {
  if (entry.name === '' || entry.name.includes('/')) throw new RangeError('a folder holds a name with a slash');
  return entry;
}
