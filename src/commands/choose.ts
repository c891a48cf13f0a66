/** Which backup a restore takes, and from which of its copies. */
import { RunnerError } from '../diagnostic.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { wallClock } from '../report/human.ts';
import type { Options } from './command.ts';
import { findRow, type ReadCopy, readCopies } from './find.ts';
import { parseTyped } from './moments.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Shelves } from './shelves.ts';

/** `copies` the best first; `remarks` are sentences that a person should read before going on. */
export type Chosen = { row: Row; copies: ReadCopy[]; remarks: string[] };

export type Asked = Pick<Options, 'latest' | 'at' | 'id'>;

/** Throws RunnerError (exit 2) when there is no such backup. */
export async function choose(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  asked: Asked,
  shelves: Shelves,
): Promise<Chosen> {
  const remarks: string[] = [];
  const search: Search = {
    plan,
    shelves,
    rows: await rowsOf(plan, shelves),
    warn: (message) => remarks.push(message),
  };
  const found = await find(search, backup, asked).catch((error: unknown) => {
    throw explained(error, remarks);
  });
  if (found.row.state !== 'good') remarks.push(`${found.row.id} is ${found.row.state}, not good`);
  return { ...found, copies: bestFirst(plan, found.copies), remarks };
}

/** Where nothing is found, what was seen on the way is the reason: a manifest that cannot be read. */
function explained(error: unknown, remarks: readonly string[]): unknown {
  if (!(error instanceof RunnerError) || remarks.length === 0) return error;
  return new RunnerError([error.message, ...remarks].join('; '), { exitCode: error.exitCode });
}

type Search = { plan: ResolvedPlan; shelves: Shelves; rows: Row[]; warn(message: string): void };
type Match = { row: Row; copies: ReadCopy[] };

async function find(search: Search, backup: ResolvedBackup, asked: Asked): Promise<Match> {
  const { plan, shelves, warn } = search;
  if (asked.id !== undefined) return withManifest(await read(search, await findRow(plan, shelves, asked.id)), asked.id);
  const rows = search.rows.filter((row) => row.backup === backup.name);
  const good = rows.filter(({ state }) => state === 'good');
  if (asked.at === undefined) {
    const match = await newest(search, good, () => true);
    if (!match) throw none(`has no good backup`, backup, rows);
    const newer = rows.at(-1)!;
    if (newer.id !== match.row.id && newer.state !== 'good') {
      warn(`a newer one, ${newer.id}, is ${newer.state}; --id ${newer.id} would take it all the same`);
    }
    return match;
  }
  const typed = parseTyped(asked.at, plan.timezone);
  if ('day' in typed) {
    const { begin, end } = typed.day;
    const sameDay = good.filter(({ time }) => time.getTime() >= begin && time.getTime() < end);
    const match = await newest(search, sameDay, () => true);
    if (!match) throw none(`has no good backup that was begun on ${asked.at}`, backup, rows);
    return match;
  }
  const until = typed.moment;
  const match = await newest(search, before(good, until), ({ to }) => Date.parse(to) <= until);
  await hint(search, backup, match, until);
  if (!match) throw none(`has no good backup whose data is as old as ${asked.at}`, backup, rows);
  return match;
}

/** Data is never older than the begin of its capture, so later ids need not be read. */
function before(rows: Row[], until: number): Row[] {
  return rows.filter(({ time }) => time.getTime() <= until);
}

/** Manifests are opened from the newest on until one fits; safety copies hold what a restore threw out. */
async function newest(
  search: Search,
  rows: Row[],
  fits: (moment: { from: string; to: string }) => boolean,
): Promise<Match | null> {
  for (const row of rows.toReversed()) {
    const match = await read(search, row);
    const manifest = match.copies[0]?.manifest;
    if (manifest && manifest.purpose === 'backup' && fits(manifest.moment)) return match;
  }
  return null;
}

async function read({ shelves, warn }: Search, row: Row): Promise<Match> {
  return { row, copies: await readCopies(row, shelves.places, warn) };
}

function withManifest(match: Match, id: string): Match {
  if (match.copies.length > 0) return match;
  throw new RunnerError(`${id} cannot be restored: none of its manifests can be read`);
}

/** Another entry of the plan may back up the same data at other times. */
async function hint(search: Search, backup: ResolvedBackup, match: Match | null, until: number): Promise<void> {
  const same = JSON.stringify([backup.source.type, backup.source.spec]);
  const reached = match ? Date.parse(match.copies[0]!.manifest.moment.to) : Number.NEGATIVE_INFINITY;
  for (const other of search.plan.backups) {
    if (other.name === backup.name || JSON.stringify([other.source.type, other.source.spec]) !== same) continue;
    const good = search.rows.filter(({ backup: name, state }) => name === other.name && state === 'good');
    const closer = await newest(
      search,
      before(good, until),
      ({ to }) => Date.parse(to) <= until && Date.parse(to) > reached,
    );
    if (!closer) continue;
    const { timezone } = search.plan;
    const time = wallClock(new Date(closer.copies[0]!.manifest.moment.to), timezone);
    search.warn(
      `backup "${other.name}" of the same data gets closer: ${closer.row.id}, data as of ${time} ${timezone}`,
    );
  }
}

function none(what: string, backup: ResolvedBackup, rows: Row[]): RunnerError {
  const last = rows.at(-1);
  const hint = last
    ? `the newest of all is ${last.id} (${last.state}); \`runner list\` shows them, --id takes one as it is`
    : 'none was ever committed at the destinations that could be read';
  return new RunnerError(`"${backup.name}" ${what}; ${hint}`);
}

/**
 * A whole copy before one of which a part is gone, one that is good itself before others, one that is near before one off-site,
 * else the plan's order.
 */
export function bestFirst(plan: ResolvedPlan, copies: ReadCopy[]): ReadCopy[] {
  const rank = (read: ReadCopy) =>
    (isTorn(read) ? 4 : 0) +
    (read.copy.judgement.state === 'good' ? 0 : 2) +
    (plan.destinations[read.copy.destination]?.offSite ? 1 : 0);
  return copies.toSorted((left, right) => rank(left) - rank(right));
}

/** Names alone do not tell that one of several artifacts is not there. With a `layout` of its own nothing was listed. */
function isTorn({ copy: { entry }, manifest }: ReadCopy): boolean {
  if (entry.artifacts.length === 0) return false;
  return manifest.artifacts.some((wanted) => {
    return !entry.artifacts.some(({ key, size }) => key === wanted.key && size === wanted.size);
  });
}
