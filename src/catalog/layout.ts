/** Where an artifact lies: beside its manifest, or where the backup's `layout` puts it. */
import { RunnerError } from '../diagnostic.ts';
import { parseId } from './identity.ts';
import { directoryOf, keyProblem, parseKey } from './keys.ts';

const fields = ['tier', 'yyyy', 'mm', 'dd', 'backup', 'timestamp', 'id', 'ext'];

export type ArtifactPlace = {
  plan: string;
  id: string;
  /** What tells one of several artifacts from the others, with its first dot (`partSuffix`); absent: there is one. */
  part?: string;
  /** Extension chain, inside out, with its first dot: `.sqlite.zst.enc`. */
  extension: string;
  /** The highest tier claimed at the commit; null: `recent`. */
  tier: string | null;
  /** IANA zone of `{yyyy} {mm} {dd}`. */
  timezone: string;
};

/** What is wrong with a layout, in one sentence, or null. */
export function layoutProblem(layout: string): string | null {
  for (const [, field] of layout.matchAll(/\{([^{}]*)\}/g)) {
    if (!fields.includes(field!))
      return `{${field}} is unknown; there are ${fields.map((name) => `{${name}}`).join(' ')}`;
  }
  const bare = layout.replace(/\{[^{}]*\}/g, 'x');
  if (/[{}]/.test(bare)) return 'a brace is not closed';
  const name = layout.slice(layout.lastIndexOf('/') + 1);
  if (!name.includes('{id}') && !name.includes('{timestamp}')) {
    return 'its last part needs {id} or {timestamp}, so that no two backups share a name';
  }
  return keyProblem(bare);
}

/**
 * The artifact's key: beside its manifest when `layout` is null or empty. A part stands in front of the extension, or at the end of
 * a layout that leaves the extension out. Throws RunnerError for a layout that is wrong.
 */
export function artifactKey(layout: string | null, place: ArtifactPlace): string {
  if (!layout) {
    const key = `${directoryOf(place.plan, place.id)}/${place.id}${place.part ?? ''}${place.extension}`;
    // `.manifest.json` as an extension would let data pass for a commit record.
    if (parseKey(place.plan, key).kind === 'artifact') return key;
    throw new RunnerError(`The extension ${place.extension} is taken by the catalogue's own files: choose another.`);
  }
  const problem = layoutProblem(layout);
  if (problem) throw new RunnerError(`The layout "${layout}" cannot be used: ${problem}.`);
  const identity = parseId(place.id);
  if (!identity) throw new RunnerError(`"${place.id}" is not the id of a backup.`);
  const [yyyy, mm, dd] = dateIn(place.timezone, identity.time);
  const values: Record<string, string> = {
    tier: place.tier ?? 'recent',
    yyyy,
    mm,
    dd,
    backup: identity.backup,
    timestamp: identity.stamp,
    id: place.id,
    ext: (place.part ?? '') + place.extension,
  };
  // The extension brings its own dot, so `{id}.{ext}` and `{id}{ext}` mean the same.
  const filled = layout.replace('.{ext}', '{ext}').replace(/\{([^{}]*)\}/g, (_, field: string) => values[field]!);
  const key = layout.includes('{ext}') ? filled : filled + (place.part ?? '');
  const wrong = keyProblem(key) ?? claimProblem(place.plan, place.id, key);
  if (wrong) throw new RunnerError(`The layout "${layout}" gives "${key}", which cannot be used: ${wrong}.`);
  return key;
}

/**
 * Why a key cannot be an artifact of this backup, or null. A manifest or journal is data that others may have written: what
 * it names is deleted one day, so it may name nothing that belongs to another backup or to the catalogue.
 */
export function claimProblem(plan: string, id: string, key: string): string | null {
  const wrong = keyProblem(key);
  if (wrong) return wrong;
  const parsed = parseKey(plan, key);
  if (parsed.kind === 'artifact') return parsed.id === id ? null : `it belongs to ${parsed.id}`;
  if (parsed.kind !== 'foreign') return `it is the catalogue's own (${parsed.kind})`;
  const stamp = parseId(id)?.stamp;
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (stamp === undefined || !name.includes(stamp)) return `its name does not hold the time of ${id}`;
  return /(^|\/)\.runner\//.test(key) || name.endsWith('.manifest.json') ? "it is the catalogue's own" : null;
}

function dateIn(timezone: string, time: Date): [string, string, string] {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  const part = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return [part.get('year')!.padStart(4, '0'), part.get('month')!, part.get('day')!];
}
