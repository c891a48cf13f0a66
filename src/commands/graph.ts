import { compileApply } from '../compile/index.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import { renderMermaid } from '../preview/mermaid.ts';
import type { Host, Invocation } from './command.ts';
import { namedBackups, openPlan } from './plan-file.ts';

/** `runner graph`: what `apply` would do as a Mermaid diagram. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  const only = namedBackups(plan, invocation.words);
  const graph = compileApply(plan, await readFacts(plan, { environment: host.environment }), { only });
  host.terminal.data(renderMermaid(graph));
  return ExitCode.success;
}
