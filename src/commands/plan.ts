import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import { compileApply } from '../compile/index.ts';
import { chosenBackups } from '../compile/prune.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import { renderText } from '../preview/text.ts';
import type { Host, Invocation } from './command.ts';
import { refuseUnusableKeys } from './keys.ts';
import { namedBackups, reviewPlan } from './plan-file.ts';

/** `runner plan`: the graph that `apply` would run, and its digest. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { resolved: plan, loaded } = await reviewPlan(invocation, host);
  const only = namedBackups(plan, invocation.words);
  const backups = chosenBackups(plan, only).map(({ name }) => name);
  const facts = await readFacts(plan, { environment: host.environment, backups, survey: true });
  refuseUnusableKeys(plan, loaded, facts, backups);
  const graph = compileApply(plan, facts, { only });
  const text = invocation.options.json
    ? `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n`
    : renderText(graph, { ...placeholders, full: invocation.options.full ?? false });
  host.terminal.data(text);
  return ExitCode.success;
}
