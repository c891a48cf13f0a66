import type { Command } from '../command.ts';
import type { Graph, Scope, Task } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { leaseScopes, preflightTask, secretsOf } from './common.ts';
import type { RunFacts } from './facts.ts';
import { admitting } from './restore-beside.ts';
import {
  contextsOf,
  joined,
  ok,
  piecesOf,
  type RestoreChoice,
  type RestoreContext,
  type RestorePart,
} from './restore-context.ts';
import { laneOf, type Placed } from './restore-lane.ts';
import { restoreSteps, stopScopes } from './restore-steps.ts';
import { takingGlobals } from './restore-taken.ts';
import { seal } from './seal.ts';
import { rollingBack } from './swap.ts';

/**
 * `runner restore`: every artifact is proven whole, restored beside and asserted; only when all of them are ready is
 * anything stopped, changed and started again.
 */
export function compileRestore(plan: ResolvedPlan, facts: RunFacts, choices: readonly RestoreChoice[]): Graph {
  const contexts = contextsOf(plan, facts, choices);
  const before = steps(contexts, 'before', [{ task: 'preflight', on: 'ok' }]);
  const first: Task['needs'] = [{ task: before.at(-1)?.id ?? 'preflight', on: 'ok' }];
  const stopped = stopScopes(contexts, 'stopped');
  const { admits, work, placed } = lanes(contexts, first, stopped);
  const started: Task['needs'] = [...ok(placed.flatMap(({ put, checks }) => [put, ...checks])), ...ok(stopped)];
  const proofs = placed.flatMap((place) => place.proofs(started));
  const after = steps(contexts, 'after', [...started, ...ok(proofs)]);
  const blamed = [...placed.flatMap(({ checks }) => checks), ...proofs, ...after];
  const back = rollBacks(contexts, placed, blamed, stopped);
  const old = joined(placed.map(({ leave }) => leave([...started, ...ok(proofs), ...ok(after)])));
  const tasks = [...before, ...admits, ...work.tasks, ...proofs, ...after, ...back.tasks, ...old.tasks];
  const scopes = [...stopped, ...work.scopes, ...back.scopes, ...old.scopes];
  const safety = safetyPlaces(contexts, tasks);
  const requirements = [
    ...work.requirements,
    ...old.requirements,
    ...secretsOf(stepCommands([...before, ...after]), 'a restore step uses it'),
    ...secretsOf(serverCommands(tasks, scopes), 'the server that is restored to asks for it'),
  ];
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'restore',
    tasks: [preflightTask(plan, safety, requirements), ...tasks],
    scopes: [...scopes, ...leaseScopes(safety)],
    shelf: [],
  });
}

type Lanes = { admits: Task[]; work: RestorePart; placed: Placed[] };

/** Each artifact on its own until all are ready; what belongs to the whole server comes first. */
function lanes(contexts: RestoreContext[], first: Task['needs'], stopped: Scope[]): Lanes {
  const pieces = contexts.flatMap(piecesOf);
  const admits = pieces.map((piece) => admitting(piece, first));
  const globals = joined(
    pieces.filter(({ piece }) => piece.part.purpose === 'globals').map((context) => takingGlobals(context, ok(admits))),
  );
  const begin = globals.tasks.length > 0 ? ok(globals.tasks) : ok(admits);
  const data = pieces
    .filter(({ piece }) => piece.part.purpose === 'data')
    .map((context) => laneOf(context, begin, stopped));
  const ready = data.flatMap((lane) => lane.ready);
  const opened = ready.length > 0 ? ready : begin;
  const braces = data.flatMap((lane) => lane.brace?.(opened) ?? []);
  const placed = data.map((lane) => lane.place(braces.length > 0 ? ok(braces) : opened));
  const braced: RestorePart = { tasks: braces, scopes: [], requirements: [] };
  return { admits, work: joined([globals, ...data.map(({ open }) => open), braced, ...placed]), placed };
}

/** The steps of all backups, one after another. */
function steps(contexts: RestoreContext[], hook: 'before' | 'after', needs: Task['needs']): Task[] {
  const tasks: Task[] = [];
  for (const context of contexts)
    tasks.push(...restoreSteps(context, hook, tasks.length > 0 ? ok(tasks.slice(-1)) : needs));
  return tasks;
}

/**
 * What was put in place comes back when something fails behind it, or when another of the set could not be put in its place,
 * with everything stopped once more.
 */
function rollBacks(contexts: RestoreContext[], placed: Placed[], blamed: Task[], stopped: Scope[]): RestorePart {
  const undone = placed.filter(({ back }) => back !== null);
  if (undone.length === 0 || (blamed.length === 0 && placed.length === 1)) return joined([]);
  const again = stopScopes(contexts, 'stopped-again');
  // Nothing need have come behind the swap that failed: what stood still goes on before it is stopped once more.
  const started: Task['needs'] = placed.length === 1 ? [] : stopped.map(({ id }) => ({ task: id, on: 'done' }));
  const back = joined(
    undone.map((place) => {
      const others = placed.flatMap(({ put }) => (put === place.put ? [] : [put]));
      return rollingBack(
        place.context,
        { action: place.back!, put: place.put, started },
        [...others, ...blamed],
        again,
      );
    }),
  );
  return { ...back, scopes: [...again, ...back.scopes] };
}

function safetyPlaces(contexts: RestoreContext[], tasks: Task[]): string[] {
  const kept = new Set(tasks.flatMap(({ action, backup }) => (action.do === 'capture' ? [backup] : [])));
  const backups = contexts.map(({ backup }) => backup).filter(({ name }) => kept.has(name));
  return [...new Set(backups.flatMap(({ restore }) => restore.safety.destinations))];
}

function stepCommands(tasks: Task[]): Command[] {
  return tasks.flatMap(({ action }) =>
    action.do === 'step' && action.step.step === 'run' ? [action.step.command] : [],
  );
}

/** Commands of a kind that are no part of a recipe: what makes, renames and drops databases. */
function serverCommands(tasks: Task[], scopes: Scope[]): Command[] {
  const actions = [
    ...tasks.map(({ action }) => action),
    ...scopes.flatMap(({ acquire, release }) => [acquire, release]),
  ];
  return actions.flatMap((action) => ('commands' in action ? action.commands : []));
}
