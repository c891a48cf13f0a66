/**
 * Deletion: first a tombstone that says what and why, then of each backup its manifest, signature, records and artifact, in
 * this order, so that at no moment a manifest stands without its artifact. A cut prune is resumed from its tombstone.
 */
import { type Destination, KeyExists, KeyMissing, MayNotDelete } from '../destination.ts';
import { canonicalBytes, Damaged, MadeByNewer } from './document.ts';
import { Format, type Removed, type Tombstone } from './format.ts';
import { setOf } from './identity.ts';
import { directoryOf, manifestKey, parseKey, planKeys, signatureKey } from './keys.ts';
import { readManifest } from './manifest.ts';
import type { ShelfEntry } from './shelf.ts';
import { doneKey, type OpenTombstone, openTombstones, tombstoneKeys } from './tombstone.ts';

export type Removal = { entry: ShelfEntry; reasons: string[] };

export type RemoveOptions = {
  /** Runs before each batch; throws when another run holds the lease. */
  stillOurs(): Promise<void>;
  now: Date;
  onRemoved?(id: string, reasons: string[]): void;
};

export type RemovalResult = {
  removed: string[];
  /** Made by a newer runner: left alone, a sentence each. */
  refused: { id: string; message: string }[];
  /** May not be deleted yet: they go another time. */
  locked: { id: string; message: string }[];
};

/** Backups that one tombstone names; the lease is read again before each. */
const batchSize = 200;

/**
 * Deletes backups, each set of a group as a whole: it stands in one tombstone, and where one of it may not be touched all stay.
 * Their manifests are read first: they say where the artifacts lie.
 */
export async function removeBackups(
  destination: Destination,
  plan: string,
  run: string,
  items: readonly Removal[],
  o: RemoveOptions,
): Promise<RemovalResult> {
  const result: RemovalResult = { removed: [], refused: [], locked: [] };
  for (const batch of batchesOf(items)) {
    const deleted: Tombstone['deleted'] = [];
    for (const set of batch) {
      const places = await Promise.all(
        set.map(async ({ entry }) => ({ entry, place: await placeOf(destination, entry) })),
      );
      const refused = places.flatMap(({ entry, place }) =>
        'refused' in place ? [{ id: entry.id, message: place.refused }] : [],
      );
      const locked = places.flatMap(({ entry, place }) =>
        'locked' in place ? [{ id: entry.id, message: `${entry.id} is ${place.locked}` }] : [],
      );
      result.refused.push(...refused);
      result.locked.push(...locked);
      if (refused.length > 0 || locked.length > 0) continue;
      for (const [index, { entry, reasons }] of set.entries()) {
        const { place } = places[index]!;
        const artifactKeys = 'keys' in place ? place.keys : [];
        deleted.push({ id: entry.id, manifestKey: entry.manifestKey, artifactKeys, reasons });
      }
    }
    if (deleted.length === 0) continue;
    await o.stillOurs();
    const tombstone: Tombstone = { format: Format.tombstone, run, time: o.now.toISOString(), deleted };
    const key = await writeTombstone(destination, plan, tombstone, o.now);
    result.removed.push(...(await carryOut(destination, plan, run, { key, tombstone }, o)));
  }
  return result;
}

/** Whole sets, together not many more backups than a tombstone should name. */
function batchesOf(items: readonly Removal[]): Removal[][][] {
  const sets = new Map<string, Removal[]>();
  for (const item of items) sets.set(setOf(item.entry.id), [...(sets.get(setOf(item.entry.id)) ?? []), item]);
  const batches: Removal[][][] = [];
  let size = batchSize;
  for (const set of sets.values()) {
    if (size >= batchSize) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)!.push(set);
    size += set.length;
  }
  return batches;
}

/** Finishes every deletion that a tombstone names and that did not happen to its end. */
export async function resumeRemovals(
  destination: Destination,
  plan: string,
  run: string,
  o: RemoveOptions,
): Promise<{ removed: string[]; problems: string[] }> {
  const { open, problems } = await openTombstones(destination, plan, await tombstoneKeys(destination, plan));
  const removed: string[] = [];
  for (const tombstone of open) {
    await o.stillOurs();
    try {
      for (const { id } of tombstone.tombstone.deleted) await refuseLocked(destination, plan, id);
      removed.push(...(await carryOut(destination, plan, run, tombstone, o)));
    } catch (error) {
      if (!(error instanceof MayNotDelete)) throw error;
      problems.push(error.message);
    }
  }
  return { removed, problems };
}

/** No prune of ours names what is locked: a tombstone that does was written by somebody else. */
async function refuseLocked(destination: Destination, plan: string, id: string): Promise<void> {
  const why = await destination.locked?.(manifestKey(plan, id));
  if (why) throw new MayNotDelete(`A tombstone at ${destination.name} names ${id}, which is ${why}: it is kept.`);
}

async function writeTombstone(
  destination: Destination,
  plan: string,
  tombstone: Tombstone,
  now: Date,
): Promise<string> {
  for (let part = 0; ; part += 1) {
    const key = planKeys.tombstone(plan, now, tombstone.run, part);
    try {
      await destination.write(key, canonicalBytes(tombstone));
      return key;
    } catch (error) {
      // Several backups of one run may be pruned within a second.
      if (!(error instanceof KeyExists)) throw error;
    }
  }
}

async function carryOut(
  destination: Destination,
  plan: string,
  run: string,
  { key, tombstone }: OpenTombstone,
  o: RemoveOptions,
): Promise<string[]> {
  for (const { id, artifactKeys, reasons } of tombstone.deleted) {
    for (const step of await removalKeys(destination, plan, id, artifactKeys)) await destination.remove(step);
    o.onRemoved?.(id, reasons);
  }
  const done: Removed = { format: Format.removed, run, time: o.now.toISOString() };
  try {
    await destination.write(doneKey(key), canonicalBytes(done));
  } catch (error) {
    // Another run has finished the same tombstone.
    if (!(error instanceof KeyExists)) throw error;
  }
  return tombstone.deleted.map(({ id }) => id);
}

/** Everything of one backup in the order in which it must go. Names that this version does not know stay. */
export async function removalKeys(
  destination: Destination,
  plan: string,
  id: string,
  artifactKeys: readonly string[],
): Promise<string[]> {
  const records: string[] = [];
  for await (const batch of destination.list(`${directoryOf(plan, id)}/${id}.`)) {
    records.push(...batch.map(({ key }) => key).filter((key) => parseKey(plan, key).kind === 'record'));
  }
  return [manifestKey(plan, id), signatureKey(plan, id), ...records, ...artifactKeys];
}

type Place = { keys: string[] } | { refused: string } | { locked: string };

/** Where a backup's artifacts lie, and whether it may go. */
async function placeOf(destination: Destination, entry: ShelfEntry): Promise<Place> {
  const found = await artifactsOf(destination, entry);
  if (!destination.locked || 'refused' in found) return found;
  for (const key of [entry.manifestKey, ...found.keys]) {
    const why = await destination.locked(key);
    if (why !== null) return { locked: why };
  }
  return found;
}

/** As its manifest says, or by their names when that is damaged. */
async function artifactsOf(
  destination: Destination,
  entry: ShelfEntry,
): Promise<{ keys: string[] } | { refused: string }> {
  const byName = entry.artifacts.map(({ key }) => key);
  try {
    const { manifest } = await readManifest(destination, entry.manifestKey);
    return { keys: [...new Set([...manifest.artifacts.map(({ key }) => key), ...byName])] };
  } catch (error) {
    if (error instanceof MadeByNewer) return { refused: error.message };
    if (error instanceof Damaged || error instanceof KeyMissing) return { keys: byName };
    throw error;
  }
}
