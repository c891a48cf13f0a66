/** What a simulated shelf would hold and cost, by the size of the last real backup. */
import { monthly } from '../accounts/estimate.ts';
import { money } from '../accounts/text.ts';
import { sizesOf } from '../catalog/sizes.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import type { Simulation } from '../retention/simulate.ts';
import { formatSize } from '../units.ts';
import type { Host } from './command.ts';
import { withShelves } from './shelves.ts';

/** Bytes, and what they cost a month where the plan states a price. `now`: of this backup at that destination today. */
export type Cost = { destination: string; now: number; end: number; month?: { now: number; end: number } };

/** `lastSize`: of the newest backup that any of the destinations holds; null where there is none, and then no costs. */
export type Costs = { lastSize: number | null; destinations: Cost[] };

/** Reads the sizes of what is there. A destination that cannot be read is told and left out. */
export async function costsOf(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  names: string[],
  { rows }: Simulation,
  host: Host,
): Promise<Costs> {
  return await withShelves(plan, names, backup.name, host, async ({ places, failures }) => {
    for (const { destination, message } of failures)
      host.terminal.say(`warning: no size from "${destination}": ${message}\n`);
    const known = await Promise.all(
      places.map(async ({ name, destination, shelf }) => {
        const entries = shelf.entries.filter((entry) => entry.backup === backup.name);
        const sizes = await sizesOf(destination, entries);
        const newest = entries.findLast(({ id }) => sizes.has(id));
        const now = entries.reduce((sum, { id }) => sum + (sizes.get(id) ?? 0), 0);
        return { name, now, newest: newest ? { time: newest.time.getTime(), size: sizes.get(newest.id)! } : null };
      }),
    );
    const sizes = known.flatMap(({ newest }) => (newest ? [newest] : []));
    const lastSize = sizes.toSorted((left, right) => right.time - left.time)[0]?.size ?? null;
    if (lastSize === null) return { lastSize, destinations: [] };
    const end = rows.length * lastSize;
    const destinations = known.map(({ name, now }) => {
      const price = plan.destinations[name]?.price;
      const month = price === undefined ? {} : { month: { now: monthly(now, price), end: monthly(end, price) } };
      return { destination: name, now, end, ...month };
    });
    return { lastSize, destinations };
  });
}

/** One line a destination: what is there, what would be, and what both cost. */
export function costsText({ lastSize, destinations }: Costs): string {
  if (lastSize === null) return 'no backup has a size yet, so nothing is said of bytes and costs\n';
  const lines = destinations.map(({ destination, now, end, month }) => {
    const cost = (amount: number | undefined) => (amount === undefined ? '' : ` (${money(amount)} a month)`);
    return `${destination}: ${formatSize(now)} now${cost(month?.now)}, ${formatSize(end)} at the end${cost(month?.end)}, if each has ${formatSize(lastSize)} as the last one\n`;
  });
  return lines.join('');
}
