import { nearQuota, noRoom } from '../../accounts/quota.ts';
import type { Destination } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Place } from './capture-place.ts';
import type { CaptureAction, RunContext } from './context.ts';

/**
 * What this plan stores where, in bytes: as it was listed before the run, and as this run changes it. `expected`: what each backup
 * had the last time. What nobody knows stands in neither.
 */
export type Stored = { at: Map<string, number>; expected: ReadonlyMap<string, number> };

/**
 * Leaves out the destinations in which one backup more does not fit. What is taken in reserves its room, since other backups are
 * made at the same time. A safety copy is made whatever a quota says: data that is about to be replaced matters more.
 */
export async function withRoom(place: Place, action: CaptureAction, run: RunContext): Promise<Place> {
  if (action.manifest.purpose === 'safety') return place;
  const expected = run.stored.expected.get(place.backup) ?? place.expectedSize ?? null;
  const fits: Place['wanted'] = [];
  const lost = [...place.lost];
  for (const wanted of place.wanted) {
    const why = await noRoomAt(wanted, expected, run);
    if (why === null) fits.push(wanted);
    else lost.push({ name: wanted.name, error: new RunnerError(why) });
  }
  for (const { name } of fits) storedMore(run, name, expected ?? 0);
  return { ...place, wanted: fits, lost };
}

/** Why so many bytes more do not fit at a destination, or null. */
export async function noRoomAt(
  { name, destination }: { name: string; destination: Destination },
  expected: number | null,
  run: RunContext,
): Promise<string | null> {
  const limits = run.plan.destinations[name];
  if (!limits?.quota && limits?.minFree === undefined) return null;
  // Who cannot say how much is free is asked again by the write itself.
  const free = limits.minFree === undefined ? null : await destination.free().catch(() => null);
  return noRoom(limits, { stored: run.stored.at.get(name) ?? null, free, expected });
}

/** A backup has ended: its reservations give way to what it really left. */
export function settleRoom(
  place: Place,
  committed: { names: readonly string[]; bytes: number },
  run: RunContext,
): void {
  const expected = run.stored.expected.get(place.backup) ?? place.expectedSize ?? 0;
  for (const { name } of place.wanted)
    storedMore(run, name, (committed.names.includes(name) ? committed.bytes : 0) - expected);
}

/** Negative for what was deleted. */
export function storedMore({ stored }: RunContext, destination: string, bytes: number): void {
  const before = stored.at.get(destination);
  if (before !== undefined) stored.at.set(destination, Math.max(0, before + bytes));
}

/** The warning that a quota asks for, as a sentence; none where it is far from used up. */
export function quotaWarnings(destination: string, run: RunContext): string[] {
  const near = nearQuota(run.plan.destinations[destination] ?? {}, run.stored.at.get(destination) ?? null);
  return near === null ? [] : [`destination "${destination}": ${near}`];
}
