/** What a run has come to: how each backup fared, and the process's exit code. */
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { Action, Graph, Task } from '../../graph.ts';
import type { GraphResults } from '../schedule.ts';
import type { TaskResult } from '../task-context.ts';
import { LoadUndone } from './put-back.ts';
import type { BackupOutcome } from './record.ts';
import { Unproven } from './unproven.ts';

type Verb = Action['do'];

/** What a command is about: when one of these fails, so did the backup. Anything else makes it partial. */
const essential: Record<Graph['command'], readonly Verb[]> = {
  apply: ['capture', 'verify'],
  verify: ['verify'],
  prune: ['prune'],
  sync: ['sync'],
  restore: ['admit', 'unpack', 'assert', 'swap', 'unswap', 'put-back'],
};

/** One row for each backup that the graph has a task for, in the graph's order. */
export function backupOutcomes(graph: Graph, { results, bindings }: GraphResults): BackupOutcome[] {
  const names = [...new Set(graph.tasks.flatMap(({ backup }) => (backup === undefined ? [] : [backup])))];
  return names.map((name) => {
    const own = graph.tasks.filter(({ backup }) => backup === name);
    const id = bindings[`${own.find(({ action }) => action.do === 'capture')?.id}.id`];
    const message = own.map((task) => telling(results.get(task.id))).find((text) => text !== undefined);
    return {
      name,
      outcome: outcomeOf(graph, own, results),
      ...(id ? { id } : {}),
      ...(message === undefined ? {} : { message }),
    };
  });
}

function outcomeOf(graph: Graph, own: Task[], results: GraphResults['results']): BackupOutcome['outcome'] {
  const ended = (task: Task) => results.get(task.id)?.outcome ?? 'skipped';
  const main = own.filter(
    ({ id, action }) =>
      essential[graph.command].includes(action.do) || (action.do === 'step' && id.startsWith('task:')),
  );
  const failed = own.filter((task) => ended(task) === 'failed' || ended(task) === 'interrupted');
  // A check that could prove nothing here takes nothing away from what is stored.
  const missed = main.filter(
    (task) =>
      !succeeded(results.get(task.id)) &&
      !isNeedlessRollBack(task, ended(task)) &&
      !(results.get(task.id)?.error instanceof Unproven),
  );
  // Destinations are pruned one by one: what went well at one of them is done.
  if (missed.length > 0 && graph.command === 'prune' && missed.length < main.length) return 'partial';
  // The load over old data failed, and the old data is there again.
  if (missed.some((task) => results.get(task.id)?.error instanceof LoadUndone)) return 'partial';
  // Some of its databases are in place, and nothing was taken back.
  if (missed.length > 0 && isPartlyPlaced(main, missed, results)) return 'partial';
  if (missed.length > 0) return failed.length === 0 ? 'skipped' : 'failed';
  return failed.length > 0 || own.some((task) => ended(task) === 'partial') ? 'partial' : 'ok';
}

function isPartlyPlaced(main: Task[], missed: Task[], results: GraphResults['results']): boolean {
  const isReturn = ({ action }: Task) => action.do === 'unswap' || action.do === 'put-back';
  return main.some(({ id, action }) => action.do === 'swap' && succeeded(results.get(id))) && !missed.some(isReturn);
}

function isNeedlessRollBack({ action }: Task, outcome: TaskResult['outcome']): boolean {
  return (action.do === 'unswap' || action.do === 'put-back') && outcome === 'skipped';
}

function succeeded(result: TaskResult | undefined): boolean {
  return result?.outcome === 'ok' || result?.outcome === 'warned' || result?.outcome === 'partial';
}

function telling(result: TaskResult | undefined): string | undefined {
  return result && ['failed', 'partial', 'interrupted'].includes(result.outcome) ? result.message : undefined;
}

/** The exit code of a run, as the README lists them. */
export function exitCodeOf(
  graph: Graph,
  all: GraphResults,
  backups: readonly BackupOutcome[],
  signal: AbortSignal,
): ExitCode {
  const ended = [...all.results.values(), ...all.scopes.values()];
  const clean = ended.every((result) => succeeded(result) || (result.outcome === 'skipped' && !result.isCut));
  if (signal.aborted && !(clean && backups.every(({ outcome }) => outcome === 'ok')))
    return interruption(signal.reason);
  const errors = ended.flatMap(({ error }) => (error ? [error] : []));
  if (errors.some(isFault)) return ExitCode.unexpected;
  const preflight = graph.tasks.find(({ action }) => action.do === 'preflight');
  const refused = preflight && all.results.get(preflight.id)?.error;
  if (refused) return codeOf(refused) ?? ExitCode.failure;
  const isCopied = graph.tasks.some(
    ({ id, action }) => graph.command === 'sync' && action.do === 'sync' && succeeded(all.results.get(id)),
  );
  const some = isCopied || backups.some(({ outcome }) => outcome === 'ok' || outcome === 'partial');
  if (!some && errors.some((error) => codeOf(error) === ExitCode.locked)) return ExitCode.locked;
  if (!some && (backups.length > 0 || !clean)) return ExitCode.failure;
  const whole = clean && ended.every(({ outcome }) => outcome !== 'partial');
  return whole && backups.every(({ outcome }) => outcome === 'ok') ? ExitCode.success : ExitCode.partial;
}

function codeOf(error: Error): ExitCode | undefined {
  return error instanceof RunnerError ? error.exitCode : undefined;
}

/** A mistake of this program, as against one of the plan, the machine or the data. */
function isFault(error: Error): boolean {
  const kinds = [TypeError, ReferenceError, RangeError];
  return [error, error.cause].some((one) => kinds.some((kind) => one instanceof kind));
}

/** 143 for SIGTERM, 130 for anything else that told the run to end. */
export function interruption(reason: unknown): ExitCode {
  if (reason instanceof RunnerError && reason.exitCode === ExitCode.terminated) return ExitCode.terminated;
  const text = reason instanceof Error ? `${reason.name} ${reason.message}` : String(reason);
  return text.includes('SIGTERM') ? ExitCode.terminated : ExitCode.interrupted;
}
