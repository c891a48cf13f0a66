/** How large backups are, by what a listing tells; where a `layout` put the artifacts elsewhere, the store is asked for them. */
import type { Destination } from '../destination.ts';
import { readManifest } from './manifest.ts';
import type { ShelfEntry } from './shelf.ts';

/** Manifests read at a time. */
const width = 16;

/** Bytes of a backup with its manifest; null where its names do not tell. */
export function listedSize({ artifacts, manifestSize }: ShelfEntry): number | null {
  return artifacts.length === 0 ? null : artifacts.reduce((sum, { size }) => sum + size, manifestSize);
}

/** Bytes of each of the backups, by id. What cannot be read is left out. */
export async function sizesOf(
  destination: Destination,
  entries: readonly ShelfEntry[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const hidden: ShelfEntry[] = [];
  for (const entry of entries) {
    const size = listedSize(entry);
    if (size === null) hidden.push(entry);
    else sizes.set(entry.id, size);
  }
  for (let start = 0; start < hidden.length; start += width) {
    const batch = hidden.slice(start, start + width).map(async (entry) => {
      const size = await sizeElsewhere(destination, entry).catch(() => null);
      if (size !== null) sizes.set(entry.id, size);
    });
    await Promise.all(batch);
  }
  return sizes;
}

/** What a manifest says of sizes is anybody's claim where a bucket is shared: only its keys are taken from it. */
async function sizeElsewhere(destination: Destination, { manifestKey, manifestSize }: ShelfEntry): Promise<number> {
  const { manifest } = await readManifest(destination, manifestKey);
  let size = manifestSize;
  for (const { key } of manifest.artifacts) size += (await destination.stat(key))?.size ?? 0;
  return size;
}
