import { lastSize, storedBytes } from '../accounts/estimate.ts';
import type { RunFacts } from '../compile/facts.ts';
import type { Opening } from '../destination.ts';
import { ExitCode } from '../diagnostic.ts';
import type { Stored } from '../execute/actions/room.ts';
import { executeGraph, type RunOutcome } from '../execute/run.ts';
import type { Graph } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { openReport } from '../report/reporter.ts';
import type { Host, Invocation } from './command.ts';
import { ask } from './consent.ts';

/** Executes a graph with everything that reports on it: progress, log and record. `purpose`: with whose credentials. */
export async function runGraph(
  graph: Graph,
  plan: ResolvedPlan,
  facts: RunFacts,
  invocation: Invocation,
  host: Host,
  purpose: Opening['purpose'] = 'use',
): Promise<RunOutcome> {
  const { json = false, quiet = false, logDir, lockTimeout } = invocation.options;
  const { signal } = host;
  const asks =
    !invocation.options.yes && graph.tasks.some(({ action }) => action.do === 'step' && action.step.step === 'manual');
  const report = await openReport(host.terminal, { json, quiet, logDirectory: logDir ?? null, asks, signal });
  let outcome: RunOutcome;
  try {
    outcome = await executeGraph(graph, plan, {
      environment: host.environment,
      signal,
      emit: report.emit,
      log: report.log,
      programs: facts.programs,
      stored: storedOf(plan, facts),
      purpose,
      confirm: (text) => ask(text, invocation, host),
      ...(lockTimeout === undefined ? {} : { lockTimeout }),
    });
  } finally {
    await report.close();
  }
  if (logDir !== undefined) {
    const { writeRecord } = await import('../report/log.ts');
    await writeRecord(logDir, outcome.run, outcome.record);
  }
  return outcome;
}

/** What was listed for the preview serves the quotas too. */
function storedOf({ destinations, backups }: ResolvedPlan, { shelves }: RunFacts): Stored {
  const known = <Key>(pairs: (readonly [Key, number | null])[]) =>
    new Map(pairs.flatMap(([key, bytes]) => (bytes === null ? [] : [[key, bytes] as const])));
  return {
    at: known(Object.keys(destinations).map((name) => [name, storedBytes(shelves[name])] as const)),
    expected: known(backups.map(({ name }) => [name, lastSize(name, shelves)] as const)),
  };
}

/** One line a backup: what became of it. Nothing where JSON or silence was asked for. */
export function tellOutcome(outcome: RunOutcome, invocation: Invocation, host: Host): void {
  if (invocation.options.json || invocation.options.quiet) return;
  const widest = Math.max(0, ...outcome.backups.map(({ name }) => name.length));
  for (const { name, outcome: result, id, message } of outcome.backups) {
    const words = [name.padEnd(widest), result.padEnd(7), id ?? '', message?.split('\n', 1)[0] ?? ''];
    host.terminal.data(
      `${words
        .filter((word) => word !== '')
        .join('  ')
        .trimEnd()}\n`,
    );
  }
  if (outcome.backups.length === 0 && outcome.exitCode === ExitCode.success) host.terminal.data('done\n');
}
