/** Names of everything that lies below a destination's prefix. Keys are `/`-separated and relative to that prefix. */
import { RunnerError } from '../diagnostic.ts';
import type { Finding, FindingResult } from './format.ts';
import { type Identity, parseId, stampOf, timeOfStamp } from './identity.ts';

/** `<plan>/<backup>/yyyy/mm` of an identity, in UTC: where its manifest lies whatever the layout. */
export function directoryOf(plan: string, id: string): string {
  const identity = parseId(id);
  if (!identity) throw new RunnerError(`"${id}" is not the id of a backup (NAME-YYYYMMDDTHHMMSSZ-nonce).`);
  return folderOf(plan, identity);
}

function folderOf(plan: string, { backup, stamp }: Identity): string {
  return `${plan}/${backup}/${stamp.slice(0, 4)}/${stamp.slice(4, 6)}`;
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
  /** An announcement of a starter at a store that may overwrite: no two have the same name. */
  claim: (plan: string, epoch: number, nonce: string) =>
    `${plan}/.runner/lease/${String(epoch).padStart(8, '0')}.${nonce}.claim.json`,
  journals: (plan: string) => `${plan}/.runner/journal/`,
  journal: (plan: string, run: string, id: string) => `${plan}/.runner/journal/${run}.${id}.json`,
  tombstones: (plan: string) => `${plan}/.runner/pruned/`,
  tombstone: (plan: string, time: Date, run: string, part: number) =>
    `${plan}/.runner/pruned/${stampOf(time)}-${run}${part === 0 ? '' : `.${part}`}.json`,
  runs: (plan: string) => `${plan}/.runner/runs/`,
  run: (plan: string, run: string) => `${plan}/.runner/runs/${run}.json`,
  runLog: (plan: string, run: string) => `${plan}/.runner/runs/${run}.log`,
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
  | (ParsedFile & { backup: string; id: string; time: Date })
  | { kind: 'runner' | 'recovery' | 'log' | 'foreign' };

const findings = new Set('checksum content restore drill anomaly accept forget pin unpin copy rekey'.split(' '));
const recordName = /^\.([a-z]+)-(pass|fail|set)-(\d{8}T\d{6}Z)-[a-z0-9]{1,16}\.json$/;
const newerRecord = /^\.[a-z]+-[a-z]+-\d{8}T\d{6}Z-[a-z0-9]+\.json$/;
const newerManifest = /^\.manifest[-@.]v?\d+\.json(\.sig)?$/;

/** Tells what a key below `<plan>/` is. A file that does not lie where its id says is `foreign`: it is never counted. */
export function parseKey(plan: string, key: string): ParsedKey {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.indexOf('.');
  const id = dot < 0 ? name : name.slice(0, dot);
  const identity = parseId(id);
  // Everything of one backup starts with its id, which says where it must lie.
  if (!identity || key !== `${folderOf(plan, identity)}/${name}`) return { kind: parsePlace(plan, key) };
  return { backup: identity.backup, id, time: identity.time, ...parseFile(name.slice(id.length)) };
}

/** What is no file of a backup in its place. */
function parsePlace(plan: string, key: string): 'runner' | 'recovery' | 'log' | 'foreign' {
  const [root, folder, next] = key.split('/');
  if (root !== plan || folder === undefined) return 'foreign';
  if (folder === '.runner') return 'runner';
  if (next === undefined) return folder.startsWith('RECOVERY.md') ? 'recovery' : 'foreign';
  return next === 'log' ? 'log' : 'foreign';
}

export type ParsedFile =
  | { kind: 'manifest' | 'signature' | 'artifact' | 'opaque' }
  | { kind: 'record'; finding: Finding; result: FindingResult; stamp: string };

/** What a file of a backup is, by what follows the id in its name. */
export function parseFile(rest: string): ParsedFile {
  if (rest === '.manifest.json') return { kind: 'manifest' };
  if (rest === '.manifest.json.sig') return { kind: 'signature' };
  if (!rest.endsWith('.json') && !rest.startsWith('.manifest')) return { kind: 'artifact' };
  const record = recordName.exec(rest);
  if (record && findings.has(record[1]!) && timeOfStamp(record[3]!)) {
    return { kind: 'record', finding: record[1] as Finding, result: record[2] as FindingResult, stamp: record[3]! };
  }
  // Names that this version never writes but whose shape is ours: made by a newer runner.
  return { kind: newerRecord.test(rest) || newerManifest.test(rest) ? 'opaque' : 'artifact' };
}
