import type { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { say } from './findings.ts';

/** `runner unpin`: retention decides again. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  return say(invocation, host, () => ({ finding: 'unpin', done: 'is no longer pinned' }));
}
