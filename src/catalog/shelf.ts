/** What lies at a destination, by names alone: years of backups are read in one listing, and no manifest is opened. */
import { createHash } from 'node:crypto';
import type { Destination } from '../destination.ts';
import type { Finding, FindingResult } from './format.ts';
import { openJournals } from './journal.ts';
import { manifestKey, parseFile, parseKey, planKeys } from './keys.ts';
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

type Draft = ShelfEntry & { committed: boolean; newer: boolean; stem: string };

/** Reads the shelf of one backup, or of all. Throws unless the listing was read to its end. */
export async function readShelf(destination: Destination, plan: string, backup: string | null): Promise<Shelf> {
  const shelf = startShelf(plan);
  const prefixes = backup === null ? [`${plan}/`] : [`${plan}/${backup}/`, planKeys.tombstones(plan)];
  for (const prefix of prefixes) {
    for await (const batch of destination.list(prefix)) {
      for (const { key, size } of batch) shelf.take(key, size);
    }
  }
  const drafts = sorted(shelf.drafts());
  const { open, problems } = await openTombstones(destination, plan, shelf.tombstones);
  const named = open.flatMap(({ tombstone }) => tombstone.deleted.map(({ id }) => id));
  const pruned = new Set(await unlocked(destination, plan, named));
  const stray = drafts.filter(({ committed, id }) => !committed && !pruned.has(id));
  // An artifact whose commit record has a name that is not known here belongs to a newer runner's backup.
  const keysOf = (some: Draft[]) => some.flatMap(({ artifacts }) => artifacts.map(({ key }) => key));
  const loose = keysOf(stray.filter(({ newer }) => !newer));
  const opaque = [...shelf.opaque, ...keysOf(stray.filter(({ newer }) => newer))].sort();
  const journals = loose.length > 0 ? await openJournals(destination, plan) : { open: [], problems: [] };
  const journalled = new Set(journals.open.flatMap(({ journal }) => journal.artifacts.map(({ key }) => key)));
  const names = { byBackup: namesOf(drafts), tombstones: shelf.tombstones.sort() };
  return {
    destination: destination.name,
    plan,
    entries: entriesOf(drafts, pruned),
    orphans: loose.filter((key) => !journalled.has(key)),
    pending: loose.filter((key) => journalled.has(key)),
    opaque,
    problems: [...problems, ...journals.problems],
    pruned,
    newest: new Map(drafts.map(({ backup, id }) => [backup, id])),
    names,
    digest: digestOf(names),
  };
}

/** What is locked is no prune's of ours, whatever a tombstone says: it stays on the shelf. */
async function unlocked(destination: Destination, plan: string, ids: readonly string[]): Promise<string[]> {
  if (!destination.locked) return [...ids];
  const found: string[] = [];
  for (const id of ids) if ((await destination.locked(manifestKey(plan, id))) === null) found.push(id);
  return found;
}

/** The same shelf as `readShelf` of this one backup would have given. */
export function shelfOf(shelf: Shelf, backup: string): Shelf {
  const mine = (key: string) => key.startsWith(`${shelf.plan}/${backup}/`);
  const names = { ...shelf.names, byBackup: new Map([...shelf.names.byBackup].filter(([name]) => name === backup)) };
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

/** Takes names in any order, four or five for each backup. */
function startShelf(plan: string) {
  const known = new Map<string, Draft>();
  const opaque: string[] = [];
  const tombstones: string[] = [];
  const take = (key: string, size: number): void => {
    const start = key.lastIndexOf('/') + 1;
    const dot = key.indexOf('.', start);
    const draft = known.get(dot < 0 ? key.slice(start) : key.slice(start, dot)) ?? begin(key);
    // Only the first name of a backup is checked part by part; the others must begin as that one did.
    if (!draft || !key.startsWith(draft.stem) || draft.stem.length !== (dot < 0 ? key.length : dot)) return;
    const file = parseFile(key.slice(draft.stem.length));
    if (file.kind === 'artifact') draft.artifacts.push({ key, size });
    else if (file.kind === 'signature') draft.signed = true;
    else if (file.kind === 'opaque') {
      draft.newer = true;
      opaque.push(key);
    } else if (file.kind === 'manifest') {
      draft.manifestKey = key;
      draft.manifestSize = size;
      draft.committed = true;
    } else if (file.kind === 'record')
      draft.records.push({ finding: file.finding, result: file.result, stamp: file.stamp, key });
  };
  const begin = (key: string): Draft | null => {
    const parsed = parseKey(plan, key);
    if (parsed.kind === 'runner' && key.startsWith(planKeys.tombstones(plan))) tombstones.push(key);
    if (!('id' in parsed)) return null;
    const { id, backup, time } = parsed;
    const draft: Draft = {
      id,
      backup,
      time,
      stem: key.slice(0, key.lastIndexOf('/') + 1 + id.length),
      manifestKey: '',
      manifestSize: 0,
      signed: false,
      artifacts: [],
      records: [],
      committed: false,
      newer: false,
    };
    known.set(id, draft);
    return draft;
  };
  return { take, opaque, tombstones, drafts: () => [...known.values()] };
}

function entriesOf(drafts: readonly Draft[], pruned: ReadonlySet<string>): ShelfEntry[] {
  // Named one by one: a rest of a hundred thousand objects is slow.
  return drafts
    .filter(({ committed, id }) => committed && !pruned.has(id))
    .map(({ id, backup, time, manifestKey, manifestSize, signed, artifacts, records }) => {
      return { id, backup, time, manifestKey, manifestSize, signed, artifacts, records };
    });
}

/** The oldest first, each with its records in order. */
function sorted(drafts: Draft[]): Draft[] {
  for (const { records } of drafts) {
    if (records.length > 1)
      records.sort((left, right) => compareTexts(left.stamp, right.stamp) || compareTexts(left.key, right.key));
  }
  return drafts.sort((left, right) => left.time.getTime() - right.time.getTime() || compareTexts(left.id, right.id));
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By backup, in the order of `drafts`, which is that of the names. */
function namesOf(drafts: readonly Draft[]): Map<string, string[]> {
  const byBackup = new Map<string, string[]>();
  for (const { backup, manifestKey, committed, records } of drafts) {
    const names = byBackup.get(backup) ?? [];
    byBackup.set(backup, names);
    if (committed) names.push(manifestKey);
    for (const { key } of records) names.push(key);
  }
  return byBackup;
}

function digestOf({ byBackup, tombstones }: Shelf['names']): string {
  const backups = [...byBackup]
    .filter(([, names]) => names.length > 0)
    .sort(([left], [right]) => compareTexts(left, right));
  const hash = createHash('sha256');
  // A line feed stands between the names; one text of them all would be some 20 MB.
  let between = '';
  for (const names of [...backups.map(([, own]) => own), tombstones]) {
    for (let start = 0; start < names.length; start += 1000) {
      hash.update(between + names.slice(start, start + 1000).join('\n'));
      between = '\n';
    }
  }
  return hash.digest('hex');
}
