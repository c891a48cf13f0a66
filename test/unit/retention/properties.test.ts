/**
 * What holds for every shelf, on generated histories; `RETENTION_HISTORIES=5000 npx vitest run test/unit/retention` for
 * the long run. A failure names its seed.
 */
import { describe, expect, test } from 'vitest';
import { decide, type Item } from '../../../src/retention/decide.ts';
import type { Duration, RetentionPolicy, Tier } from '../../../src/retention/policy.ts';
import { parseDuration, seconds } from '../../../src/units.ts';
import { anyPolicy, type History, histories, history, type Random, random } from './histories.ts';
import { naive } from './naive.ts';

const keptIds = ({ policy, zone }: History, items: Item[]) => decide(policy, zone, items).keep.map(({ id }) => id);
const seeds = Array.from({ length: histories }, (_, index) => index + 1);

/** Prunes the growing shelf at some moments, each time by a view of it, and at last by the whole of it. */
function pruneOften(subject: History, isMoment: () => boolean, view: (shelf: Item[]) => Item[]): string[] {
  let shelf: Item[] = [];
  for (const item of subject.items) {
    shelf.push(item);
    if (!isMoment()) continue;
    const gone = new Set(decide(subject.policy, subject.zone, view(shelf)).delete.map(({ id }) => id));
    shelf = shelf.filter(({ id }) => !gone.has(id));
  }
  return keptIds(subject, shelf);
}

const part = (random: Random) => (items: Item[]) => {
  const share = random.next();
  return items.filter(() => random.chance(share));
};

test('agrees with the naive implementation', { timeout: 3_600_000 }, () => {
  for (const seed of seeds) {
    const { policy, zone, items } = history(random(seed));
    const { tiers } = decide(policy, zone, items);
    expect(tiers, `seed ${seed}`).toEqual(new Map([...naive(policy, zone, items)]));
  }
});

describe('a view that lacks something', { timeout: 3_600_000 }, () => {
  const staysKept = (seed: number, subject: History, view: Item[], full: string[]) => {
    const gone = decide(subject.policy, subject.zone, view).delete.map(({ id }) => id);
    const wrong = gone.filter((id) => full.includes(id));
    expect(wrong, `seed ${seed}`).toEqual([]);
  };

  test('the newest (a stale one) deletes nothing that the full view keeps', () => {
    for (const seed of seeds) {
      const subject = history(random(seed));
      const full = keptIds(subject, subject.items);
      for (let length = 0; length < subject.items.length; length++) {
        staysKept(seed, subject, subject.items.slice(0, length), full);
      }
    }
  });

  test('anything (a partial one) deletes nothing that the full view keeps', () => {
    for (const seed of seeds) {
      const pick = random(seed);
      const subject = history(pick);
      const full = keptIds(subject, subject.items);
      for (let round = 0; round < 10; round++) staysKept(seed, subject, part(pick)(subject.items), full);
    }
  });

  test('positive marks deletes nothing else that the full view keeps', () => {
    for (const seed of seeds) {
      const pick = random(seed);
      const subject = history(pick);
      const full = keptIds(subject, subject.items);
      const unmarked = new Set(part(pick)(subject.items).map(({ id }) => id));
      const view = subject.items.map((item) => (unmarked.has(item.id) ? { ...item, good: false } : item));
      const others = full.filter((id) => !unmarked.has(id));
      staysKept(seed, subject, view, others);
    }
  });
});

describe('pruning often and pruning once', { timeout: 3_600_000 }, () => {
  test('never leaves less, whatever the policy, the moments and the views', () => {
    for (const seed of seeds) {
      const pick = random(seed);
      const subject = history(pick);
      const once = keptIds(subject, subject.items);
      const share = pick.pick([1, 0.5, 0.1]);
      const often = pruneOften(subject, () => pick.chance(share), pick.chance(0.5) ? part(pick) : (shelf) => shelf);
      const lost = once.filter((id) => !often.includes(id));
      expect(lost, `seed ${seed}`).toEqual([]);
    }
  });

  test('leaves the same shelf where no reach is outlived within one of its own periods', () => {
    for (const seed of seeds) {
      const pick = random(seed);
      const subject = history(pick, policyWhere(pick, isNested));
      const share = pick.pick([1, 1, 0.5, 0.1]);
      const often = pruneOften(
        subject,
        () => pick.chance(share),
        (shelf) => shelf,
      );
      expect(often, `seed ${seed}`).toEqual(keptIds(subject, subject.items));
    }
  });

  test('leaves the same shelf for the policy of the handbook', () => {
    const reach = (text: string) => ({ reach: parseDuration(text)! });
    const tiers = { daily: reach('30d'), weekly: reach('1y'), monthly: reach('7y') };
    const policy: RetentionPolicy = { within: parseDuration('7d')!, tiers, tags: [], floor: 1, weekStarts: 'monday' };
    expect(isNested(policy)).toBe(true);
    for (const seed of seeds) {
      const subject = history(random(seed), policy);
      const often = pruneOften(
        subject,
        () => true,
        (shelf) => shelf,
      );
      expect(often, `seed ${seed}`).toEqual(keptIds(subject, subject.items));
    }
  });

  test('leaves the same shelf for counts, by partial views too', () => {
    for (const seed of seeds) {
      const pick = random(seed);
      const subject = history(pick, policyWhere(pick, hasCountsOnly));
      const often = pruneOften(subject, () => pick.chance(0.7), part(pick));
      expect(often, `seed ${seed}`).toEqual(keptIds(subject, subject.items));
    }
  });

  test('the shelf that is left stays as it is', () => {
    for (const seed of seeds) {
      const subject = history(random(seed));
      const once = keptIds(subject, subject.items);
      const left = subject.items.filter(({ id }) => once.includes(id));
      expect(keptIds(subject, left), `seed ${seed}`).toEqual(once);
    }
  });

  test('may leave more where a reach is outlived within one of its periods: the documented corner', () => {
    const tiers = { daily: { reach: parseDuration('30d')! }, weekly: { reach: parseDuration('5w')! } };
    const policy: RetentionPolicy = { tiers, tags: [], floor: 1, weekStarts: 'monday' };
    const monday = Date.parse('2026-06-01T02:00:00Z');
    const items = Array.from({ length: 39 }, (_, index) => {
      const time = new Date(monday + index * 86_400_000);
      return { id: time.toISOString(), time, good: true };
    });
    const subject = { policy, zone: 'UTC', items };
    const sunday = items[6]!.id;
    expect(keptIds(subject, items)).not.toContain(sunday);
    expect(
      pruneOften(
        subject,
        () => true,
        (shelf) => shelf,
      ),
    ).toContain(sunday);
    expect(isNested(policy)).toBe(false);
  });
});

test('the floor: the newest good ones always stay', { timeout: 3_600_000 }, () => {
  for (const seed of seeds) {
    const pick = random(seed);
    const subject = history(pick);
    for (const view of [subject.items, part(pick)(subject.items)]) {
      const newest = view.filter((item) => item.good).slice(-subject.policy.floor);
      const kept = keptIds(subject, view);
      for (const { id } of newest) expect(kept, `seed ${seed}`).toContain(id);
    }
  }
});

function policyWhere(random: Random, isWanted: (policy: RetentionPolicy) => boolean): RetentionPolicy {
  let policy = anyPolicy(random);
  while (!isWanted(policy)) policy = anyPolicy(random);
  return policy;
}

function hasCountsOnly({ tiers }: RetentionPolicy): boolean {
  return Object.values(tiers).every((rule) => 'count' in rule);
}

const longest: Record<Tier, number> = { hourly: 1 / 24, daily: 1, weekly: 7, monthly: 31, quarterly: 92, yearly: 366 };

/**
 * No rule keeps one backup of a period after the reach of its tier has let the first one go, unless that rule outlasts the
 * reach. Two days more or less are between the calendar and absolute hours.
 */
function isNested({ tiers, last = 1, floor, within }: RetentionPolicy): boolean {
  const rules = Object.entries(tiers) as [Tier, RetentionPolicy['tiers'][Tier] & object][];
  const days = (duration: Duration) => seconds(duration) / 86_400;
  return rules.every(([tier, rule]) => {
    if ('count' in rule) return true;
    if (last > 1 || floor > 1 || days(rule.reach) < longest[tier] + 2) return false;
    const others = rules.filter(([name]) => name !== tier).map(([, other]) => other);
    if (others.some((other) => 'count' in other)) return false;
    const reaches = others.flatMap((other) => ('reach' in other ? [other.reach] : []));
    if (within !== undefined) reaches.push(within);
    return reaches.every((other) => {
      const isSame = other.amount === rule.reach.amount && other.unit === rule.reach.unit;
      const outlasts = days(other) >= days(rule.reach) + 2;
      return isSame || outlasts || days(other) + longest[tier] + 2 <= days(rule.reach);
    });
  });
}
