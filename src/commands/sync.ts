import { graphDigest } from '../compile/digest.ts';
import { compileSync } from '../compile/index.ts';
import { chosenBackups } from '../compile/prune.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import { renderText } from '../preview/text.ts';
import type { Host, Invocation } from './command.ts';
import { fromDestination, namedBackups, openPlan } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';

/** `runner sync`: what destinations lack is copied from those that have it. No source is touched. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { all = false, from, dryRun, json, quiet } = invocation.options;
  const plan = await openPlan(invocation, host);
  const only = namedBackups(plan, invocation.words);
  const sources = fromDestination(plan, from);
  const backups = chosenBackups(plan, only).map(({ name }) => name);
  const copies = { backups, all, from: sources };
  const facts = await readFacts(plan, { environment: host.environment, backups: [], copies });
  const graph = compileSync(plan, facts, { only, all, from: sources });
  if (dryRun) {
    host.terminal.data(
      json ? `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n` : renderText(graph),
    );
    return ExitCode.success;
  }
  if (!json && !quiet) host.terminal.say(renderText(graph));
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode;
}
