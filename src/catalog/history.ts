/** Reads what `heads.ts` compares: the newest manifests of one backup at every destination, and tombstones where they matter. */
import { type Destination, KeyMissing } from '../destination.ts';
import { Damaged, MadeByNewer } from './document.ts';
import { shelfSince } from './format-file.ts';
import { type Alarm, alarmsOf, type Read, type View } from './heads.ts';
import { parseKey } from './keys.ts';
import { readManifest } from './manifest.ts';
import { type Shelf, type ShelfEntry, shelfOf } from './shelf.ts';
import { readTombstones } from './tombstone.ts';

export type HistoryPlace = { destination: Destination; shelf: Shelf; wants: View['wants'] };

/** Backups that are looked at, counted from the newest of each destination. */
const depth = 20;
/** Files read at a time. */
const width = 16;

/**
 * What does not fit together in the newest part of one backup's history. `whole`: no destination of the plan is left out.
 * `deletedAt` gives the ids of all tombstones of a destination; it is asked only where something would be an alarm without.
 */
export async function readHistory(
  backup: string,
  places: readonly HistoryPlace[],
  whole: boolean,
  deletedAt: (place: HistoryPlace) => Promise<ReadonlySet<string>>,
): Promise<Alarm[]> {
  const own = places.map((place) => ({ ...place, shelf: shelfOf(place.shelf, backup) }));
  const newest = new Set(own.flatMap(({ shelf }) => shelf.entries.slice(-depth).map(({ id }) => id)));
  const damaged: Alarm[] = [];
  const views: View[] = [];
  for (const place of own) views.push(await viewOf(place, newest, damaged));
  const alarms = alarmsOf(views, whole);
  if (!alarms.some(({ kind }) => kind === 'hole' || kind === 'missing')) return [...damaged, ...alarms];
  const deleted = await Promise.all(places.map(deletedAt));
  return [
    ...damaged,
    ...alarmsOf(
      views.map((view, index) => ({ ...view, deleted: deleted[index]! })),
      whole,
    ),
  ];
}

/** Every id that tombstones of a destination name, asked once for all backups. */
export function tombstoneReader(): (place: HistoryPlace) => Promise<ReadonlySet<string>> {
  const asked = new Map<Destination, Promise<ReadonlySet<string>>>();
  return ({ destination, shelf }) => {
    const known =
      asked.get(destination) ?? readTombstones(destination, shelf.plan).then((found) => new Set(found.keys()));
    asked.set(destination, known);
    return known;
  };
}

async function viewOf(
  { destination, shelf, wants }: HistoryPlace,
  newest: ReadonlySet<string>,
  damaged: Alarm[],
): Promise<View> {
  const read = new Map<string, Read>();
  const wanted = shelf.entries.filter(({ id }) => newest.has(id));
  for (let start = 0; start < wanted.length; start += width) {
    await Promise.all(
      wanted.slice(start, start + width).map(async ({ id, manifestKey }) => {
        const found = await readOne(destination, manifestKey, id, damaged);
        if (found) read.set(id, found);
      }),
    );
  }
  const newer = shelf.opaque.flatMap((key) => idIn(shelf.plan, key));
  return {
    destination: destination.name,
    present: new Set([...shelf.entries.map(({ id }) => id), ...newer]),
    read,
    deleted: shelf.pruned,
    copied: new Set(shelf.entries.filter(wasCopied).map(({ id }) => id)),
    wants,
    since: await shelfSince(destination, shelf.plan),
  };
}

/** Null for one that was deleted meanwhile or that a newer runner made. */
async function readOne(destination: Destination, key: string, id: string, damaged: Alarm[]): Promise<Read | null> {
  try {
    const { manifest, sha256 } = await readManifest(destination, key);
    return { manifest, sha256 };
  } catch (error) {
    if (error instanceof Damaged) damaged.push({ kind: 'damaged', id, message: error.message });
    else if (!(error instanceof KeyMissing || error instanceof MadeByNewer)) throw error;
    return null;
  }
}

function wasCopied({ records }: ShelfEntry): boolean {
  return records.some(({ finding }) => finding === 'copy');
}

function idIn(plan: string, key: string): string[] {
  const parsed = parseKey(plan, key);
  return 'id' in parsed ? [parsed.id] : [];
}
