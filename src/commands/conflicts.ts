/** Copies of one backup that are not the same: a store was changed, and nobody may guess which one is true. */
import { sha256Of } from '../catalog/manifest.ts';
import type { Row } from './rows.ts';
import type { Place } from './shelves.ts';

/** Backups of each name, counted from the newest, whose manifests are read; older ones are compared by their sizes. */
const depth = 20;
/** Rows looked at at a time. */
const width = 8;
/** Bytes; the size that a listing told is read, and no more. */
const mostRead = 16 * 1024 * 1024;

/** Ids of which copies differ, each with a sentence. A copy that cannot be read is not compared. */
export async function conflictsOf(rows: readonly Row[], places: readonly Place[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const seen = new Map<string, number>();
  const unsure: Row[] = [];
  for (const row of rows.toReversed()) {
    const newer = seen.get(row.backup) ?? 0;
    seen.set(row.backup, newer + 1);
    if (row.copies.length < 2) continue;
    if (new Set(row.copies.map(({ entry }) => entry.manifestSize)).size > 1) found.set(row.id, sentence(row));
    else if (newer < depth) unsure.push(row);
  }
  for (let start = 0; start < unsure.length; start += width) {
    const batch = unsure.slice(start, start + width).map(async (row) => {
      if (new Set(await hashesOf(row, places)).size > 1) found.set(row.id, sentence(row));
    });
    await Promise.all(batch);
  }
  return found;
}

async function hashesOf({ copies }: Row, places: readonly Place[]): Promise<string[]> {
  const hashes = await Promise.all(
    copies.map(async ({ destination, entry }) => {
      const place = places.find(({ name }) => name === destination);
      const bytes = await place?.destination.read(entry.manifestKey, mostRead).catch(() => null);
      return bytes ? [sha256Of(bytes)] : [];
    }),
  );
  return hashes.flat();
}

function sentence({ id, copies }: Row): string {
  const places = copies.map(({ destination }) => destination).join(', ');
  return `copy-conflict: the copies of ${id} at ${places} are not the same; \`runner show\` compares them, and none is copied until it is known which one is true`;
}
