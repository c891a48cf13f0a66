import type { Action, CapturePart, Scope, Task } from '../graph.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { seconds } from '../units.ts';
import { captureTask } from './capture.ts';
import { directoryScope } from './common.ts';
import { isDatabase, nothing, ok, type PieceContext, type RestorePart } from './restore-context.ts';
import type { Ground } from './restore-ground.ts';
import { savesFirst } from './restore-live.ts';

/** Puts what lies beside in its place, while everything that the plan stops stands still. */
export function swapping(context: PieceContext, ground: Ground, needs: Task['needs'], stopped: Scope[]): Task {
  const { backup, piece, tag } = context;
  return {
    id: `swap${tag}`,
    title: isDatabase(context) ? renaming(piece) : `put it in place at ${piece.target}`,
    host: 'local',
    within: [`work:restore${tag}`, `beside${tag}`, ...stopped.map(({ id }) => id)],
    needs,
    action: ground.swap,
    outputs: [],
    backup: backup.name,
  };
}

function renaming({ beside, target, aside, replaces }: PieceContext['piece']): string {
  return `rename ${beside} to ${target}${replaces ? `, and what was there to ${aside}` : ''}`;
}

/** Brings back what was at the target, when one of `blamed` fails behind `put`, once `started` is done. */
export function rollingBack(
  { backup, tag }: PieceContext,
  { action, put, started }: { action: Action; put: Task; started: Task['needs'] },
  blamed: readonly Task[],
  again: readonly Scope[],
): RestorePart {
  const work = action.do === 'put-back' ? [directoryScope(`work:back${tag}`)] : [];
  const task: Task = {
    id: `roll-back${tag}`,
    title: 'put the old data back',
    host: 'local',
    within: [...again, ...work].map(({ id }) => id),
    needs: [...started, ...ok([put]), ...blamed.map(({ id }) => ({ task: id, on: 'fail' as const }))],
    action,
    outputs: [],
    backup: backup.name,
  };
  return { tasks: [task], scopes: work, requirements: [] };
}

/**
 * The old data leaves only after a safety copy of it is committed, or when the person gave that up. A kind that cannot read
 * what was moved aside makes no such copy: then the old data stays where it is.
 */
export function farewell(context: PieceContext, ground: Ground, needs: Task['needs']): RestorePart {
  const { backup, piece, tag } = context;
  // What a server kept in memory is not in a file that it could not be told to write.
  const isExact = context.kind.quiet === undefined || !context.choice.live || savesFirst(context);
  const safety = piece.safety && isExact ? safetyCopy(context, piece.aside, needs) : nothing;
  if (piece.safety && safety.tasks.length === 0) return nothing;
  const discard: Task = {
    id: `discard${tag}`,
    title: `remove the old data${isDatabase(context) ? ` in ${piece.aside}` : ''}`,
    host: 'local',
    within: [],
    needs: safety.tasks.length > 0 ? ok(safety.tasks) : needs,
    action: ground.discard,
    outputs: [],
    backup: backup.name,
  };
  return { ...safety, tasks: [...safety.tasks, discard] };
}

/** A capture of exactly what lies at `place`: nothing writes to it any more. Nothing where the kind cannot read it there. */
export function safetyCopy(
  context: PieceContext,
  place: string,
  needs: Task['needs'],
  stopped: Scope[] = [],
): RestorePart {
  const { plan, backup, facts, kind, piece, tag } = context;
  if (!kind.relocate) return nothing;
  // What was moved aside among files of here lies here, wherever the source's own programs run.
  const { place: live, ...here } = piece.source;
  const source = (isDatabase(context) || piece.there) && live ? { ...here, place: live } : here;
  const { destinations, within } = backup.restore.safety;
  const moved: ResolvedBackup = {
    ...backup,
    source: { ...source, spec: { ...kind.relocate(piece.source.spec, place) } },
    destinations: destinations.map((name) => ({ name })),
    require: 1,
    verify: [],
  };
  const title = `keep a safety copy of the old ${piece.part.name ?? backup.name}`;
  const pinFor = seconds(within);
  const kept = captureTask(plan, moved, { id: `safety${tag}`, title, needs, purpose: 'safety', pinFor }, facts);
  const { action } = kept.task;
  // It comes back by the same name as the part of the backup whose place it had.
  const named = (all: CapturePart[]) => all.map((part) => ({ ...part, name: piece.part.name }));
  const task: Task = {
    ...kept.task,
    within: [...stopped.map(({ id }) => id), ...kept.task.within],
    action: action.do === 'capture' ? { ...action, parts: named(action.parts) } : action,
  };
  return {
    tasks: [task],
    scopes: kept.scopes,
    // What it takes is not there yet, so nothing can be asked of it.
    requirements: kept.requirements.filter(({ need }) => need !== 'path' && need !== 'check'),
  };
}
