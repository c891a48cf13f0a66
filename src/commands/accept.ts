import type { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { say } from './findings.ts';

/** `runner accept`: a person has looked at what was marked as anomalous or failed, and vouches for it. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  return say(invocation, host, () => ({
    finding: 'accept',
    done: 'is accepted: earlier marks against it no longer count',
  }));
}
