/** How large backups are, by what a listing tells; where a `layout` put the artifacts elsewhere, by the manifests. */
import type { Destination } from '../destination.ts';
import { sizeOf } from './artifacts.ts';
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
    const batch = hidden.slice(start, start + width).map(async ({ id, manifestKey, manifestSize }) => {
      const found = await readManifest(destination, manifestKey).catch(() => null);
      if (found) sizes.set(id, sizeOf(found.manifest) + manifestSize);
    });
    await Promise.all(batch);
  }
  return sizes;
}
