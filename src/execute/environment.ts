import type { Lookup } from '../bind.ts';
import type { Command } from '../command.ts';
import type { ReadSecret } from '../destination.ts';
import { bindValue } from './bind-value.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Names a program's processes as ours: the guard sweeps what carries it after our death. */
export const runVariable = 'RUNNER_RUN_ID';

/** The variables of a command, secrets included. */
export async function boundEnvironment(
  command: Command,
  lookup: Lookup,
  readSecret: ReadSecret,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(command.env ?? {})) {
    const text = await bindValue(value, lookup, readSecret);
    // An optional secret that is not there leaves its variable unset: an empty one means something else to many programs.
    if (text === '' && typeof value === 'object' && 'secret' in value) continue;
    env[name] = text;
  }
  return env;
}

/** What a program needs of our own environment. */
export function minimal(environment: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  // Messages that we read must not depend on who runs us.
  return { ...kept, LC_ALL: 'C' };
}

export function inherited(environment: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) kept[name] = value;
  return kept;
}
