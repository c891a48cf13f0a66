/** Judging a whole shelf: by names where they suffice, with the manifest where they do not. */
import type { Level } from '../graph.ts';
import { type Destination, KeyMissing } from '../kind.ts';
import { Damaged, MadeByNewer } from './document.ts';
import { type Judgement, judge, type Known } from './judge.ts';
import { type ReadManifest, readManifest } from './manifest.ts';
import { readFinding } from './records.ts';
import type { Shelf, ShelfEntry } from './shelf.ts';

export type Place = { destination: Destination; shelf: Shelf };

export type ExamineOptions = {
  /** Levels that today's plan requires of a backup; null: its entry has left the plan, so its manifest's count. */
  required(backup: string): readonly Level[] | null;
  /** By the store's clock: pins with a date end. */
  now: Date;
  /** Other destinations: what passed there holds for a copy with the same manifest. */
  others?: readonly Place[];
};

/** Judges every entry of a shelf. Manifests are read for those only whose names leave a question, 16 at a time. */
export async function examineShelf({ destination, shelf }: Place, o: ExamineOptions): Promise<Map<string, Judgement>> {
  const judgements = new Map<string, Judgement>();
  const waiting: ShelfEntry[] = [];
  for (const entry of shelf.entries) {
    const judgement = judge(entry, o.required(entry.backup) ?? []);
    judgements.set(entry.id, judgement);
    if (judgement.consult || judgement.pinned) waiting.push(entry);
  }
  const elsewhere = (o.others ?? []).map((place) => ({
    ...place,
    byId: new Map(place.shelf.entries.map((entry) => [entry.id, entry])),
  }));
  const workers = Array.from({ length: 16 }, async () => {
    for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
      judgements.set(entry.id, await examine(destination, entry, judgements.get(entry.id)!, elsewhere, o));
    }
  });
  await Promise.all(workers);
  return judgements;
}

type Elsewhere = Place & { byId: Map<string, ShelfEntry> };

async function examine(
  destination: Destination,
  entry: ShelfEntry,
  byName: Judgement,
  others: readonly Elsewhere[],
  o: ExamineOptions,
): Promise<Judgement> {
  const judgement = byName.consult ? await consult(destination, entry, others, o) : byName;
  if (judgement.pin === null) return judgement;
  return { ...judgement, pinned: await stillPinned(destination, judgement.pin, o.now) };
}

async function consult(
  destination: Destination,
  entry: ShelfEntry,
  others: readonly Elsewhere[],
  o: ExamineOptions,
): Promise<Judgement> {
  const required = o.required(entry.backup);
  try {
    const read = await readManifest(destination, entry.manifestKey);
    const known: Known = {
      required: read.manifest.required,
      passed: await passedAt(others, entry.id, read),
      missing: await missingOf(destination, entry, read),
    };
    return judge(entry, required ?? read.manifest.required, known);
  } catch (error) {
    const byName = { ...judge(entry, required ?? []), consult: false };
    if (error instanceof MadeByNewer) return { ...byName, state: 'opaque', problem: error.message };
    if (!(error instanceof Damaged || error instanceof KeyMissing)) throw error;
    return { ...byName, state: 'incomplete', problem: error.message };
  }
}

/** Artifacts that do not lie where the manifest says, or not in its size. */
async function missingOf(destination: Destination, entry: ShelfEntry, { manifest }: ReadManifest): Promise<string[]> {
  const missing: string[] = [];
  for (const { key, size } of manifest.artifacts) {
    const found = entry.artifacts.find((artifact) => artifact.key === key) ?? (await destination.stat(key));
    if (found?.size !== size) missing.push(key);
  }
  return missing;
}

/** A pass at another destination speaks of this copy when both have the same manifest. */
async function passedAt(others: readonly Elsewhere[], id: string, { sha256 }: ReadManifest): Promise<Level[]> {
  const passed: Level[] = [];
  for (const { destination, byId } of others) {
    const entry = byId.get(id);
    const levels = entry ? judge(entry, []).passed : [];
    if (!entry || !levels.some((level) => level !== 'checksum')) continue;
    try {
      if ((await readManifest(destination, entry.manifestKey)).sha256 === sha256) passed.push(...levels);
    } catch {
      // That copy proves nothing; whatever is wrong with it is told where it lies.
    }
  }
  return passed;
}

/** A pin that cannot be read keeps what it pins. */
async function stillPinned(destination: Destination, pin: string, now: Date): Promise<boolean> {
  try {
    const { until } = await readFinding(destination, pin);
    return until === undefined || Date.parse(until) > now.getTime();
  } catch {
    return true;
  }
}
