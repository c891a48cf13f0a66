import type { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { printInside } from './members.ts';

/** `runner ls`: the names inside a backup, one a line; of a backup in several parts theirs. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  return printInside(invocation, host, (kind, spec, facts) => kind.list?.(spec, facts) ?? null, 'list');
}
