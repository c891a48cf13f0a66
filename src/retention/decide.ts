/**
 * What stays on one shelf and why. The first good backup of a period represents it; the rules choose among those. There
 * is no `now`: every reach, and the grace of what is not good, is measured from the newest good backup, so a source that
 * stopped ages nothing out. "Younger than" is strict: a backup of exactly 7 days is not younger than 7d, so `daily: 7d`
 * with one a day holds seven, as `daily: 7` does.
 *
 * Guaranteed, and held by generated tests, while marks (good, tags, pins, held) stay as they are:
 * - A view that lacks any backups at all, the newest or others, deletes nothing that the full view keeps. What is first
 *   in a period stays first in a part of the shelf; fewer periods are newer; reaches end earlier (calendar.ts).
 * - Pruning at any moments, each with any such view, and then once with the full view, never leaves less than pruning once
 *   does. It leaves the same shelf for counts; with full views also for reaches that are longer than their period and that
 *   no shorter rule outlives within one period (`within: 7d, daily: 30d, weekly: 1y, monthly: 7y` is such a policy).
 *   Otherwise it may leave more: with `daily: 30d, weekly: 5w` Monday's backup leaves on its 35th day while Sunday's is
 *   still a daily one; Sunday's is then the first of its week that is still there, and stays for 5 weeks of its own.
 *   Pruned once later, both are gone.
 *
 * A view that misses the positive mark of a good backup keeps all others that the full view keeps; that one itself it
 * protects as not good only: until a newer good one exists and the grace has passed.
 */
import { zoneClock } from './calendar.ts';
import { periodOf, tiersByRank, type WeekStarts } from './periods.ts';
import type { Duration, RetentionPolicy, Tier } from './policy.ts';
import { goneReason, notGoodYet, ownReasons, reasonsBy, withinReason } from './reasons.ts';
import { heldTiers, momentsBy, standingOf } from './standing.ts';

/** One backup on a shelf. `time` is the one in its id; `held` says why it may not go: a chain, a lock. No rule keeps what is forgotten. */
export type Item = {
  id: string;
  time: Date;
  good: boolean;
  forgotten?: boolean;
  tags?: string[];
  pinned?: boolean;
  held?: string;
};

export type Reasons = { id: string; reasons: string[] };

/** `keep` and `delete` in the order of the ids; `tiers` holds an entry for each kept one, highest tier first. */
export type Decision = { keep: Reasons[]; delete: Reasons[]; tiers: Map<string, Tier[]> };

/** How long what is not good stays when a newer good one exists. */
const grace: Duration = { amount: 7, unit: 'd' };

export function decide(policy: RetentionPolicy, timezone: string, items: readonly Item[]): Decision {
  const clock = zoneClock(timezone);
  // Order is the id's: its time, then the rest of it.
  const ordered = items.toSorted((a, b) => a.time.getTime() - b.time.getTime() || (a.id < b.id ? -1 : 1));
  const momentOf = momentsBy(policy, clock);
  const moments = ordered.filter((item) => item.good).map((item) => momentOf(item.time.getTime()));
  const standing = standingOf(policy, clock, moments);
  const words = reasonsBy(policy, clock, standing, moments);
  const newest = moments.at(-1)?.time;
  const graceAfter = newest === undefined ? Number.NEGATIVE_INFINITY : clock.back(newest, grace);

  const decision: Decision = { keep: [], delete: [], tiers: new Map() };
  let index = -1;
  for (const item of ordered) {
    const reasons = ownReasons(policy, item);
    if (item.good) {
      index += 1;
      reasons.push(...words.toKeep(index));
    } else if (!item.forgotten) {
      if (item.time.getTime() > graceAfter) reasons.push(notGoodYet(newest !== undefined, grace));
      // `within` keeps everything younger, proven or not: it is no slot that something fills.
      if (newest !== undefined && item.time.getTime() > standing.withinAfter) reasons.push(withinReason(policy));
    }
    if (reasons.length > 0) {
      decision.keep.push({ id: item.id, reasons });
      decision.tiers.set(item.id, item.good ? heldTiers(standing, index) : []);
    } else {
      decision.delete.push({ id: item.id, reasons: item.good ? words.toDelete(index) : [goneReason(item, grace)] });
    }
  }
  return decision;
}

/**
 * The tiers that a good backup at `time` represents, highest first, by the plan's retentions together; empty: `recent`.
 * `goodTimes` are those of the good backups of the same name.
 */
export function claim(
  policies: readonly RetentionPolicy[],
  timezone: string,
  goodTimes: readonly Date[],
  time: Date,
): Tier[] {
  const clock = zoneClock(timezone);
  const earlier = goodTimes.filter((other) => other <= time);
  const isFirst = (tier: Tier, weekStarts: WeekStarts) => {
    const period = (date: Date) => {
      const offset = clock.offset(date.getTime());
      return periodOf(tier, weekStarts, date.getTime() + offset, offset);
    };
    const own = period(time);
    return !earlier.some((other) => period(other) === own);
  };
  return tiersByRank.filter((tier) =>
    policies.some(({ tiers, weekStarts }) => tiers[tier] !== undefined && isFirst(tier, weekStarts)),
  );
}
