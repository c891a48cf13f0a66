import { ExitCode } from '../diagnostic.ts';
import { executeGraph, type RunOutcome } from '../execute/run.ts';
import type { Graph } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { openReport } from '../report/reporter.ts';
import type { Host, Invocation } from './command.ts';
import { ask } from './consent.ts';

/** Executes a graph with everything that reports on it: progress, log and record. */
export async function runGraph(
  graph: Graph,
  plan: ResolvedPlan,
  { programs }: Facts,
  invocation: Invocation,
  host: Host,
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
      programs,
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
