import { graphDigest, matchesDigest } from '../compile/digest.ts';
import { compileApply } from '../compile/index.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { type RunFacts, readFacts } from '../facts.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { wallClock } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { type Debt, debts } from './due.ts';
import { findBackup, namedBackups, openPlan } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';

/** `runner apply`: make the backups of a plan. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  const named = namedBackups(plan, invocation.words);
  const facts = await readFacts(plan, { environment: host.environment });
  const only = invocation.options.due ? await dueOnes(plan, named, facts, host) : named;
  if (only === null) return ExitCode.success;
  const graph = compileApply(plan, facts, { only });
  const { expect } = invocation.options;
  if (expect !== undefined && !matchesDigest(expect, graph)) {
    const now = graphDigest(graph);
    throw new RunnerError(
      `nothing was started: the plan or the shelf changed since ${expect} was previewed, it is ${now} now; look at \`runner plan\` again`,
      { exitCode: 4 },
    );
  }
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode;
}

/** The backups that their schedule owes; null when none is owed. */
async function dueOnes(plan: ResolvedPlan, named: string[], facts: RunFacts, host: Host): Promise<string[] | null> {
  const wanted = named.length > 0 ? named.map((name) => findBackup(plan, name)) : plan.backups;
  const all = await debts(wanted, plan.timezone, facts.shelves, facts.now);
  const owed = all.filter(({ due }) => due).map(({ backup }) => backup);
  if (owed.length > 0) return owed;
  host.terminal.say(`nothing is due${nextOf(all, plan.timezone)}\n`);
  return null;
}

function nextOf(all: Debt[], timezone: string): string {
  const [first] = all.toSorted((a, b) => a.next.getTime() - b.next.getTime());
  return first ? `; next is ${first.backup} at ${wallClock(first.next, timezone)}` : ': no backup has a schedule';
}
