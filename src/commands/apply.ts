import { graphDigest, matchesDigest } from '../compile/digest.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { wallClock } from '../report/human.ts';
import { applyGraph } from './apply-graph.ts';
import type { Host, Invocation } from './command.ts';
import { debts } from './due.ts';
import { findBackup, namedBackups, openPlaced } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { withShelves } from './shelves.ts';

/** `runner apply`: make the backups of a plan. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const placed = await openPlaced(invocation, host);
  const plan = placed.resolved;
  const named = namedBackups(plan, invocation.words);
  const only = invocation.options.due ? await dueOnes(plan, named, invocation, host) : named;
  if (only === null) return ExitCode.success;
  if (!invocation.options.quiet) for (const sentence of joined(plan, only)) host.terminal.say(`note: ${sentence}\n`);
  const { graph, facts } = await applyGraph(placed, only, host);
  const { expect } = invocation.options;
  if (expect !== undefined && !matchesDigest(expect, graph)) {
    const now = graphDigest(graph);
    throw new RunnerError(
      `nothing was started: the plan or the shelf changed since ${expect} was previewed, it is ${now} now; look at \`runner plan\` again`,
      { exitCode: ExitCode.usage },
    );
  }
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode;
}

/** Who is made as well, because a member of its group is. */
function joined(plan: ResolvedPlan, names: string[]): string[] {
  return plan.groups.flatMap(({ name, members }) => {
    const added = members.filter((member) => !names.includes(member));
    if (added.length === 0 || added.length === members.length) return [];
    return [
      `${added.join(', ')} ${added.length === 1 ? 'is' : 'are'} backed up as well: group "${name}" is made as a whole`,
    ];
  });
}

/** The backups that their schedule owes; null when none is owed. */
async function dueOnes(
  plan: ResolvedPlan,
  named: string[],
  invocation: Invocation,
  host: Host,
): Promise<string[] | null> {
  const wanted = named.length > 0 ? named.map((name) => findBackup(plan, name)) : plan.backups;
  const all = await withShelves(plan, Object.keys(plan.destinations), null, host, ({ places }) =>
    debts(wanted, plan.timezone, places, new Date()),
  );
  const owed = all.filter(({ due }) => due).map(({ backup }) => backup);
  if (owed.length > 0) return owed;
  if (invocation.options.quiet) return null;
  const [next] = all;
  const hint = next
    ? `; next is ${next.backup} at ${wallClock(next.next, plan.timezone)} ${plan.timezone}`
    : ': no backup of these has a schedule';
  host.terminal.say(`nothing is due${hint}\n`);
  return null;
}
