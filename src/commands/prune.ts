import { parseId } from '../catalog/identity.ts';
import { graphDigest } from '../compile/digest.ts';
import { compilePrune } from '../compile/index.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import type { Graph, ShelfView } from '../graph.ts';
import { renderText } from '../preview/text.ts';
import { count } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { consent } from './consent.ts';
import { namedBackups, openPlan } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';

/** `runner prune`: what stays, what goes and why; then it goes. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { dryRun, json, quiet } = invocation.options;
  const plan = await openPlan(invocation, host);
  const only = namedBackups(plan, invocation.words);
  const facts = await readFacts(plan, { environment: host.environment, backups: [] });
  const graph = compilePrune(plan, facts, { only });
  if (dryRun) {
    host.terminal.data(json ? asJson(graph) : renderText(graph));
    return ExitCode.success;
  }
  if (!json && !quiet) host.terminal.say(renderText(graph));
  const doomed = new Set(graph.shelf.flatMap((view) => view.delete.map(({ id }) => id)));
  if (doomed.size > 0) await consent(`delete ${count(doomed.size, 'backup')}`, invocation, host);
  const outcome = await runGraph(graph, plan, facts, invocation, host, 'prune');
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode;
}

function asJson(graph: Graph): string {
  const blocked = graph.shelf
    .filter((view) => view.blocked !== undefined)
    .map(({ backup, destination, blocked: reason }) => ({ backup, destination, reason }));
  const backups = graph.shelf.flatMap(rowsOf);
  return `${JSON.stringify({ format: 'runner/prune@1', digest: graphDigest(graph), blocked, backups }, null, 2)}\n`;
}

/** `{ time, keep, reasons }` as `retention --times` gives them, and which backup at which destination they speak of. */
function rowsOf({ backup, destination, keep, delete: gone }: ShelfView): object[] {
  const all = [...keep.map((row) => ({ ...row, keep: true })), ...gone.map((row) => ({ ...row, keep: false }))];
  return all
    .map((row) => ({ time: timeOf(row.id), ...row, backup, destination }))
    .toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

function timeOf(id: string): string | null {
  const time = parseId(id)?.time;
  return time ? `${time.toISOString().slice(0, 19)}Z` : null;
}
