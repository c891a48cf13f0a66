import { decide, type Item } from './decide.ts';
import type { RetentionPolicy } from './policy.ts';
import { together } from './sets.ts';

/**
 * What a retention would keep of all good backups that are known anywhere: what is to lie at its destination. `members` are the
 * backups of one unit, each with its items; `setOf` tells what belongs together. Without a retention everything is kept.
 */
export function desired(
  policy: RetentionPolicy | null,
  timezone: string,
  members: readonly { backup: string; items: readonly Item[] }[],
  setOf: (id: string) => string,
): Set<string> {
  const good = members.map(({ backup, items }) => ({ backup, items: items.filter((item) => item.good) }));
  if (!policy) return new Set(good.flatMap(({ items }) => items.map(({ id }) => id)));
  const decisions = good.map(({ backup, items }) => ({ backup, decision: decide(policy, timezone, items) }));
  return new Set(together(decisions, setOf).flatMap(({ decision }) => decision.keep.map(({ id }) => id)));
}
