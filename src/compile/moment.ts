/**
 * One moment for all members of a consistency group: the application is held still, every database that can opens its snapshot,
 * what has none is read, and the application goes on while the snapshots are read.
 */
import type { Command, Value } from '../command.ts';
import type { Scope, Task } from '../graph.ts';
import type { ResolvedGroup, ResolvedPlan } from '../plan/resolved.ts';
import type { captureTask } from './capture.ts';
import { secretsOf } from './common.ts';
import type { RunFacts } from './facts.ts';
import { compileStep } from './steps.ts';

type Captured = ReturnType<typeof captureTask>;

/** A member with what must be met before anything of it may begin: `needs` of its capture are its own. */
export type Member = { name: string; captured: Captured };

/** `opening` tasks of a member run before its capture, which is `captured.task` from now on. */
export type Moment = {
  members: (Member & { opening: Task[] })[];
  scopes: Scope[];
  requirements: Captured['requirements'];
};

export function atOneMoment(
  plan: ResolvedPlan,
  group: ResolvedGroup,
  members: readonly Member[],
  facts: RunFacts,
): Moment {
  const quiesce = group.quiesce ? quiesceScope(plan, group, facts) : null;
  const still = quiesce ? [quiesce.id] : [];
  const begun = (own: Member): Task['needs'] => [
    ...own.captured.task.needs,
    // Whoever fails before the moment is missing in the set; the others do not wait for more than its end.
    ...members.flatMap(({ name, captured }) =>
      name === own.name ? [] : captured.task.needs.map(({ task }) => ({ task, on: 'done' as const })),
    ),
  ];
  const openings = new Map(
    members
      .filter(({ captured }) => captured.snapshots.length > 0)
      .map((member) => [member.name, openingTask(member, unique(begun(member)), still)]),
  );
  const opened = [...openings.values()].map(({ id }) => ({ task: id, on: 'done' as const }));
  const over = still.map((task) => ({ task, on: 'done' as const }));
  return {
    members: members.map((member) => {
      const opening = openings.get(member.name);
      const { task } = member.captured;
      // What is read while the application stands still goes first, with the whole machine; then it goes on.
      const needs = opening
        ? [...task.needs, { task: opening.id, on: 'ok' as const }, ...opened, ...over]
        : [...begun(member), ...opened];
      const within = opening ? task.within : [...task.within, ...still];
      const captured = { ...member.captured, task: { ...task, within, needs: unique(needs) } };
      return { ...member, captured, opening: opening ? [opening] : [] };
    }),
    scopes: quiesce ? [quiesce] : [],
    requirements: quiesce
      ? secretsOf(commandsOf(quiesce), `group "${group.name}" uses it to hold the application still`)
      : [],
  };
}

/** Does nothing but stand in the snapshot's scopes: they are open when it has run, and stay for the capture. */
function openingTask({ name, captured }: Member, needs: Task['needs'], still: string[]): Task {
  const { task, snapshots } = captured;
  const held = new Set(snapshots.map(({ id }) => id));
  // The leases among them: nothing is held still for a run that may not write.
  const around = task.within.filter((id) => !held.has(id));
  return {
    id: `moment:${name}`,
    title: `open the snapshot of ${name}`,
    host: task.host,
    within: [...around, ...still, ...held],
    needs,
    action: { do: 'run', commands: [] },
    outputs: [],
    backup: name,
  };
}

function quiesceScope(plan: ResolvedPlan, { name, quiesce }: ResolvedGroup, facts: RunFacts): Scope {
  const { before, after, maxHold } = quiesce!;
  const environment = (hook: string): Record<string, Value> => ({
    RUNNER_HOOK: hook,
    RUNNER_PLAN: plan.name,
    RUNNER_GROUP: name,
  });
  const commands = (steps: typeof before, hook: string): Command[] =>
    steps.flatMap((planned) => {
      const step = compileStep(planned, null, environment(hook), facts);
      return step.step === 'run' ? [step.command] : [];
    });
  return {
    id: `quiesce:${name}`,
    host: 'local',
    acquire: { do: 'quiesce', before: commands(before, 'quiesce-before') },
    release: { do: 'go-on', after: commands(after, 'quiesce-after') },
    outputs: [],
    maxHold,
  };
}

function commandsOf({ acquire, release }: Scope): Command[] {
  return [...(acquire.do === 'quiesce' ? acquire.before : []), ...(release.do === 'go-on' ? release.after : [])];
}

/** A need that must end well says more than one that must end. */
function unique(needs: Task['needs']): Task['needs'] {
  const strict = new Set(needs.filter(({ on }) => on === 'ok').map(({ task }) => task));
  const seen = new Set<string>();
  return needs.filter(({ task, on }) => {
    const isNew = !(on === 'done' && strict.has(task)) && !seen.has(`${task} ${on}`);
    seen.add(`${task} ${on}`);
    return isNew;
  });
}
