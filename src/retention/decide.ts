/**
 * What stays on one shelf and why. The first good backup of a period represents it; the rules choose among those. There
 * is no `now`: every reach, and the grace of what is not good, is measured from the newest good backup, so a source that
 * stopped ages nothing out. "Younger than" is strict: a backup of exactly 7 days is not younger than 7d, so `daily: 7d`
 * with one a day holds seven, as `daily: 7` does.
 *
 * Guaranteed, and held by generated tests, while marks (good, tags, pins, held) stay as they are:
 * - A view that lacks any backups at all, the newest or others, deletes nothing that the full view keeps. What is first
 *   in a period stays first in a part of the shelf; fewer periods are newer; reaches end earlier (calendar.ts).
 * - Pruning at any moments, each with any such view, and then once with the full view never leaves less than pruning once
 *   does. It leaves the same shelf for counts, and for reaches of which none is outlived within one of its own periods.
 *   Otherwise it may leave more: with `daily: 30d, weekly: 5w` Monday's backup leaves on its 35th day while Sunday's is
 *   still a daily one; Sunday's is then the first of its week that is still there, and stays for 5 weeks of its own.
 *   Pruned once later, both are gone.
 *
 * A view that misses the positive mark of a good backup keeps all others that the full view keeps; that one itself it
 * protects as not good only: until a newer good one exists and the grace has passed.
 */

import type { ZoneClock } from './calendar.ts';
import { zoneClock } from './calendar.ts';
import { periodName, periodOf, periodWord, tiersByRank } from './periods.ts';
import type { Duration, RetentionPolicy, Tier } from './policy.ts';
import type { Moment, Standing } from './standing.ts';
import { momentOf, Share, standingOf } from './standing.ts';

/** One backup on a shelf. `time` is the one in its id; `held` says why it may not go: a chain, a lock. */
export type Item = { id: string; time: Date; good: boolean; tags?: string[]; pinned?: boolean; held?: string };

export type Reasons = { id: string; reasons: string[] };

/** `keep` and `delete` in the order of the ids; `tiers` holds an entry for each kept one, highest tier first. */
export type Decision = { keep: Reasons[]; delete: Reasons[]; tiers: Map<string, Tier[]> };

/** How long what is not good stays when a newer good one exists. */
const grace: Duration = { amount: 7, unit: 'd' };

export function decide(policy: RetentionPolicy, timezone: string, items: readonly Item[]): Decision {
  const clock = zoneClock(timezone);
  const ordered = inOrder(items);
  const good = ordered.filter((item) => item.good);
  const moments = good.map((item) => momentOf(policy, clock, item.time.getTime()));
  const standing = standingOf(policy, clock, moments);
  const graceAfter = good.length === 0 ? Number.NEGATIVE_INFINITY : clock.back(moments.at(-1)!.time, grace);

  const decision: Decision = { keep: [], delete: [], tiers: new Map() };
  let index = -1;
  for (const item of ordered) {
    const reasons = ownReasons(policy, item);
    let held: Tier[] = [];
    if (item.good) {
      index += 1;
      held = heldTiers(standing, index);
      reasons.push(...ruleReasons(policy, clock, standing, moments[index]!, index, held));
    } else if (item.time.getTime() > graceAfter) {
      reasons.push(
        good.length === 0
          ? 'not good: kept until a good one exists'
          : `not good: kept until a newer good one exists and ${written(grace)} have passed`,
      );
    }
    if (reasons.length > 0) {
      decision.keep.push({ id: item.id, reasons });
      decision.tiers.set(item.id, held);
    } else {
      const why = item.good
        ? deleteReasons(policy, clock, standing, moments[index]!, index)
        : [`not good, and the newest good one is ${written(grace)} or more newer`];
      decision.delete.push({ id: item.id, reasons: why });
    }
  }
  return decision;
}

/** Order is the id's: its time, then the rest of it. */
export function inOrder<T extends { id: string; time: Date }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => a.time.getTime() - b.time.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The tiers that a good backup holds, highest first. */
export function heldTiers(standing: Standing, index: number): Tier[] {
  return standing.tiers.filter(({ shares }) => shares[index] === Share.held).map(({ tier }) => tier);
}

function ownReasons(policy: RetentionPolicy, item: Item): string[] {
  const reasons = (item.tags ?? []).filter((tag) => policy.tags.includes(tag)).map((tag) => `tag ${tag}`);
  if (item.pinned === true) reasons.push('pinned');
  if (item.held !== undefined) reasons.push(`held: ${item.held}`);
  return reasons;
}

function ruleReasons(
  policy: RetentionPolicy,
  clock: ZoneClock,
  standing: Standing,
  moment: Moment,
  index: number,
  held: Tier[],
): string[] {
  const reasons = held.map((tier) => `${tier} ${periodName(tier, policy.weekStarts, clock, moment.time)}`);
  if (moment.time > standing.withinAfter) reasons.push(`within ${written(policy.within!)}`);
  if (index >= standing.lastFrom) reasons.push(`last ${policy.last}`);
  if (index >= standing.floorFrom) reasons.push('floor');
  return reasons;
}

function deleteReasons(
  policy: RetentionPolicy,
  clock: ZoneClock,
  standing: Standing,
  moment: Moment,
  index: number,
): string[] {
  const reasons: string[] = [];
  const notFirst: string[] = [];
  for (const { tier, shares } of standing.tiers) {
    if (shares[index] === Share.none) {
      notFirst.push(periodWord[tier]);
      continue;
    }
    const rule = policy.tiers[tier]!;
    const name = periodName(tier, policy.weekStarts, clock, moment.time);
    const fault = 'count' in rule ? notAmong(rule.count, periodWord[tier]) : `not younger than ${written(rule.reach)}`;
    reasons.push(`${tier} ${name}: ${fault}`);
  }
  if (notFirst.length > 0) reasons.push(`not the first of its ${notFirst.reverse().join(', ')}`);
  if (policy.within !== undefined) reasons.push(`not younger than ${written(policy.within)}`);
  if (policy.last !== undefined) reasons.push(notAmong(policy.last));
  return reasons.length > 0 ? reasons : [notAmong(policy.floor)];
}

function notAmong(count: number, word?: string): string {
  if (word === undefined) return count === 1 ? 'not the newest' : `not among the newest ${count}`;
  return count === 1 ? `not the newest ${word}` : `not among the newest ${count} ${word}s`;
}

function written(duration: Duration): string {
  return `${duration.amount}${duration.unit}`;
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
  const claimed = new Set<Tier>();
  for (const { weekStarts, tiers } of policies) {
    for (const tier of tiersByRank) {
      if (tiers[tier] === undefined || claimed.has(tier)) continue;
      const period = periodOf(tier, weekStarts, clock, time.getTime());
      const isTaken = goodTimes.some(
        (other) => other.getTime() <= time.getTime() && periodOf(tier, weekStarts, clock, other.getTime()) === period,
      );
      if (!isTaken) claimed.add(tier);
    }
  }
  return tiersByRank.filter((tier) => claimed.has(tier));
}
