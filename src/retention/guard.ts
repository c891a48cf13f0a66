/** When the clock cannot be trusted, nothing is deleted: a backup from the future would make all others look old. */
import { formatDuration } from '../units.ts';

const tolerance = 5 * 60_000;

/**
 * Why no prune may happen, or null. `items` are all backups of one name, good or not; `storeClock` is what the
 * destination's own clock said at `now`. Five minutes are allowed: stamps move on when the clock goes back a little.
 */
export function pruneBlocked(
  items: readonly { id: string; time: Date }[],
  now: Date,
  storeClock?: Date,
): string | null {
  if (storeClock !== undefined) {
    const apart = now.getTime() - storeClock.getTime();
    if (Math.abs(apart) > tolerance) {
      const side = apart > 0 ? 'ahead of' : 'behind';
      return `this machine's clock is ${formatDuration(Math.abs(apart) / 1000)} ${side} the destination's: set it right, then prune again`;
    }
  }
  let newest: { id: string; time: Date } | null = null;
  for (const item of items) if (newest === null || item.time > newest.time) newest = item;
  if (newest === null) return null;
  const early = newest.time.getTime() - now.getTime();
  if (early <= tolerance) return null;
  return (
    `the newest backup, ${newest.id}, lies ${formatDuration(early / 1000)} in the future: the clock was wrong then or went back since; ` +
    'set it right, or remove that backup by runner forget'
  );
}
