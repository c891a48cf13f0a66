import { zoneClock } from './calendar.ts';
import type { Duration, RetentionPolicy, Tier } from './policy.ts';

/**
 * Until when a retention surely keeps a good backup of `time` that represents `tiers`: the end of the longest reach that holds
 * it, measured from itself, since a newest one can only be later. Null where no rule gives a date: counts end when newer ones
 * come, and without a retention nothing ever goes.
 */
export function keptUntil(
  policy: RetentionPolicy | null,
  timezone: string,
  tiers: readonly Tier[],
  time: Date,
): Date | null {
  if (!policy) return null;
  const reaches = [policy.within, ...tiers.map((tier) => reachOf(policy, tier))];
  const clock = zoneClock(timezone);
  const ends = reaches.flatMap((reach) => (reach ? [clock.ahead(time.getTime(), reach)] : []));
  const last = new Date(Math.max(...ends));
  return ends.length === 0 || Number.isNaN(last.getTime()) ? null : last;
}

function reachOf({ tiers }: RetentionPolicy, tier: Tier): Duration | undefined {
  const rule = tiers[tier];
  return rule && 'reach' in rule ? rule.reach : undefined;
}
