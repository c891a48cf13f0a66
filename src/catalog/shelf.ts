/** What lies at a destination, by names alone: years of backups are read in one listing, and no manifest is opened. */
import { createHash } from 'node:crypto';
import type { Destination } from '../kind.ts';
import type { Finding, FindingResult } from './format.ts';
import { compareIds, parseId } from './identity.ts';
import { openJournals } from './journal.ts';
import { parseKey, planKeys } from './keys.ts';
import { openTombstones } from './tombstone.ts';

export type ShelfRecord = { finding: Finding; result: FindingResult; stamp: string; key: string };

export type ShelfEntry = {
  id: string;
  backup: string;
  time: Date;
  manifestKey: string;
  /** Bytes. */
  manifestSize: number;
  signed: boolean;
  /** Those in the default place; none where a `layout` put it elsewhere (its manifest tells). Sizes in bytes. */
  artifacts: { key: string; size: number }[];
  /** The oldest first. */
  records: ShelfRecord[];
};

export type Shelf = {
  destination: string;
  plan: string;
  /** Committed backups, the oldest first. One that an unfinished prune names is not among them. */
  entries: ShelfEntry[];
  /** Artifacts without manifest that no journal and no tombstone names: reported, never swept. */
  orphans: string[];
  /** Artifacts that a journal names: a run is at work, or was interrupted. */
  pending: string[];
  /** Names of our kind that this version does not know: made by a newer runner, left alone. */
  opaque: string[];
  /** Journals and tombstones that could not be read, a sentence each. What they would name is not known. */
  problems: string[];
  /** Ids that an unfinished prune names; `readTombstones` tells all that were ever deleted. */
  pruned: Set<string>;
  /** The newest id of each backup that has any file here, committed or not. */
  newest: ReadonlyMap<string, string>;
  /** Names of manifests and records by backup, and of tombstones: what the digest is made of. */
  names: { byBackup: ReadonlyMap<string, string[]>; tombstones: string[] };
  /** SHA-256 (hex) over the sorted names of manifests, records and tombstones. */
  digest: string;
};

type Draft = ShelfEntry & { committed: boolean };

/** Reads the shelf of one backup, or of all. Throws unless the listing was read to its end. */
export async function readShelf(destination: Destination, plan: string, backup: string | null): Promise<Shelf> {
  const shelf = startShelf(plan);
  const prefixes = backup === null ? [`${plan}/`] : [`${plan}/${backup}/`, planKeys.tombstones(plan)];
  for (const prefix of prefixes) {
    for await (const batch of destination.list(prefix)) {
      for (const { key, size } of batch) shelf.take(key, size);
    }
  }
  const { open, problems } = await openTombstones(destination, plan, shelf.tombstones);
  const pruned = new Set(open.flatMap(({ tombstone }) => tombstone.deleted.map(({ id }) => id)));
  const stray = shelf.drafts().some((draft) => !draft.committed && draft.artifacts.length > 0);
  const journals = stray ? await openJournals(destination, plan) : { open: [], problems: [] };
  const journalled = new Set(journals.open.flatMap(({ journal }) => journal.artifacts.map(({ key }) => key)));
  return shelf.finish(destination.name, pruned, journalled, [...problems, ...journals.problems]);
}

/** The same shelf as `readShelf` of this one backup would have given. */
export function shelfOf(shelf: Shelf, backup: string): Shelf {
  const mine = (key: string) => key.startsWith(`${shelf.plan}/${backup}/`);
  const names = { ...shelf.names, byBackup: new Map([[backup, shelf.names.byBackup.get(backup) ?? []]]) };
  return {
    ...shelf,
    entries: shelf.entries.filter((entry) => entry.backup === backup),
    orphans: shelf.orphans.filter(mine),
    pending: shelf.pending.filter(mine),
    opaque: shelf.opaque.filter(mine),
    newest: new Map([...shelf.newest].filter(([name]) => name === backup)),
    names,
    digest: digestOf(names),
  };
}

function startShelf(plan: string) {
  const known = new Map<string, Draft>();
  const opaque: string[] = [];
  const tombstones: string[] = [];
  const byBackup = new Map<string, string[]>();
  const draftOf = (id: string, backup: string): Draft => {
    const draft = known.get(id);
    if (draft) return draft;
    const time = parseId(id)!.time;
    const fresh = {
      id,
      backup,
      time,
      manifestKey: '',
      manifestSize: 0,
      signed: false,
      artifacts: [],
      records: [],
      committed: false,
    };
    known.set(id, fresh);
    return fresh;
  };
  const name = (backup: string, key: string) => {
    const names = byBackup.get(backup);
    if (names) names.push(key);
    else byBackup.set(backup, [key]);
  };
  const take = (key: string, size: number): void => {
    const parsed = parseKey(plan, key);
    if (parsed.kind === 'runner' && key.startsWith(planKeys.tombstones(plan))) tombstones.push(key);
    if (!('id' in parsed)) return;
    const { id, backup } = parsed;
    const draft = draftOf(id, backup);
    if (parsed.kind === 'artifact') draft.artifacts.push({ key, size });
    else if (parsed.kind === 'signature') draft.signed = true;
    else if (parsed.kind === 'opaque') opaque.push(key);
    else {
      name(backup, key);
      if (parsed.kind === 'manifest') Object.assign(draft, { manifestKey: key, manifestSize: size, committed: true });
      else draft.records.push({ finding: parsed.finding, result: parsed.result, stamp: parsed.stamp, key });
    }
  };
  const finish = (
    destination: string,
    pruned: Set<string>,
    journalled: ReadonlySet<string>,
    problems: string[],
  ): Shelf => {
    const drafts = [...known.values()];
    const stray = drafts.filter(({ committed, id }) => !committed && !pruned.has(id));
    const loose = stray.flatMap(({ artifacts }) => artifacts.map(({ key }) => key)).sort();
    const names = { byBackup, tombstones };
    return {
      destination,
      plan,
      entries: entriesOf(drafts, pruned),
      orphans: loose.filter((key) => !journalled.has(key)),
      pending: loose.filter((key) => journalled.has(key)),
      opaque: opaque.sort(),
      problems,
      pruned,
      newest: newestOf(drafts),
      names,
      digest: digestOf(names),
    };
  };
  return { take, finish, tombstones, drafts: () => [...known.values()] };
}

function entriesOf(drafts: Draft[], pruned: ReadonlySet<string>): ShelfEntry[] {
  const entries: ShelfEntry[] = [];
  for (const { committed, ...entry } of drafts) {
    if (!committed || pruned.has(entry.id)) continue;
    if (entry.records.length > 1)
      entry.records.sort((left, right) => (left.stamp < right.stamp ? -1 : left.stamp > right.stamp ? 1 : 0));
    entries.push(entry);
  }
  return entries.sort((left, right) => compareIds(left.id, right.id));
}

function newestOf(drafts: Draft[]): Map<string, string> {
  const newest = new Map<string, string>();
  for (const { id, backup } of drafts) {
    const other = newest.get(backup);
    if (other === undefined || compareIds(other, id) < 0) newest.set(backup, id);
  }
  return newest;
}

function digestOf(names: Shelf['names']): string {
  const all = [...[...names.byBackup.values()].flat(), ...names.tombstones].sort();
  return createHash('sha256').update(all.join('\n')).digest('hex');
}
