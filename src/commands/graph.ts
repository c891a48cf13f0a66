import { ExitCode } from '../diagnostic.ts';
import { renderMermaid } from '../preview/mermaid.ts';
import { applyGraph } from './apply-graph.ts';
import type { Host, Invocation } from './command.ts';
import { namedWork, openPlaced } from './plan-file.ts';

/** `runner graph`: what `apply` would do as a Mermaid diagram. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlaced(invocation, host);
  const { graph } = await applyGraph(plan, namedWork(plan.resolved, invocation.words), host);
  host.terminal.data(renderMermaid(graph));
  return ExitCode.success;
}
