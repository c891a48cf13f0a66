import { join } from 'node:path';
import type { Lookup } from '../../bind.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { Action, Requirement } from '../../graph.ts';
import { formatSize } from '../../units.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { makeDirectory, removeTree } from './directory.ts';
import { textOf } from './errors.ts';
import { programsOf } from './programs.ts';
import {
  type Checked,
  checkFindings,
  foundFindings,
  pathProblem,
  programProblem,
  secretProblem,
} from './requirements.ts';
import { type Asked, askedOf } from './requirements-there.ts';
import { quotaWarnings } from './room.ts';
import { shelfFormat } from './settle.ts';

/**
 * Everything that can be known to fail is found before anything starts, all at once. A destination that is down, or whose program
 * or secret is missing, is out of the run; the run goes on while any copy can be made, since one copy is better than none.
 */
export async function preflight(
  action: Extract<Action, { do: 'preflight' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  // What a destination needs is asked first: it says better than the store itself why that cannot be used.
  const requirements = action.requirements.toSorted((one, other) => Number(isPlace(one)) - Number(isPlace(other)));
  const all: Checked[] = [];
  const unmet = new Set<string>();
  for (const places of [false, true]) {
    const asked = requirements.filter((one) => isPlace(one) === places);
    all.push(...(await Promise.all(asked.map((requirement) => findings(requirement, run, context)))));
    if (!places) for (const name of giveUpUnmet(requirements, all, run)) unmet.add(name);
  }
  const found = withoutEchoes(requirements, all);
  const problems = found.map((one) => (one.problems.length === 0 ? null : one.problems.join('\n')));
  const wrong = [...new Set(found.flatMap((one, index) => (isOfPlaces(requirements[index]!) ? [] : one.problems)))];
  const warnings = [...new Set(found.flatMap((one) => one.warnings))];
  for (const message of warnings) context.emit({ event: 'notice', level: 'warning', task: context.id, message });
  if (wrong.length > 0 && !othersCanGoOn(requirements, problems, run)) {
    throw new RunnerError(wrong.join('\n'), {
      exitCode: ExitCode.usage,
      diagnostics: wrong.map((message) => ({ rule: 'preflight', severity: 'error', message })),
    });
  }
  const names = requirements.flatMap((one) => (one.need === 'destination' ? [one.destination] : []));
  const lost = names.filter((name) => run.places.lost(name) !== null);
  const sentences = lost.map((name) => `destination "${name}" cannot be used: ${run.places.lost(name)}`);
  const isMistake = lost.length === names.length && lost.every((name) => unmet.has(name));
  if (lost.length > 0 && (isMistake || !anyBackupCanGoOn(run)))
    throw new RunnerError(sentences.join('\n'), isMistake ? { exitCode: ExitCode.usage } : {});
  for (const message of sentences) context.emit({ event: 'notice', level: 'warning', task: context.id, message });
  return lost.length > 0 ? { outcome: 'warned', message: sentences.join('; ') } : {};
}

const isPlace = ({ need }: Requirement): boolean => need === 'destination';

/** Needed by destinations alone. */
const isOfPlaces = ({ backups, destinations }: Requirement): boolean => destinations !== undefined && !backups;

/** Takes the destinations out of the run that lack what they need; gives their names. */
function giveUpUnmet(requirements: Requirement[], found: Checked[], run: RunContext): string[] {
  return found.flatMap(({ problems }, index) => {
    const names = problems.length > 0 ? (requirements[index]!.destinations ?? []) : [];
    for (const name of names) run.places.giveUp(name, new RunnerError(problems.join('; ')));
    return names;
  });
}

/**
 * Whether what is wrong concerns some backups only, and others are made in this run: a folder that is gone is no reason to
 * leave the database unsaved. Those that it concerns are marked.
 */
function othersCanGoOn(requirements: Requirement[], problems: (string | null)[], run: RunContext): boolean {
  const unfit = new Map<string, string[]>();
  for (const [index, problem] of problems.entries()) {
    const { backups = [] } = requirements[index]!;
    if (problem !== null && backups.length === 0 && !isOfPlaces(requirements[index]!)) return false;
    for (const name of problem === null ? [] : backups) unfit.set(name, [...(unfit.get(name) ?? []), problem!]);
  }
  const made = run.graph.tasks.flatMap(({ action }) => (action.do === 'capture' ? [action.backup] : []));
  if (made.every((name) => unfit.has(name))) return false;
  for (const [name, why] of unfit) run.unfit.set(name, why.join('\n'));
  return true;
}

async function findings(requirement: Requirement, run: RunContext, context: PerformContext): Promise<Checked> {
  const asked = askedOf(requirement);
  if (asked) return await check(asked, run, context);
  if (requirement.need === 'fact') return foundFindings(requirement.problem);
  const problem = await problemOf(requirement, run);
  const warnings = requirement.need === 'destination' ? quotaWarnings(requirement.destination, run) : [];
  return { problems: problem === null ? [] : [problem], warnings };
}

/** A secret that is missing is told once, and not again by everything that needs it. */
function withoutEchoes(requirements: Requirement[], found: Checked[]): Checked[] {
  const missing = requirements.flatMap((requirement, index) =>
    requirement.need === 'secret' ? found[index]!.problems.map((problem) => problem.replace(/ \([^()]*\)$/, '')) : [],
  );
  return found.map(({ problems, warnings }, index) => ({
    problems: problems.filter(
      (problem) => requirements[index]!.need === 'secret' || !missing.some((one) => problem.includes(one)),
    ),
    warnings,
  }));
}

/** Asked in a directory of its own: several checks write files of one name. */
async function check({ title, command, tell }: Asked, run: RunContext, context: PerformContext): Promise<Checked> {
  const { path } = (await makeDirectory({ do: 'directory' }, run)).outputs;
  const lookup: Lookup = { ...context.lookup, work: (file) => join(path, file) };
  try {
    return tell(checkFindings(title, await programsOf(run, { ...context, lookup }).attempt(command)));
  } catch (error) {
    context.signal.throwIfAborted();
    return { problems: [`${title}: ${textOf(error)}`], warnings: [] };
  } finally {
    // What the check said matters more than what could not be tidied up behind it.
    await removeTree(run, path).catch((error) => {
      context.emit({ event: 'notice', level: 'warning', task: context.id, message: textOf(error) });
    });
  }
}

async function problemOf(requirement: Requirement, run: RunContext): Promise<string | null> {
  switch (requirement.need) {
    case 'program':
      return programProblem(requirement, run.host.environment);
    case 'path':
      return await pathProblem(requirement);
    case 'secret':
      return await secretProblem(requirement, run.secrets.read);
    case 'destination':
      return await destinationProblem(requirement, run);
    case 'check':
    case 'fact':
      return null;
  }
}

/** Another plan's shelf is a mistake of this plan; anything else only takes the destination out of the run. */
async function destinationProblem(
  { destination: name, minimumFree }: Extract<Requirement, { need: 'destination' }>,
  run: RunContext,
): Promise<string | null> {
  try {
    const destination = await run.places.open(name);
    const { readOnly } = await shelfFormat(run, destination, false);
    if (readOnly !== null) throw new RunnerError(readOnly);
    const free = minimumFree === undefined ? null : await destination.free();
    if (minimumFree !== undefined && free !== null && free < minimumFree)
      throw new RunnerError(`only ${formatSize(free)} are free, and the plan wants ${formatSize(minimumFree)}`);
  } catch (error) {
    if (error instanceof RunnerError && error.exitCode === ExitCode.usage) return error.message;
    run.places.giveUp(name, error);
  }
  return null;
}

/** True as well where nothing is captured: then each task tells for itself that its destination is down. */
function anyBackupCanGoOn(run: RunContext): boolean {
  const captures = run.graph.tasks.flatMap(({ action }) => (action.do === 'capture' ? [action] : []));
  if (captures.length === 0) return true;
  const sinks = captures.flatMap(({ branches }) => branches.flatMap((branch) => branch.sinks));
  return sinks.some(({ destination }) => run.places.lost(destination) === null);
}
