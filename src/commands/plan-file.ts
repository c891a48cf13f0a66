import { existsSync } from 'node:fs';
import { RunnerError } from '../diagnostic.ts';
import type { Loaded } from '../plan/load.ts';
import { nearest } from '../plan/nearest.ts';
import { printDiagnostics } from '../plan/print.ts';
import { readPlan } from '../plan/read.ts';
import type { ResolvedBackup, ResolvedGroup, ResolvedPlan } from '../plan/resolved.ts';
import type { Host, Invocation } from './command.ts';

/** PLAN as given, else RUNNER_PLAN, else ./runner.yaml. */
export function planFile(invocation: Invocation, host: Host): string {
  const named = invocation.plan ?? host.environment.RUNNER_PLAN;
  if (named) return named;
  if (existsSync('runner.yaml')) return 'runner.yaml';
  throw new RunnerError('no plan: name its file, set RUNNER_PLAN, or start where a runner.yaml lies', { exitCode: 4 });
}

/** A plan, and where in its file each part of it stands. */
export type PlacedPlan = { resolved: ResolvedPlan; loaded: Loaded };

/** Reads, validates and resolves the plan. Throws RunnerError (exit 4) with all its problems. */
export async function openPlan(invocation: Invocation, host: Host): Promise<ResolvedPlan> {
  return (await openPlaced(invocation, host)).resolved;
}

/** The same with the places of its parts. */
export async function openPlaced(invocation: Invocation, host: Host): Promise<PlacedPlan> {
  return await readPlan(planFile(invocation, host), { environment: host.environment });
}

/** Like `openPlan`; warnings and advice are told: for the commands with which a plan is reviewed. */
export async function reviewPlan(invocation: Invocation, host: Host): Promise<PlacedPlan> {
  const { resolved, loaded, warnings } = await readPlan(planFile(invocation, host), { environment: host.environment });
  host.terminal.say(printDiagnostics(warnings, { color: host.terminal.color }));
  return { resolved, loaded };
}

/** The entry of `backups` with this name. Throws RunnerError (exit 4) with a near name of those, or of `others`. */
export function findBackup(plan: ResolvedPlan, name: string, others: string[] = []): ResolvedBackup {
  const found = plan.backups.find((backup) => backup.name === name);
  if (found) return found;
  const names = [...plan.backups.map((backup) => backup.name), ...others];
  throw unknown('backup', name, names);
}

/** Checks names given on the command line; that of a group stands for its members. None: all of the plan (an empty list). */
export function namedBackups(plan: ResolvedPlan, words: string[], others: string[] = []): string[] {
  return [...new Set(words.flatMap((word) => findGroup(plan, word)?.members ?? [findBackup(plan, word, others).name]))];
}

/** What `apply` is asked for: as above, and tasks by their names. */
export function namedWork(plan: ResolvedPlan, words: string[]): { only: string[]; tasks: string[] } {
  const known = plan.tasks.map(({ name }) => name);
  const tasks = words.filter((word) => known.includes(word));
  return {
    only: namedBackups(
      plan,
      words.filter((word) => !known.includes(word)),
      known,
    ),
    tasks: [...new Set(tasks)],
  };
}

/** The consistency group with this name, or null. */
export function findGroup({ groups }: ResolvedPlan, name: string): ResolvedGroup | null {
  return groups.find((group) => group.name === name) ?? null;
}

/** `--from`, checked. */
export function fromDestination(plan: ResolvedPlan, name: string | undefined): string[] {
  const names = Object.keys(plan.destinations);
  if (name === undefined) return names;
  if (names.includes(name)) return [name];
  throw unknown('destination', name, names);
}

function unknown(what: string, name: string, names: string[]): RunnerError {
  const near = nearest(name, names);
  const hint = near ? `did you mean "${near}"?` : `it has ${names.slice(0, 12).join(', ')}`;
  return new RunnerError(`the plan has no ${what} "${name}"; ${hint}`, { exitCode: 4 });
}
