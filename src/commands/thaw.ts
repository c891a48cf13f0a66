/** `restore --thaw`: what a store has put where nothing can be read at once is asked for before anything else is done. */
import { closeDestinations, openDestinations } from '../destinations/open.ts';
import { secretReader } from '../execute/secrets.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Host } from './command.ts';
import type { Origin } from './pieces.ts';

/** Days for which what was thawed can be read. */
const thawDays = 7;

/** Asks for every archived artifact of the backups that were chosen. A sentence each; none: all of it can be read now. */
export async function thawOrigins(plan: ResolvedPlan, origins: readonly Origin[], host: Host): Promise<string[]> {
  const { environment } = host;
  const { read: readSecret } = secretReader(plan.secrets, { directory: plan.directory, environment });
  const names = origins.flatMap(({ from }) => ('destination' in from ? [from.destination] : []));
  const opened = await openDestinations(plan, [...new Set(names)], { readSecret, environment, purpose: 'use' });
  const asked: string[] = [];
  try {
    for (const { from, manifest } of origins) {
      const entry = 'destination' in from ? opened.get(from.destination) : undefined;
      if (entry && 'error' in entry) throw entry.error;
      for (const { key } of manifest?.artifacts ?? []) {
        const isArchived = (await entry?.destination.stat(key))?.archived;
        if (isArchived && entry?.destination.thaw) asked.push(await entry.destination.thaw(key, thawDays));
      }
    }
  } finally {
    await closeDestinations(opened);
  }
  return asked;
}
