/** What the rules of a retention say about the good backups of one shelf: numbers only; decide.ts puts it in words. */

import type { ZoneClock } from './calendar.ts';
import { periodOf, tiersByRank } from './periods.ts';
import type { Duration, RetentionPolicy, Tier } from './policy.ts';

/** A good backup: its time in ms and the numbers of its periods, one a tier in the order of `tiersOf`. */
export type Moment = { time: number; periods: number[] };

export const Share = { none: 0, outlived: 1, held: 2 } as const;

export type Standing = {
  /** Tiers of the policy, highest first, each with one `Share` a backup: does it represent its period, and still count? */
  tiers: { tier: Tier; shares: Uint8Array }[];
  /** Backups from this index on are among the newest `last`, or `floor`. */
  lastFrom: number;
  floorFrom: number;
  /** What is younger than this instant is kept by `within`. */
  withinAfter: number;
};

/** The tiers that a policy names, highest first. */
export function tiersOf(policy: RetentionPolicy): Tier[] {
  return tiersByRank.filter((tier) => policy.tiers[tier] !== undefined);
}

/** Makes moments for one policy. */
export function momentsBy(policy: RetentionPolicy, clock: ZoneClock): (time: number) => Moment {
  const tiers = tiersOf(policy);
  return (time) => {
    const offset = clock.offset(time);
    return { time, periods: tiers.map((tier) => periodOf(tier, policy.weekStarts, time + offset, offset)) };
  };
}

/** `moments` are the good backups in the order of their ids. */
export function standingOf(policy: RetentionPolicy, clock: ZoneClock, moments: readonly Moment[]): Standing {
  const newest = moments.at(-1)?.time ?? 0;
  const after = (reach: Duration | undefined) =>
    reach === undefined ? Number.POSITIVE_INFINITY : clock.back(newest, reach);
  return {
    tiers: tiersOf(policy).map((tier, column) => {
      const rule = policy.tiers[tier]!;
      const shares = new Uint8Array(moments.length);
      const representatives = firstOfEach(moments, column);
      const countFrom = 'count' in rule ? representatives.length - rule.count : 0;
      const reachAfter = 'reach' in rule ? after(rule.reach) : Number.NEGATIVE_INFINITY;
      representatives.forEach((index, position) => {
        const counts = position >= countFrom && moments[index]!.time > reachAfter;
        shares[index] = counts ? Share.held : Share.outlived;
      });
      return { tier, shares };
    }),
    lastFrom: moments.length - (policy.last ?? 0),
    floorFrom: moments.length - policy.floor,
    withinAfter: after(policy.within),
  };
}

/** Indexes of the first backup of each period, the periods in the order of the calendar. */
function firstOfEach(moments: readonly Moment[], column: number): number[] {
  const first = new Map<number, number>();
  moments.forEach((moment, index) => {
    const period = moment.periods[column]!;
    if (!first.has(period)) first.set(period, index);
  });
  // Not simply the order of the backups: a clock that goes back over midnight shows the new day before the old one ends.
  return [...first].sort(([left], [right]) => left - right).map(([, index]) => index);
}

/** Whether any rule of the policy keeps this one. */
export function isKept(standing: Standing, moments: readonly Moment[], index: number): boolean {
  return (
    index >= standing.floorFrom ||
    index >= standing.lastFrom ||
    moments[index]!.time > standing.withinAfter ||
    standing.tiers.some(({ shares }) => shares[index] === Share.held)
  );
}

/** The tiers that a good backup holds, highest first. */
export function heldTiers(standing: Standing, index: number): Tier[] {
  return standing.tiers.filter(({ shares }) => shares[index] === Share.held).map(({ tier }) => tier);
}
