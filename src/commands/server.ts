/** Questions to a live server before a restore is compiled. */

import type { Command } from '../command.ts';
import { RunnerError } from '../diagnostic.ts';
import { openConnections } from '../execute/connections.ts';
import { prepareLaunch } from '../execute/launch.ts';
import { faultOf, runCommand } from '../execute/pipeline.ts';
import { secretReader } from '../execute/secrets.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Host } from './command.ts';
import { withBench } from './inside.ts';

/** Seconds in which a server must answer. */
const patience = 30;

/** Runs one command and gives what it prints, trimmed. Throws a RunnerError with the command's own last words. */
export type AskServer = (command: Command) => Promise<string>;

/** Hands over what asks; secrets are those of the plan. */
export async function withServer<Result>(
  plan: ResolvedPlan,
  host: Host,
  use: (ask: AskServer) => Promise<Result>,
): Promise<Result> {
  const { environment } = host;
  const { read: readSecret } = secretReader(plan.secrets, { directory: plan.directory, environment });
  const { directory } = plan;
  return await withBench({ host, readSecret }, [], async ({ guard, lookup, launchHost, signal }) => {
    const connections = openConnections({ environment, directory, guard, shared: true });
    const there = { ...launchHost, directory, connections };
    const ask: AskServer = async (command) => {
      const launch = await prepareLaunch({ timeout: patience, ...command }, lookup, there);
      const ended = await runCommand(launch, { guard, signal });
      const fault = faultOf([ended]);
      if (fault) throw new RunnerError(fault.message, { exitCode: 4, cause: fault });
      return ended.stdout.trim();
    };
    return await use(ask).finally(() => connections.close());
  });
}
