import { accountsOf } from '../accounts/estimate.ts';
import { accountsText } from '../accounts/text.ts';
import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import { ExitCode } from '../diagnostic.ts';
import { renderText } from '../preview/text.ts';
import { applyGraph } from './apply-graph.ts';
import type { Host, Invocation } from './command.ts';
import { namedWork, reviewPlan } from './plan-file.ts';

/** `runner plan`: the graph that `apply` would run, and its digest. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await reviewPlan(invocation, host);
  const { graph, facts } = await applyGraph(plan, namedWork(plan.resolved, invocation.words), host);
  const accounts = accountsOf(plan.resolved, facts, graph);
  const text = invocation.options.json
    ? `${JSON.stringify({ ...graph, digest: graphDigest(graph), accounts }, null, 2)}\n`
    : `${renderText(graph, { ...placeholders, full: invocation.options.full ?? false })}${accountsText(accounts)}`;
  host.terminal.data(text);
  return ExitCode.success;
}
