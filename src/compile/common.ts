/** Tasks and scopes that every kind of run begins and ends with. */
import type { Command, Stage, Value } from '../command.ts';
import type { Requirement, Scope, ScopeId, Task } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';

export const leaseScope = (destination: string): ScopeId => `lease:${destination}`;

export function leaseScopes(destinations: string[]): Scope[] {
  return destinations.map((destination) => ({
    id: leaseScope(destination),
    host: 'local',
    acquire: { do: 'lease', destination },
    release: { do: 'release-lease', destination },
    outputs: [],
  }));
}

/** `owner`: a user id that may work in it beside us. */
export function directoryScope(id: ScopeId, owner?: number): Scope {
  const acquire = { do: 'directory' as const, ...(owner === undefined ? {} : { owner }) };
  return { id, host: 'local', acquire, release: { do: 'remove-directory' }, outputs: ['path'] };
}

/** Everything that can be known to fail is checked before anything starts. */
export function preflightTask(plan: ResolvedPlan, destinations: string[], requirements: Requirement[]): Task {
  const places = destinations.flatMap((name) => {
    const destination = plan.destinations[name];
    if (!destination) return [];
    const own = findDestination(destination.type).requirements(name, destination.spec);
    return [
      ...own.map((one) => ({ ...one, destinations: [name] })),
      {
        need: 'destination' as const,
        destination: name,
        why: `backups go to "${name}"`,
        ...(destination.minFree === undefined ? {} : { minimumFree: destination.minFree }),
      },
    ];
  });
  const signing: Requirement[] = plan.signing
    ? [{ need: 'secret', secret: plan.signing.key, why: 'manifests are signed' }]
    : [];
  return {
    id: 'preflight',
    title: 'preflight',
    host: 'local',
    within: [],
    needs: [],
    action: { do: 'preflight', requirements: unique([...requirements, ...signing, ...places]) },
    outputs: [],
  };
}

/** What an interrupted run left is rolled forward or removed before anything new is written. */
export function settleTasks(plan: ResolvedPlan, destinations: string[], needs: Task['needs']): Task[] {
  return destinations.map((destination) => ({
    id: `settle:${destination}`,
    title: `settle ${destination}`,
    host: 'local',
    within: [leaseScope(destination)],
    needs,
    action: { do: 'settle', destination, backups: plan.backups.map(({ name }) => name) },
    outputs: [],
  }));
}

/**
 * Whoever holds the lease of a destination holds those before it too: of two runs at once one gets everything, and not each
 * a part.
 */
export function inOrder(tasks: readonly Task[], destinations: readonly string[]): Task[] {
  const leases = destinations.map(leaseScope);
  return tasks.map((task) => {
    const last = Math.max(...task.within.map((scope) => leases.indexOf(scope)));
    const others = task.within.filter((scope) => !leases.includes(scope));
    return { ...task, within: [...leases.slice(0, last + 1), ...others] };
  });
}

/** RECOVERY.md is written again by every run that may have changed the shelf: not where nothing was started. */
export function describeTask(plan: ResolvedPlan, destination: string, needs: Task['needs']): Task {
  return {
    id: `document:${destination}`,
    title: `RECOVERY.md at ${destination}`,
    host: 'local',
    within: [leaseScope(destination)],
    needs: [{ task: 'preflight', on: 'ok' }, ...needs],
    action: { do: 'document', destination, backups: plan.backups.map(({ name }) => name) },
    outputs: [],
  };
}

/** The secrets that commands will read: a missing one is told before anything starts. */
export function secretsOf(commands: Command[], why: string): Requirement[] {
  const names = commands.flatMap(({ env, feed, files }) => [
    ...Object.values(env ?? {}).flatMap(secretNames),
    ...[...(feed ?? []), ...(files ?? [])].flatMap(({ value }) => secretNames(value)),
  ]);
  return [...new Set(names)].map((secret) => ({ need: 'secret', secret, why }));
}

function secretNames(value: Value): string[] {
  if (typeof value === 'object' && 'text' in value) return value.text.flatMap(secretNames);
  return typeof value === 'object' && 'secret' in value ? [value.secret] : [];
}

export function stageCommands(stages: Stage[]): Command[] {
  return stages.flatMap(({ command, prepare, cleanup }) => [...(prepare ?? []), command, ...(cleanup ?? [])]);
}

/** The same requirement is told once; one that also states a format covers a plain one for the same secret. */
function unique(requirements: Requirement[]): Requirement[] {
  const seen = new Map<string, Requirement>();
  for (const requirement of requirements) {
    const key = identity(requirement);
    const other = seen.get(key);
    const told = !other || (requirement.need === 'secret' && requirement.format) ? requirement : other;
    seen.set(key, other ? sharedBy(told, other, requirement) : told);
  }
  return [...seen.values()];
}

/** Needed by the backups and destinations of both; by the whole run where one of them is. */
function sharedBy({ backups: _, destinations: __, ...told }: Requirement, ...both: Requirement[]): Requirement {
  if (both.some(({ backups, destinations }) => !backups && !destinations)) return told;
  const names = (of: 'backups' | 'destinations') => [...new Set(both.flatMap((one) => one[of] ?? []))];
  const [backups, destinations] = [names('backups'), names('destinations')];
  return {
    ...told,
    ...(backups.length > 0 ? { backups } : {}),
    ...(destinations.length > 0 ? { destinations } : {}),
  };
}

function identity(requirement: Requirement): string {
  switch (requirement.need) {
    case 'program':
      return `program ${requirement.program} ${JSON.stringify(requirement.place)}`;
    case 'secret':
      return `secret ${requirement.secret}`;
    case 'path':
      return `path ${requirement.path} ${requirement.what} ${JSON.stringify(requirement.place)}`;
    case 'destination':
      return `destination ${requirement.destination}`;
    case 'check':
      return `check ${requirement.title} ${JSON.stringify(requirement.command)}`;
    case 'fact':
      return `fact ${requirement.problem}`;
  }
}
