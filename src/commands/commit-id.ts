/** A backup by the name that a store of history has for it: the commit. */
import { closeDestinations, openDestinations } from '../destinations/open.ts';
import { RunnerError } from '../diagnostic.ts';
import { secretReader } from '../execute/secrets.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';
import type { Host } from './command.ts';
import { fromDestination } from './plan-file.ts';

const commit = /^[0-9a-f]{7,64}$/;

/** The id that `--id` means: itself, or that of the backup which a commit shows. Throws RunnerError (exit 4) when none does. */
export async function idOf(plan: ResolvedPlan, text: string, from: string | undefined, host: Host): Promise<string> {
  const names = fromDestination(plan, from).filter((name) => findDestination(plan.destinations[name]!.type).plainTree);
  if (!commit.test(text) || names.length === 0) return text;
  const { read: readSecret } = secretReader(plan.secrets, {
    directory: plan.directory,
    environment: host.environment,
    warn: (message) => host.terminal.say(`warning: ${message}\n`),
  });
  const opened = await openDestinations(plan, names, { readSecret, environment: host.environment, purpose: 'use' });
  try {
    for (const entry of opened.values()) {
      if ('error' in entry) throw entry.error;
      const id = await entry.destination.find?.(text);
      if (id) return id;
    }
  } finally {
    await closeDestinations(opened);
  }
  throw new RunnerError(`no backup at ${names.join(', ')} is shown by the commit ${text}, or several are`, {
    exitCode: 4,
  });
}
