/** What retention has to know of each backup on a shelf. Names tell most; a file is opened only where they do not. */

import type { Destination } from '../destination.ts';
import type { Level } from '../graph.ts';
import type { Item } from '../retention/decide.ts';
import { Damaged, MadeByNewer } from './document.ts';
import type { Manifest } from './format.ts';
import { type Judgement, judge } from './judge.ts';
import { readManifest } from './manifest.ts';
import { readFinding } from './records.ts';
import type { Shelf, ShelfEntry } from './shelf.ts';

/** An item with what was learnt on the way. */
export type Judged = { entry: ShelfEntry; judgement: Judgement; manifest: Manifest | null; item: Item };

export type JudgeOptions = {
  /** Levels that the plan of today requires. */
  required: readonly Level[];
  /** Open every manifest: where a policy keeps by tags, which names do not tell. */
  tags: boolean;
  now: Date;
};

/** Files read at a time: enough to hide a store's latency, few enough for its limits. */
const width = 16;

/** Judges every backup of one name on a shelf, the oldest first. Rejects when a file that must be read cannot be. */
export async function judgeShelf(
  shelf: Shelf,
  destination: Destination,
  backup: string,
  options: JudgeOptions,
): Promise<Judged[]> {
  const entries = shelf.entries.filter((entry) => entry.backup === backup);
  const result = entries.map((entry) => judgeByName(entry, options));
  const unsure = result.flatMap((judged, index) => (judged ? [] : [index]));
  for (let start = 0; start < unsure.length; start += width) {
    const batch = unsure.slice(start, start + width).map(async (index) => {
      result[index] = await judgeEntry(entries[index]!, destination, options);
    });
    await Promise.all(batch);
  }
  return result.map((judged) => judged!);
}

/** Null where a file must be read. Years of backups are judged here, so that none of them costs a promise. */
function judgeByName(entry: ShelfEntry, { required, tags }: JudgeOptions): Judged | null {
  const judgement = judge(entry, required);
  if (tags || judgement.consult || judgement.pin !== null) return null;
  return { entry, judgement, manifest: null, item: itemOf(entry, judgement, false) };
}

function itemOf({ id, time }: ShelfEntry, { state }: Judgement, pinned: boolean): Item {
  return { id, time, good: state === 'good', pinned, ...(state === 'forgotten' ? { forgotten: true } : {}) };
}

/** Judges one copy, opening its manifest where names do not suffice. */
export async function judgeEntry(entry: ShelfEntry, destination: Destination, options: JudgeOptions): Promise<Judged> {
  const named = judge(entry, options.required);
  const { judgement, manifest } =
    named.consult || options.tags
      ? await consulted(entry, destination, options.required)
      : { judgement: named, manifest: null };
  const pinned = judgement.pin !== null && (await pinHolds(destination, judgement.pin, options.now));
  const item: Item = {
    ...itemOf(entry, judgement, pinned),
    ...(manifest ? { tags: manifest.tags } : {}),
    ...(judgement.state === 'opaque' ? { held: 'made by a newer runner' } : {}),
  };
  return { entry, judgement: { ...judgement, pinned }, manifest, item };
}

async function consulted(
  entry: ShelfEntry,
  destination: Destination,
  required: readonly Level[],
): Promise<{ judgement: Judgement; manifest: Manifest | null }> {
  try {
    const { manifest } = await readManifest(destination, entry.manifestKey);
    const missing: string[] = [];
    for (const { key, size } of manifest.artifacts) {
      const listed = entry.artifacts.find((artifact) => artifact.key === key) ?? (await destination.stat(key));
      if (!listed || listed.size !== size) missing.push(key);
    }
    return { judgement: judge(entry, required, { required: manifest.required, missing }), manifest };
  } catch (error) {
    const judgement = { ...judge(entry, required), consult: false };
    if (error instanceof MadeByNewer)
      return { judgement: { ...judgement, state: 'opaque', problem: error.message }, manifest: null };
    if (error instanceof Damaged)
      return { judgement: { ...judgement, state: 'incomplete', problem: error.message }, manifest: null };
    throw error;
  }
}

/** A pin that says no end holds for ever; one that cannot be read holds too, for it deletes nothing. */
async function pinHolds(destination: Destination, key: string, now: Date): Promise<boolean> {
  const record = await readFinding(destination, key).catch((error) => {
    if (error instanceof Damaged || error instanceof MadeByNewer) return null;
    throw error;
  });
  return record?.until === undefined || new Date(record.until) > now;
}
