import type { Destination, Opening } from '../destination.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';

/** An opened destination, or why it could not be opened: one that is down must not stop the others. */
export type Opened = { destination: Destination } | { error: Error };

/** Opens the named destinations of a plan. Close each with `closeDestinations`. */
export async function openDestinations(
  plan: ResolvedPlan,
  names: readonly string[],
  opening: Opening,
): Promise<Map<string, Opened>> {
  const opened = names.map(async (name): Promise<[string, Opened]> => {
    const configured = plan.destinations[name];
    if (!configured) throw new Error(`no destination "${name}" in the plan although it was validated`);
    try {
      return [name, { destination: await findDestination(configured.type).open(name, configured.spec, opening) }];
    } catch (error) {
      return [name, { error: error instanceof Error ? error : new Error(String(error)) }];
    }
  });
  return new Map(await Promise.all(opened));
}

export async function closeDestinations(opened: ReadonlyMap<string, Opened>): Promise<void> {
  for (const entry of opened.values()) if ('destination' in entry) await entry.destination.close();
}
