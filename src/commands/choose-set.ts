/** Which set of a consistency group a restore takes: all its members, of one moment. */
import { setOf } from '../catalog/identity.ts';
import { RunnerError } from '../diagnostic.ts';
import type { ResolvedGroup, ResolvedPlan } from '../plan/resolved.ts';
import { type Asked, bestFirst, type Chosen } from './choose.ts';
import { findRow, type ReadCopy, readCopies } from './find.ts';
import { parseTyped, type Typed } from './moments.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Shelves } from './shelves.ts';

type SetRows = { key: string; rows: Row[] };
type Opened = { row: Row; copies: ReadCopy[] };

/**
 * The members of the newest whole set (`at`: of a day, or with no data later than a time), in the order of the plan. `id` is that of
 * any member and takes its set as it is. Throws RunnerError (exit 2) when there is no such set.
 */
export async function chooseSet(
  plan: ResolvedPlan,
  group: ResolvedGroup,
  asked: Asked,
  shelves: Shelves,
): Promise<Chosen[]> {
  const sets = setsOf(await rowsOf(plan, shelves), group);
  const remarks: string[] = [];
  const open = async ({ rows }: SetRows): Promise<Opened[]> => {
    const opened: Opened[] = [];
    for (const row of rows)
      opened.push({ row, copies: await readCopies(row, shelves.places, (message) => remarks.push(message)) });
    return opened;
  };
  if (asked.id !== undefined) {
    const { id } = await findRow(plan, shelves, asked.id);
    const set = sets.find(({ key }) => key === setOf(id));
    if (!set) throw new RunnerError(`${id} is no backup of group "${group.name}"`, { exitCode: 4 });
    const opened = await open(set);
    return chosen(plan, opened, [...remarks, ...lacking(opened, group)]);
  }
  const typed = asked.at === undefined ? null : parseTyped(asked.at, plan.timezone);
  for (const set of sets.toReversed()) {
    if (!isBegun(set, typed) || set.rows.some(({ state }) => state !== 'good')) continue;
    const opened = await open(set);
    if (isWhole(opened, group) && isEarly(opened, typed))
      return chosen(plan, opened, [...remarks, ...newer(sets, set)]);
  }
  const wish = asked.at === undefined ? '' : ` of ${asked.at}`;
  const last = sets.at(-1)?.rows.map(({ id, state }) => `${id} (${state})`);
  const hint = last
    ? `the newest of its backups: ${last.join(', ')}; --id takes a set as it is`
    : 'none was ever committed';
  throw new RunnerError(`group "${group.name}" has no whole set${wish}; ${hint}`);
}

/** By what the ends of ids have in common, the oldest first; members in the order of the plan. */
function setsOf(rows: readonly Row[], { members }: ResolvedGroup): SetRows[] {
  const sets = new Map<string, Row[]>();
  for (const row of rows) {
    if (!members.includes(row.backup)) continue;
    sets.set(setOf(row.id), [...(sets.get(setOf(row.id)) ?? []), row]);
  }
  return [...sets]
    .map(([key, all]) => ({
      key,
      rows: all.toSorted((left, right) => members.indexOf(left.backup) - members.indexOf(right.backup)),
    }))
    .toSorted((left, right) => (left.key < right.key ? -1 : 1));
}

/** A backup that was made in no group is no set, and one whose manifest cannot be read cannot be restored. */
function isWhole(opened: readonly Opened[], group: ResolvedGroup): boolean {
  return opened.every(({ copies }) => copies[0]?.manifest.set !== undefined) && lacking(opened, group).length === 0;
}

/** Who was to be in the set, as far as today's group knows it, and is not there. */
function lacking(opened: readonly Opened[], { members }: ResolvedGroup): string[] {
  const there = new Set(opened.map(({ row }) => row.backup));
  const wanted = new Set(opened.flatMap(({ copies }) => copies[0]?.manifest.set?.members ?? []));
  return members.filter((name) => wanted.has(name) && !there.has(name)).map((name) => `the set lacks "${name}"`);
}

function isBegun({ rows }: SetRows, typed: Typed | null): boolean {
  if (typed === null) return true;
  const time = rows[0]!.time.getTime();
  return 'day' in typed ? time >= typed.day.begin && time < typed.day.end : time <= typed.moment;
}

function isEarly(opened: readonly Opened[], typed: Typed | null): boolean {
  if (typed === null || 'day' in typed) return true;
  return opened.every(({ copies }) => Date.parse(copies[0]!.manifest.moment.to) <= typed.moment);
}

function newer(sets: readonly SetRows[], { key }: SetRows): string[] {
  const last = sets.at(-1)!;
  if (last.key === key) return [];
  return [`a newer set is not whole: ${last.rows.map(({ id, state }) => `${id} (${state})`).join(', ')}`];
}

/** What is to be read stands at the first member. */
function chosen(plan: ResolvedPlan, opened: readonly Opened[], remarks: string[]): Chosen[] {
  return opened.map(({ row, copies }, index) => {
    if (copies.length === 0) throw new RunnerError(`${row.id} cannot be restored: none of its manifests can be read`);
    return { row, copies: bestFirst(plan, copies), remarks: index === 0 ? remarks : [] };
  });
}
