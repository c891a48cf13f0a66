import type { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { printInside } from './members.ts';

/** `runner cat`: one file from inside a backup. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const path = invocation.words[1]!;
  return printInside(invocation, host, (kind, spec, facts) => kind.extract?.(spec, path, facts) ?? null, 'refuse');
}
