import type { Scope, Task } from '../graph.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { seconds } from '../units.ts';
import { captureTask } from './capture.ts';
import type { RestoreContext, RestorePart } from './restore-context.ts';
import { restoreEnvironment, restoreSteps } from './restore-steps.ts';
import { compileStop } from './steps.ts';

const nothing: RestorePart = { tasks: [], scopes: [], requirements: [] };

/** Stop, move the old data aside, swap, start, `after`; back again when `after` fails; then what becomes of the old. */
export function swapping(context: RestoreContext, target: string, ready: string): RestorePart {
  const { backup, choice } = context;
  const common = { host: 'local', outputs: [], backup: backup.name };
  const companions = companionsOf(backup);
  const stopped = stopScopes(context, 'stopped');
  const swap: Task = {
    id: 'swap',
    title: `put it in place at ${target}`,
    within: ['beside', ...stopped.map(({ id }) => id)],
    needs: [{ task: ready, on: 'ok' }],
    action: { do: 'swap', beside: choice.beside, target, aside: choice.aside, companions },
    ...common,
  };
  const started: Task['needs'] = [swap, ...stopped].map(({ id }) => ({ task: id, on: 'ok' }));
  const after = restoreSteps(context, 'after', started);
  const back = after.length > 0 ? rollBack(context, target, after) : nothing;
  const old = choice.replaces
    ? farewell(context, [...started, ...after.map(({ id }) => ({ task: id, on: 'ok' as const }))])
    : nothing;
  return {
    tasks: [swap, ...after, ...back.tasks, ...old.tasks],
    scopes: [...stopped, ...back.scopes, ...old.scopes],
    requirements: old.requirements,
  };
}

/** Where a program takes the data instead: the scopes in which it does so, and `after`. Nothing can be brought back. */
export function taking(context: RestoreContext): RestorePart {
  const stopped = stopScopes(context, 'stopped');
  const started: Task['needs'] = [
    { task: 'unpack', on: 'ok' },
    ...stopped.map(({ id }) => ({ task: id, on: 'ok' as const })),
  ];
  return { tasks: restoreSteps(context, 'after', started), scopes: stopped, requirements: [] };
}

/** What stands still during the swap, in the order of the plan; scopes end in reverse, so it starts again in reverse. */
function stopScopes(context: RestoreContext, prefix: string): Scope[] {
  const stops = context.choice.live ? context.backup.restore.stop : [];
  return stops.map((planned, index) => {
    const { stop, start } = compileStop(planned, restoreEnvironment(context));
    return {
      id: `${prefix}:${index + 1}`,
      host: 'local',
      acquire: { do: 'step', step: stop },
      release: { do: 'step', step: start },
      outputs: [],
    };
  });
}

function rollBack(context: RestoreContext, target: string, after: Task[]): RestorePart {
  const { backup, choice } = context;
  const scopes = stopScopes(context, 'stopped-again');
  const task: Task = {
    id: 'roll-back',
    title: 'put the old data back',
    host: 'local',
    within: scopes.map(({ id }) => id),
    needs: [{ task: 'swap', on: 'ok' }, ...after.map(({ id }) => ({ task: id, on: 'fail' as const }))],
    action: { do: 'unswap', target, aside: choice.aside, companions: companionsOf(backup) },
    outputs: [],
    backup: backup.name,
  };
  return { tasks: [task], scopes, requirements: [] };
}

/**
 * The old data leaves only after a safety copy of it is committed, or when the person gave that up. A kind that cannot read
 * what was moved aside makes no such copy: then the old data stays where it is.
 */
function farewell(context: RestoreContext, needs: Task['needs']): RestorePart {
  const { backup, choice } = context;
  const safety = choice.safety ? safetyCopy(context, needs) : nothing;
  if (choice.safety && safety.tasks.length === 0) return nothing;
  const discard: Task = {
    id: 'discard',
    title: 'remove the old data',
    host: 'local',
    within: [],
    needs: safety.tasks.length > 0 ? safety.tasks.map(({ id }) => ({ task: id, on: 'ok' as const })) : needs,
    action: { do: 'discard', path: choice.aside, companions: companionsOf(backup) },
    outputs: [],
    backup: backup.name,
  };
  return { ...safety, tasks: [...safety.tasks, discard] };
}

/** A capture of exactly what was moved aside: nothing has written to it since. */
function safetyCopy({ plan, backup, choice, facts }: RestoreContext, needs: Task['needs']): RestorePart {
  const kind = findSource(backup.source.type);
  if (!kind.relocate) return nothing;
  const { destinations, within } = backup.restore.safety;
  const moved: ResolvedBackup = {
    ...backup,
    source: { ...backup.source, spec: { ...kind.relocate(backup.source.spec, choice.aside) } },
    destinations: destinations.map((name) => ({ name })),
    require: 1,
    verify: [],
  };
  const title = `keep a safety copy of the old ${backup.name}`;
  const pinFor = seconds(within);
  const kept = captureTask(plan, moved, { id: 'safety', title, needs, purpose: 'safety', pinFor }, facts);
  return {
    tasks: [kept.task],
    scopes: kept.scopes,
    requirements: kept.requirements.filter(({ need }) => need !== 'path'),
  };
}

function companionsOf(backup: ResolvedBackup): string[] {
  return [...(findSource(backup.source.type).companions ?? [])];
}
