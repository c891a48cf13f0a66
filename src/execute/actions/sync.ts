import { type Missing, missingAt } from '../../copies/missing.ts';
import { readStand, type Stand } from '../../copies/stand.ts';
import type { Action } from '../../graph.ts';
import { keptUntil } from '../../retention/kept-until.ts';
import { formatSize } from '../../units.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { progressOf } from './progress.ts';
import { noRoomAt, storedMore } from './room.ts';
import { copyBackup, type Target } from './sync-copy.ts';

export type SyncAction = Extract<Action, { do: 'sync' }>;

/**
 * Copies to a destination what it lacks: what is derived now, and only as far as it was shown before. What cannot be copied is
 * told and left for the next run, and spoils nothing else.
 */
export async function sync(action: SyncAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const { destination: name } = action;
  const views = run.graph.shelf.filter((one) => one.destination === name && action.backups.includes(one.backup));
  const unknown = views.find(({ uncopied }) => uncopied !== undefined)?.uncopied;
  if (unknown !== undefined) return { outcome: 'partial', message: `nothing is copied to "${name}": ${unknown}` };
  const shown = new Map(views.flatMap(({ copy = [] }) => copy.map(({ id, isDamaged }) => [id, isDamaged === true])));
  if (shown.size === 0) return { message: 'nothing is missing' };
  const problems: string[] = [];
  const here = await readStand(run.plan, await run.places.open(name));
  const others = await readable(action.from, run, problems);
  const missing = await missingAt(run.plan, here, others, action);
  // What is to make way was shown as such.
  const items = missing.filter(({ id, isDamaged }) => shown.has(id) && (shown.get(id) || !isDamaged));
  const sum = items.reduce((total, { bytes }) => total + (bytes ?? 0), 0);
  const onBytes = progressOf(context, sum);
  let copied = 0;
  let bytes = 0;
  for (const item of items) {
    context.signal.throwIfAborted();
    const full = await noRoomAt(here, item.isDamaged ? 0 : item.bytes, run);
    if (full !== null) {
      problems.push(`${item.id} does not fit at "${name}": ${full}`);
      break;
    }
    const sources = item.from.map((from) => others.find((stand) => stand.name === from)!.destination);
    const tried = await copyBackup(item, targetOf(action, item, here, run), sources, { run, context, onBytes });
    problems.push(...tried.problems);
    if (tried.size !== null) copied += 1;
    bytes += tried.size ?? 0;
    if (!item.isDamaged) storedMore(run, name, tried.size ?? 0);
    if (tried.isTargetLost) break;
  }
  const message = [`copied ${copied}, ${formatSize(bytes)}`, ...problems].join('; ');
  return { outcome: problems.length > 0 ? 'partial' : 'ok', message };
}

/** Those that can be read now; of the others it is told why. */
async function readable(names: readonly string[], run: RunContext, problems: string[]): Promise<Stand[]> {
  const stands: Stand[] = [];
  for (const name of names) {
    try {
      stands.push(await readStand(run.plan, await run.places.open(name)));
    } catch (error) {
      problems.push(`"${name}" cannot be read: ${textOf(error)}`);
    }
  }
  return stands;
}

function targetOf({ destination: name }: SyncAction, { backup }: Missing, here: Stand, run: RunContext): Target {
  const policy = run.plan.backups.find((one) => one.name === backup)?.retention[name] ?? null;
  return {
    name,
    destination: here.destination,
    keptUntil: (tiers, time) => keptUntil(policy, run.plan.timezone, tiers, time),
  };
}
