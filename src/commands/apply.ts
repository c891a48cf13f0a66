import { graphDigest, matchesDigest } from '../compile/digest.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { applyGraph } from './apply-graph.ts';
import type { Host, Invocation } from './command.ts';
import { dueWork } from './due-work.ts';
import { namedWork, openPlaced } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';

/** `runner apply`: make the backups of a plan. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const placed = await openPlaced(invocation, host);
  const plan = placed.resolved;
  const named = namedWork(plan, invocation.words);
  const work = invocation.options.due ? await dueWork(plan, named, invocation, host) : named;
  if (work === null) return ExitCode.success;
  if (!invocation.options.quiet)
    for (const sentence of joined(plan, work.only)) host.terminal.say(`note: ${sentence}\n`);
  const { graph, facts } = await applyGraph(placed, work, host);
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
