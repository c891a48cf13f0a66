import { setOf } from '../catalog/identity.ts';
import { readManifest } from '../catalog/manifest.ts';
import { ExitCode } from '../diagnostic.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { age, oneLine, table, wallClock } from '../report/human.ts';
import { formatSize } from '../units.ts';
import type { Host, Invocation } from './command.ts';
import { conflictsOf } from './conflicts.ts';
import { findBackup, fromDestination, openPlan } from './plan-file.ts';
import { type Copy, type Row, rowsOf } from './rows.ts';
import { type Place, type Shelves, tellFailures, withShelves } from './shelves.ts';

/** `runner list`: one row a backup, whatever destinations hold it; the oldest first. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  const { from, tier, json } = invocation.options;
  const names = fromDestination(plan, from);
  const [backup = null] = invocation.words;
  return withShelves(plan, names, backup, host, async (shelves) => {
    const all = (await rowsOf(plan, shelves)).filter((row) => backup === null || row.backup === backup);
    tellFailures(shelves, host);
    // A name that left the plan is fine as long as something of it is still there.
    if (backup !== null && all.length === 0 && shelves.failures.length === 0) findBackup(plan, backup);
    const rows = all.filter((row) => holds(row, tier));
    await measure(rows, shelves.places);
    const conflicts = await conflictsOf(rows, shelves.places);
    for (const sentence of conflicts.values()) host.terminal.say(`warning: ${sentence}\n`);
    host.terminal.data(json ? asJson(rows, shelves, conflicts) : asText(rows, shelves, plan, conflicts));
    return shelves.failures.length + conflicts.size > 0 ? ExitCode.partial : ExitCode.success;
  });
}

function holds(row: Row, tier: string | undefined): boolean {
  if (tier === undefined) return true;
  return tier === 'recent' ? row.tiers.length === 0 : (row.tiers as string[]).includes(tier);
}

/** Sizes that no name tells, from the manifests: only backups with a `layout` of their own need it. */
async function measure(rows: Row[], places: Place[]): Promise<void> {
  for (const row of rows) {
    if (row.size !== null) continue;
    const copy = row.copies.find(({ judgement }) => judgement.state !== 'incomplete');
    const place = places.find(({ name }) => name === copy?.destination);
    if (!copy || !place) continue;
    const read = await readManifest(place.destination, copy.entry.manifestKey).catch(() => null);
    if (read) row.size = read.manifest.artifacts.reduce((sum, { size }) => sum + size, 0);
  }
}

type Conflicts = ReadonlyMap<string, string>;

function asText(rows: Row[], { places }: Shelves, plan: ResolvedPlan, conflicts: Conflicts): string {
  const now = new Date();
  const cells = rows.map((row) => [
    row.id,
    wallClock(row.time, plan.timezone),
    age(row.time, now),
    row.size === null ? '?' : formatSize(row.size),
    row.tiers.length === 0 ? 'recent' : row.tiers.join(' '),
    stateText(row, conflicts),
    row.copies.map((copy) => copyText(copy, row)).join(' '),
  ]);
  const listed =
    cells.length === 0
      ? 'no backups\n'
      : table(
          [
            { title: 'ID' },
            { title: `TIME (${plan.timezone})` },
            { title: 'AGE', align: 'right' },
            { title: 'SIZE', align: 'right' },
            { title: 'TIERS' },
            { title: 'STATE' },
            { title: 'COPIES' },
          ],
          cells,
        );
  return listed + remarks(places);
}

function stateText({ id, state, pinned, set }: Row, conflicts: Conflicts): string {
  const notes = [
    ...(pinned ? ['pinned'] : []),
    ...(set === 'incomplete' ? ['set incomplete'] : []),
    ...(conflicts.has(id) ? ['copy-conflict'] : []),
  ];
  return [state, ...notes].join(', ');
}

function copyText({ destination, judgement }: Copy, row: Row): string {
  const differs = row.state !== 'unmanaged' && judgement.state !== row.state;
  return differs ? `${destination}(${judgement.state})` : destination;
}

/** What lies there and is no backup that this program may touch. */
function remarks(places: Place[]): string {
  return places
    .flatMap(({ name, shelf }) => [
      ...remark(shelf.orphans, `${name}: artifact without a manifest, never swept`),
      ...remark(shelf.opaque, `${name}: made by a newer runner, not read`),
    ])
    .join('');
}

/** Many are counted and the first are named. */
function remark(keys: string[], what: string): string[] {
  const shown = keys.slice(0, 10).map((key) => `${what}: ${oneLine(key)}\n`);
  return keys.length > shown.length ? [...shown, `${what}: ${keys.length - shown.length} more\n`] : shown;
}

function asJson(rows: Row[], { places, failures }: Shelves, conflicts: Conflicts): string {
  const now = Date.now();
  const backups = rows.map(({ id, backup, time, state, pinned, set, tiers, size, copies }) => ({
    id,
    backup,
    time: time.toISOString(),
    age: Math.round((now - time.getTime()) / 1000),
    size,
    tiers,
    state,
    pinned,
    ...(set === null ? {} : { set: { key: setOf(id), state: set } }),
    ...(conflicts.has(id) ? { conflict: true } : {}),
    copies: copies.map(({ destination, judgement }) => ({ destination, state: judgement.state })),
  }));
  const found = (part: 'orphans' | 'opaque') =>
    places.flatMap(({ name, shelf }) => shelf[part].map((key) => ({ destination: name, key })));
  const unmanaged = [...new Set(rows.filter(({ state }) => state === 'unmanaged').map(({ backup }) => backup))];
  const whole = {
    format: 'runner/list@1',
    backups,
    unmanaged,
    orphans: found('orphans'),
    opaque: found('opaque'),
    unreadable: failures,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}
