/** Why a backup stays or goes, in words. */
import type { ZoneClock } from './calendar.ts';
import { periodName, periodWord } from './periods.ts';
import type { Duration, RetentionPolicy } from './policy.ts';
import { heldTiers, type Moment, Share, type Standing } from './standing.ts';

/** What keeps a backup whatever the calendar says. */
export function ownReasons(
  policy: RetentionPolicy,
  item: { tags?: string[]; pinned?: boolean; held?: string },
): string[] {
  const reasons = (item.tags ?? []).filter((tag) => policy.tags.includes(tag)).map((tag) => `tag ${tag}`);
  if (item.pinned === true) reasons.push('pinned');
  if (item.held !== undefined) reasons.push(`held: ${item.held}`);
  return reasons;
}

export function notGoodYet(hasGood: boolean, grace: Duration): string {
  return hasGood
    ? `not good: kept until a good one is ${written(grace)} newer`
    : 'not good: kept until there is a newer good one';
}

export function goneReason({ forgotten }: { forgotten?: boolean }, grace: Duration): string {
  return forgotten ? 'forgotten' : `not good, and a good one is at least ${written(grace)} newer`;
}

/** The reasons that the rules give for a good backup; none to keep it means that it goes. */
export function reasonsBy(
  policy: RetentionPolicy,
  clock: ZoneClock,
  standing: Standing,
  moments: readonly Moment[],
): { toKeep(index: number): string[]; toDelete(index: number): string[] } {
  const toKeep = (index: number) => {
    const { time } = moments[index]!;
    const name = (tier: Parameters<typeof periodName>[0]) => periodName(tier, policy.weekStarts, clock, time);
    const reasons = heldTiers(standing, index).map((tier) => `${tier} ${name(tier)}`);
    if (time > standing.withinAfter) reasons.push(withinReason(policy));
    if (index >= standing.lastFrom) reasons.push(`last ${policy.last}`);
    if (index >= standing.floorFrom) reasons.push('floor');
    return reasons;
  };

  // Thousands go for the same reasons: those depend on the shares alone.
  const known = new Map<number, string[]>();
  const toDelete = (index: number) => {
    const shares = standing.tiers.reduce((sum, tier) => sum * 3 + tier.shares[index]!, 0);
    let reasons = known.get(shares);
    if (reasons === undefined) {
      reasons = againstIt(policy, standing, index);
      known.set(shares, reasons);
    }
    return [...reasons];
  };
  return { toKeep, toDelete };
}

function againstIt(policy: RetentionPolicy, standing: Standing, index: number): string[] {
  const reasons: string[] = [];
  const notFirst: string[] = [];
  for (const { tier, shares } of standing.tiers) {
    const rule = policy.tiers[tier]!;
    if (shares[index] === Share.none) notFirst.push(periodWord[tier]);
    else if ('count' in rule) reasons.push(`no longer ${tier}: ${notAmong(rule.count, ` ${periodWord[tier]}`)}`);
    else reasons.push(`no longer ${tier}: ${notYounger(rule.reach)}`);
  }
  if (notFirst.length > 0) reasons.push(`not the first of its ${notFirst.reverse().join(', ')}`);
  if (policy.within !== undefined) reasons.push(notYounger(policy.within));
  if (policy.last !== undefined) reasons.push(notAmong(policy.last));
  return reasons.length > 0 ? reasons : [notAmong(policy.floor)];
}

function notYounger(reach: Duration): string {
  return `not younger than ${written(reach)}`;
}

function notAmong(count: number, word = ''): string {
  return count === 1 ? `not the newest${word}` : `not among the newest ${count}${word === '' ? '' : `${word}s`}`;
}

function written(duration: Duration): string {
  return `${duration.amount}${duration.unit}`;
}

/** Only of a policy that has one. */
export function withinReason({ within }: RetentionPolicy): string {
  return `within ${written(within!)}`;
}
