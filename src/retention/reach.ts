/** How long a policy keeps a backup at most: what a store's own rules and locks are held against. */
import { seconds } from '../units.ts';
import type { RetentionPolicy, Tier } from './policy.ts';

const day = 86_400;
const hour = 3600;

/** The longest that a period can be, in seconds. */
const longest: Record<Tier, number> = {
  hourly: hour,
  daily: day + hour,
  weekly: 7 * day + hour,
  monthly: 31 * day + hour,
  quarterly: 92 * day + hour,
  yearly: 366 * day,
};

/**
 * Seconds after which nothing of the policy keeps a backup any more, when one is made every `gap` seconds; null: one may stay for ever,
 * as without a policy. Reaches are measured from the newest backup, which may be `gap` old. Pins are not counted.
 */
export function longestReach(policy: RetentionPolicy | null, tags: readonly string[], gap: number): number | null {
  if (policy === null || policy.tags.some((tag) => tags.includes(tag))) return null;
  const { last = 0, within, tiers, floor } = policy;
  const kept = Object.entries(tiers).map(([tier, rule]) =>
    'count' in rule ? rule.count * Math.max(gap, longest[tier as Tier]) : seconds(rule.reach) + gap,
  );
  return Math.max(last * gap, floor * gap, within ? seconds(within) + gap : 0, ...kept);
}
