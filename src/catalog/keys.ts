/** Names of everything that lies below a destination's prefix. Keys are `/`-separated and relative to that prefix. */
import { RunnerError } from '../diagnostic.ts';
import type { Finding, FindingResult } from './format.ts';
import { parseId, stampOf, timeOfStamp } from './identity.ts';

/** `<plan>/<backup>/yyyy/mm` of an identity, in UTC: where its manifest lies whatever the layout. */
export function directoryOf(plan: string, id: string): string {
  const identity = parseId(id);
  if (!identity) throw new RunnerError(`"${id}" is not the id of a backup (NAME-YYYYMMDDTHHMMSSZ-nonce).`);
  return `${plan}/${identity.backup}/${identity.stamp.slice(0, 4)}/${identity.stamp.slice(4, 6)}`;
}

export function manifestKey(plan: string, id: string): string {
  return `${directoryOf(plan, id)}/${id}.manifest.json`;
}

export function signatureKey(plan: string, id: string): string {
  return `${manifestKey(plan, id)}.sig`;
}

/** Where what was learnt of a backup is written: finding and result stand in the name, so a listing tells them. */
export function recordKey(
  plan: string,
  id: string,
  finding: Finding,
  result: FindingResult,
  stamp: string,
  nonce: string,
): string {
  return `${directoryOf(plan, id)}/${id}.${finding}-${result}-${stamp}-${nonce}.json`;
}

/** Fixed names below `<plan>/`. */
export const planKeys = {
  recovery: (plan: string) => `${plan}/RECOVERY.md`,
  recoverySignature: (plan: string) => `${plan}/RECOVERY.md.sig`,
  format: (plan: string) => `${plan}/.runner/format.json`,
  leases: (plan: string) => `${plan}/.runner/lease/`,
  lease: (plan: string, epoch: number) => `${plan}/.runner/lease/${String(epoch).padStart(8, '0')}.json`,
  journals: (plan: string) => `${plan}/.runner/journal/`,
  journal: (plan: string, run: string, id: string) => `${plan}/.runner/journal/${run}.${id}.json`,
  tombstones: (plan: string) => `${plan}/.runner/pruned/`,
  tombstone: (plan: string, time: Date, run: string, part: number) =>
    `${plan}/.runner/pruned/${stampOf(time)}-${run}${part === 0 ? '' : `.${part}`}.json`,
  run: (plan: string, run: string) => `${plan}/.runner/runs/${run}.json`,
};

/** Reads a key that came from a file somebody else may have written. Throws RunnerError when it leads anywhere else. */
export function checkKey(key: string): void {
  const wrong = keyProblem(key);
  if (wrong) throw new RunnerError(`The key ${JSON.stringify(key.slice(0, 200))} is refused: ${wrong}.`);
}

/** Why a key is refused, or null. Keys are relative, without empty parts, `.`, `..` and NUL. */
export function keyProblem(key: string): string | null {
  if (key === '') return 'it is empty';
  if (key.length > 1024) return 'it is longer than 1,024 characters';
  if (key.includes('\0')) return 'it holds a NUL';
  if (key.startsWith('/')) return 'it is absolute';
  for (const part of key.split('/')) {
    if (part === '') return 'it has an empty part';
    if (part === '.' || part === '..') return `it climbs by "${part}"`;
  }
  return null;
}

/** What a key of the catalogue says by its name alone. */
export type ParsedKey =
  | { kind: 'manifest' | 'signature' | 'artifact' | 'opaque'; backup: string; id: string }
  | { kind: 'record'; backup: string; id: string; finding: Finding; result: FindingResult; stamp: string }
  | { kind: 'runner' | 'recovery' | 'log' | 'foreign' };

const findings = new Set('checksum content restore drill anomaly accept pin unpin copy rekey'.split(' '));
const recordName = /^([a-z]+)-(pass|fail|set)-(\d{8}T\d{6}Z)-[a-z0-9]{1,16}\.json$/;
const newerRecord = /^[a-z]+-[a-z]+-\d{8}T\d{6}Z-[a-z0-9]+\.json$/;
const newerManifest = /^manifest[-@.]v?\d+\.json(\.sig)?$/;

/** Tells what a key below `<plan>/` is. A file that does not lie where its id says is `foreign`: it is never counted. */
export function parseKey(plan: string, key: string): ParsedKey {
  const [root, backup, year, month, name, ...deeper] = key.split('/');
  if (root !== plan || backup === undefined) return { kind: 'foreign' };
  if (backup === '.runner') return { kind: 'runner' };
  if (year === undefined) return { kind: backup.startsWith('RECOVERY.md') ? 'recovery' : 'foreign' };
  if (year === 'log') return { kind: 'log' };
  if (name === undefined || deeper.length > 0) return { kind: 'foreign' };
  const dot = name.indexOf('.');
  const id = dot < 0 ? name : name.slice(0, dot);
  // Everything of one backup starts with its id, which says where it must lie.
  const stampAt = backup.length + 1;
  if (!id.startsWith(`${backup}-`) || id.slice(stampAt, stampAt + 4) !== year) return { kind: 'foreign' };
  if (id.slice(stampAt + 4, stampAt + 6) !== month || parseId(id)?.backup !== backup) return { kind: 'foreign' };
  return parseRest(backup, id, dot < 0 ? '' : name.slice(dot + 1));
}

function parseRest(backup: string, id: string, rest: string): ParsedKey {
  if (rest === 'manifest.json') return { kind: 'manifest', backup, id };
  if (rest === 'manifest.json.sig') return { kind: 'signature', backup, id };
  const record = recordName.exec(rest);
  if (record && findings.has(record[1]!) && timeOfStamp(record[3]!)) {
    const [, finding, result, stamp] = record as unknown as [string, Finding, FindingResult, string];
    return { kind: 'record', backup, id, finding, result, stamp };
  }
  // Names that this version never writes but whose shape is ours: made by a newer runner.
  if (newerRecord.test(rest) || newerManifest.test(rest)) return { kind: 'opaque', backup, id };
  return { kind: 'artifact', backup, id };
}
