/** What a destination may hold of a plan, and whether one backup more fits. */
import type { ResolvedDestination } from '../plan/resolved.ts';
import { formatSize } from '../units.ts';

type Limits = Pick<ResolvedDestination, 'quota' | 'minFree'>;

/** Bytes; null where nobody knows. `expected`: of the backup to come, by the one before it. */
export type Room = { stored: number | null; free: number | null; expected: number | null };

/** Why a backup is not begun there, in words that follow the destination's name; null where it fits. */
export function noRoom({ quota, minFree }: Limits, { stored, free, expected }: Room): string | null {
  const more =
    expected === null ? '' : `, and ${formatSize(expected)} more are expected by the size of the last backup`;
  const coming = expected ?? 0;
  if (quota?.fail !== undefined && stored !== null && (stored + coming > quota.fail || stored >= quota.fail)) {
    const held = `${formatSize(stored)} of this plan lie there${more}`;
    return `its quota is ${formatSize(quota.fail)}: ${held}; free some (runner prune), or raise "quota: { fail }"`;
  }
  if (minFree !== undefined && free !== null && free - coming < minFree) {
    const left = `${formatSize(free)} are free there${more}`;
    return `"min-free" is ${formatSize(minFree)}: ${left}; free some`;
  }
  return null;
}

/** The warning that a quota asks for, in words that follow the destination's name; null below it. */
export function nearQuota({ quota }: Limits, stored: number | null): string | null {
  if (quota?.warn === undefined || stored === null || stored < quota.warn) return null;
  const limit = quota.fail === undefined ? '' : ` of a quota of ${formatSize(quota.fail)}`;
  return `${formatSize(stored)}${limit} are used, and the plan wants a warning from ${formatSize(quota.warn)} on`;
}
