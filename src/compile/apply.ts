import type { Graph, Requirement, Scope, ShelfView, Task, TaskId } from '../graph.ts';
import { unitsOf } from '../plan/groups.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findTransform } from '../registry.ts';
import { captureTask } from './capture.ts';
import { describeTask, inOrder, leaseScope, leaseScopes, preflightTask, secretsOf, settleTasks } from './common.ts';
import { plannedMade, type RunFacts, sourceFacts } from './facts.ts';
import { foreignShelves } from './foreign-shelf.ts';
import { compileHook, type HookPlace } from './hooks.ts';
import { atOneMoment } from './moment.ts';
import { plannedParts } from './parts.ts';
import { destinationsOf, mayNotPrune, pruneTasks } from './prune.ts';
import { seal } from './seal.ts';
import { shelfViews } from './shelf-view.ts';
import { syncTasks, toCopy } from './sync.ts';
import { backupsOf, taskTasks, type Work } from './task.ts';
import { verifyTask } from './verify.ts';

type Part = { tasks: Task[]; scopes: Scope[]; requirements: Requirement[]; shelf: ShelfView[] };

/** `runner apply`: capture, verify and prune each chosen backup, with its hooks around it, and do the chosen tasks. */
export function compileApply(plan: ResolvedPlan, facts: RunFacts, options: Work = {}): Graph {
  const backups = backupsOf(plan, options);
  const destinations = destinationsOf(backups);
  const settles = settleTasks(plan, destinations, [{ task: 'preflight', on: 'ok' }]);
  const place: HookPlace = { plan: plan.name, backup: null };
  const opened: Task['needs'] = [
    { task: 'preflight', on: 'ok' },
    ...settles.map(({ id }) => ({ task: id, on: 'done' as const })),
  ];
  const before = compileHook('before', plan.hooks.before, place, opened, facts);
  const ready = before.length > 0 ? [...opened, { task: before.at(-1)!.id, on: 'ok' as const }] : opened;
  const begun = backups.map((backup) => begin(plan, backup, ready, facts));
  const moments = plan.groups.flatMap((group) => {
    const members = begun.filter(({ name }) => group.members.includes(name));
    return members.length === 0 ? [] : [{ group, moment: atOneMoment(plan, group, members, facts) }];
  });
  const momentary = new Map(moments.flatMap(({ moment }) => moment.members.map((member) => [member.name, member])));
  const proofs = begun.map((one) => prove(plan, { ...one, ...momentary.get(one.name) }, facts));
  const units = unitsOf(plan, backups).map((unit) => proofs.filter(({ backup }) => unit.includes(backup)));
  const copying = syncTasks(plan, backups, { all: false }, captured(proofs));
  const parts = units.flatMap((unit) =>
    unit.map((one, index) => finish(plan, one, index === 0 ? unit : [], copying, facts)),
  );
  const duties = plan.tasks.filter(({ name }) => options.tasks?.includes(name));
  const work = [
    ...parts.flatMap(({ tasks }) => tasks),
    ...duties.flatMap((task) => taskTasks(plan, task, ready, facts)),
  ];
  const documents = destinations.map((name) => describeTask(plan, name, writersAt([...work, ...copying], name)));
  const closing = closingHooks(plan, [...before, ...work], copying, facts);
  const requirements = [
    ...foreignShelves(plan, facts),
    ...parts.flatMap(({ name, requirements: own }) => own.map((requirement) => ({ ...requirement, backups: [name] }))),
    ...moments.flatMap(({ group, moment }) =>
      moment.requirements.map((requirement) => ({ ...requirement, backups: group.members })),
    ),
    ...secretsOf(stepCommands([...before, ...work, ...closing]), 'a hook uses it'),
  ];
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'apply',
    tasks: [
      preflightTask(plan, destinations, requirements),
      ...inOrder(settles, destinations),
      ...before,
      ...work,
      ...inOrder([...copying, ...documents], destinations),
      ...closing,
    ],
    scopes: [
      ...leaseScopes(destinations),
      ...moments.flatMap(({ moment }) => moment.scopes),
      ...parts.flatMap(({ scopes }) => scopes),
    ],
    shelf: parts.flatMap(({ shelf }) => shelf),
  });
}

/** A backup on its way into the graph: its hooks before, and its capture. */
type Begun = {
  name: string;
  backup: ResolvedBackup;
  place: HookPlace;
  before: Task[];
  /** What opens its moment before the capture, where it is made together with others. */
  opening?: Task[];
  captured: ReturnType<typeof captureTask>;
};

type Proof = Begun & { checks: Omit<Part, 'shelf'>; proven: Task['needs'] };

function begin(plan: ResolvedPlan, backup: ResolvedBackup, ready: Task['needs'], facts: RunFacts): Begun {
  const { name } = backup;
  const captureId: TaskId = `capture:${name}`;
  const place: HookPlace = { plan: plan.name, backup, capture: captureId };
  const before = compileHook('before', backup.hooks.before, place, ready, facts);
  const needs: Task['needs'] = before.length > 0 ? [{ task: before.at(-1)!.id, on: 'ok' }] : ready;
  const wanted = { id: captureId, title: `back up ${name}`, needs, purpose: 'backup' as const };
  return { name, backup, place, before, captured: captureTask(plan, backup, wanted, facts) };
}

function prove(plan: ResolvedPlan, begun: Begun, facts: RunFacts): Proof {
  const { backup, captured } = begun;
  const checks = verifications(plan, backup, captured.task.id, facts);
  const proven: Task['needs'] = [captured.task, ...checks.tasks].map(({ id }) => ({ task: id, on: 'ok' }));
  return { ...begun, checks, proven };
}

/**
 * What is missing is copied behind the new backups, which matter more, and before anything is pruned: what a destination lacks may
 * be about to go where it still is.
 */
function captured(proofs: readonly Proof[]): Task['needs'] {
  return proofs.flatMap(({ captured, checks }) =>
    [captured.task, ...checks.tasks].map(({ id }) => ({ task: id, on: 'done' as const })),
  );
}

/**
 * One backup: before, capture, verify, prune, and what follows from success, failure or either. `unit` are those that are pruned
 * behind it: itself, or all members of its group, whose first it is.
 */
function finish(
  plan: ResolvedPlan,
  one: Proof,
  unit: readonly Proof[],
  copying: readonly Task[],
  facts: RunFacts,
): Part & { name: string } {
  const { backup, place, before, opening = [], captured, checks, proven } = one;
  const pruned = unit.map((member) => member.backup);
  const prunes =
    pruned.length > 0
      ? pruneTasks(plan, pruned, 'apply', [
          ...unit.flatMap((member) => member.proven),
          ...copying.map(({ id }) => ({ task: id, on: 'done' as const })),
        ])
      : [];
  const blamed = [...before, ...opening, captured.task, ...checks.tasks].map(({ id }) => id);
  const after = compileHook('after', backup.hooks.after, place, proven, facts);
  const failed = compileHook(
    'on-failure',
    backup.hooks.onFailure,
    place,
    blamed.map((task) => ({ task, on: 'fail' as const })),
    facts,
  );
  const all = [...before, ...opening, captured.task, ...checks.tasks, ...prunes, ...after, ...failed];
  const last = compileHook(
    'finally',
    backup.hooks.finally,
    place,
    all.map(({ id }) => ({ task: id, on: 'done' as const })),
    facts,
  );
  const coming = ({ name, tags }: ResolvedBackup) => ({
    id: `‹capture:${name}.id›`,
    time: facts.now,
    good: true,
    tags,
  });
  return {
    name: one.name,
    tasks: [...all, ...last],
    scopes: [...captured.scopes, ...checks.scopes],
    requirements: [...captured.requirements, ...checks.requirements],
    shelf: (pruned[0]?.destinations ?? []).flatMap(({ name }) =>
      shelfViews(
        pruned,
        { name, blocked: mayNotPrune(plan, name, 'apply') },
        plan.timezone,
        facts.shelves[name],
        coming,
      ).map((view) => ({ ...view, ...toCopy(facts, view.backup, name) })),
    ),
  };
}

function verifications(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  captureId: TaskId,
  facts: RunFacts,
): Omit<Part, 'shelf'> {
  const result: Omit<Part, 'shelf'> = { tasks: [], scopes: [], requirements: [] };
  const records = backup.transforms.map(({ type, spec }) => findTransform(type).record(spec));
  const known = sourceFacts(facts, backup);
  const parts = plannedParts(backup.source, known).parts.map((part) => ({
    ...part,
    made: plannedMade(part.source, known.survey ?? null),
    records,
    answers: null,
  }));
  let previous = captureId;
  for (const check of backup.verify) {
    const compiled = verifyTask(
      plan,
      {
        id: backup.name,
        title: `verify ${check.level} of ${backup.name}`,
        backup,
        artifact: { out: `${captureId}.id` },
        parts,
        destinations: backup.destinations.map(({ name }) => name),
        check,
      },
      [{ task: previous, on: 'ok' }],
      facts,
    );
    result.tasks.push(compiled.task);
    result.scopes.push(...compiled.scopes);
    result.requirements.push(...compiled.requirements);
    previous = compiled.task.id;
  }
  return result;
}

/** Hooks of the whole plan that wait for every backup; a copy that failed is none of theirs. */
function closingHooks(plan: ResolvedPlan, tasks: Task[], copying: readonly Task[], facts: RunFacts): Task[] {
  const place: HookPlace = { plan: plan.name, backup: null };
  const needs = (on: 'ok' | 'fail' | 'done') => blamable(tasks).map(({ id }) => ({ task: id, on }));
  const after = compileHook('after', plan.hooks.after, place, needs('ok'), facts);
  const failed = compileHook('on-failure', plan.hooks.onFailure, place, needs('fail'), facts);
  const last = compileHook(
    'finally',
    plan.hooks.finally,
    place,
    [...needs('done'), ...[...copying, ...after, ...failed].map(({ id }) => ({ task: id, on: 'done' as const }))],
    facts,
  );
  return [...after, ...failed, ...last];
}

/** Tasks whose end decides about success: a hook that runs only after a failure is not one of them. */
function blamable(tasks: Task[]): Task[] {
  return tasks.filter(({ id }) => !id.startsWith('on-failure:') && !id.startsWith('finally:'));
}

function writersAt(tasks: Task[], destination: string): Task['needs'] {
  return tasks
    .filter(({ within, action }) => within.includes(leaseScope(destination)) || action.do === 'verify')
    .map(({ id }) => ({ task: id, on: 'done' }));
}

function stepCommands(tasks: Task[]) {
  return tasks.flatMap(({ action }) =>
    action.do === 'step' && action.step.step === 'run' ? [action.step.command] : [],
  );
}
