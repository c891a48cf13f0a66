/**
 * A store that lost or hid the end of its shelf, or a piece of its middle, still shows files of which each is right. It is told
 * by what the other destinations hold, and by what each manifest says of the one before it.
 */
import type { Manifest } from './format.ts';
import { compareIds } from './identity.ts';

export type Read = { manifest: Manifest; sha256: string };

/** One backup name as one destination shows it. */
export type View = {
  destination: string;
  /** Ids that lie there. */
  present: ReadonlySet<string>;
  /** The newest manifests, by id. */
  read: ReadonlyMap<string, Read>;
  /** Ids that its tombstones name. */
  deleted: ReadonlySet<string>;
  /** Ids that came there by a later copy: no run there has seen them. */
  copied: ReadonlySet<string>;
  /** Tiers that the plan sends there; null: the plan sends it none of this backup. */
  wants: readonly string[] | 'all' | null;
  /** When its shelf was begun, or null: no run has written there yet. */
  since: Date | null;
};

/**
 * `hole`: a backup that another follows is nowhere, and no tombstone says why. `conflict`: copies of one id differ.
 * `replaced`: a manifest is not the one that the next backup names. `sequence`: its number does not follow. `overlooked`: a
 * backup was made as if an older one beside it had not been there. `missing`: a destination lacks the newest ones.
 */
export type Alarm = {
  kind: 'hole' | 'conflict' | 'replaced' | 'sequence' | 'overlooked' | 'missing' | 'damaged';
  /** What is missing or wrong. */
  id: string;
  message: string;
};

/** Everything that does not fit together; `whole`: all destinations of the plan could be read, so "nowhere" can be known. */
export function alarmsOf(views: readonly View[], whole: boolean): Alarm[] {
  const all = versionsOf(views);
  return [
    ...(whole ? holes(views, all) : []),
    ...contradictions(all),
    ...sequences(all),
    ...views.flatMap(overlooked),
    ...views.flatMap((view) => missing(view, all)),
  ];
}

/** Each manifest once, with the destinations that hold these very bytes; by id, the oldest first. */
type Version = Read & { at: string[] };

function versionsOf(views: readonly View[]): Version[] {
  const found = new Map<string, Version>();
  for (const { destination, read } of views) {
    for (const one of read.values()) {
      const known = found.get(one.sha256);
      if (known) known.at.push(destination);
      else found.set(one.sha256, { ...one, at: [destination] });
    }
  }
  return [...found.values()].toSorted((left, right) => compareIds(left.manifest.id, right.manifest.id));
}

function holes(views: readonly View[], all: readonly Version[]): Alarm[] {
  const known = (id: string) => views.some(({ present, deleted }) => present.has(id) || deleted.has(id));
  const found = new Map<string, Alarm>();
  for (const { manifest } of all) {
    const gone = manifest.previous?.id;
    if (gone === undefined || known(gone)) continue;
    const message = `${manifest.id} follows ${gone}, which lies nowhere and which no tombstone names: it was deleted by hand, lay at a destination that left the plan, or a store lost or hid it`;
    found.set(gone, { kind: 'hole', id: gone, message });
  }
  return [...found.values()];
}

/** Copies of one id that differ, and ones that differ from what the next backup says of them. */
function contradictions(all: readonly Version[]): Alarm[] {
  return [...new Set(all.map(({ manifest }) => manifest.id))].flatMap((id): Alarm[] => {
    const versions = all.filter(({ manifest }) => manifest.id === id);
    const next = all.find(({ manifest }) => manifest.previous?.id === id);
    const named = next?.manifest.previous?.sha256;
    const right = versions.find(({ sha256 }) => sha256 === named);
    const places = versions.map(({ at }) => quoted(at));
    if (versions.length > 1) {
      const hint = right ? `; that at ${quoted(right.at)} is the one that ${next!.manifest.id} names` : '';
      return [
        { kind: 'conflict', id, message: `copy-conflict: ${id} is not the same at ${places.join(' as at ')}${hint}` },
      ];
    }
    if (!next || right) return [];
    const message = `the manifest of ${id} at ${places[0]} is not the one that ${next.manifest.id} follows: it was replaced`;
    return [{ kind: 'replaced', id, message }];
  });
}

/** Only where the older manifest is the very one that is named, so that one fault is told once. */
function sequences(all: readonly Version[]): Alarm[] {
  return all.flatMap(({ manifest: { id, sequence, previous } }): Alarm[] => {
    const before = all.find(({ sha256 }) => sha256 === previous?.sha256)?.manifest;
    if (!before || sequence === before.sequence + 1) return [];
    const message = `${id} says it is number ${sequence}, but it follows number ${before.sequence} (${before.id})`;
    return [{ kind: 'sequence', id, message }];
  });
}

/**
 * Whoever writes to a destination has read its shelf: what lay there is the one before, or older than that. Two runs at the same
 * time are harmless and not told.
 */
function overlooked({ destination, read, copied }: View): Alarm[] {
  const own = [...read.values()].map(({ manifest }) => manifest).filter(({ id }) => !copied.has(id));
  const ordered = own.toSorted((left, right) => compareIds(left.id, right.id));
  return ordered.slice(1).flatMap((manifest, index): Alarm[] => {
    const older = ordered[index]!;
    const { id, previous, moment } = manifest;
    const seen = previous !== null && compareIds(previous.id, older.id) >= 0;
    if (seen || Date.parse(older.created) >= Date.parse(moment.from)) return [];
    const message = `${id} was made as if ${older.id} had not been at "${destination}": that store may have hidden it`;
    return [{ kind: 'overlooked', id: older.id, message }];
  });
}

function missing({ destination, present, deleted, wants, since }: View, all: readonly Version[]): Alarm[] {
  if (wants === null || (since === null && present.size === 0)) return [];
  const newest = [...present].reduce<string | null>((last, id) => (last && compareIds(last, id) > 0 ? last : id), null);
  const lacking = all.filter(({ manifest: { id, purpose, tiers, created } }) => {
    const sent = purpose === 'backup' && (wants === 'all' || tiers.some((tier) => wants.includes(tier)));
    const later = newest === null ? Date.parse(created) > since!.getTime() : compareIds(id, newest) > 0;
    return sent && later && !deleted.has(id);
  });
  const head = lacking.at(-1);
  if (!head) return [];
  const { id } = head.manifest;
  const more = lacking.length > 1 ? ` and ${lacking.length - 1} before it` : '';
  const message = `missing copies: "${destination}" lacks ${id}${more}, which ${quoted(head.at)} holds: it could not be reached, or it lost or hid its newest`;
  return [{ kind: 'missing', id, message }];
}

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');
