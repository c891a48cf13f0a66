import { compileApply } from '../compile/index.ts';
import { chosenBackups } from '../compile/prune.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import { renderMermaid } from '../preview/mermaid.ts';
import type { Host, Invocation } from './command.ts';
import { refuseUnusableKeys } from './keys.ts';
import { namedBackups, openPlaced } from './plan-file.ts';

/** `runner graph`: what `apply` would do as a Mermaid diagram. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { resolved: plan, loaded } = await openPlaced(invocation, host);
  const only = namedBackups(plan, invocation.words);
  const backups = chosenBackups(plan, only).map(({ name }) => name);
  const facts = await readFacts(plan, { environment: host.environment, backups, survey: true });
  refuseUnusableKeys(plan, loaded, facts, backups);
  const graph = compileApply(plan, facts, { only });
  host.terminal.data(renderMermaid(graph));
  return ExitCode.success;
}
