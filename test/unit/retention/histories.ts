/** Generated histories and policies: seeded, so that a failure names the seed that brings it back. */
import type { Item } from '../../../src/retention/decide.ts';
import type { Duration, RetentionPolicy, Tier, TierRule } from '../../../src/retention/policy.ts';

/** How many histories each property sees; all of them by RETENTION_HISTORIES=5000. */
export const histories = Number(process.env.RETENTION_HISTORIES ?? 400);

export type Random = {
  next(): number;
  below(limit: number): number;
  chance(p: number): boolean;
  pick<T>(from: readonly T[]): T;
};

/** mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, chance: (p) => next() < p, pick: (from) => from[below(from.length)]! };
}

/** Zones with unusual clocks, each with moments around which something happens to them. */
const zones: Record<string, string[]> = {
  UTC: ['2024-02-29T00:00:00Z', '2026-12-31T23:59:59Z'],
  'Europe/Berlin': ['2026-10-25T01:00:00Z', '2026-03-29T01:00:00Z', '2024-02-28T23:30:00Z'],
  'Australia/Lord_Howe': ['2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  'Africa/Casablanca': ['2023-03-19T02:00:00Z', '2023-04-23T02:00:00Z'],
  'America/Sao_Paulo': ['2018-11-04T03:00:00Z', '2018-02-18T02:00:00Z'],
  'Pacific/Apia': ['2011-12-30T10:00:00Z', '2012-03-31T14:00:00Z'],
  'Asia/Kathmandu': ['1985-12-31T18:30:00Z', '2020-12-31T18:15:00Z'],
  'America/St_Johns': ['2010-11-07T02:31:00Z', '2010-03-14T03:31:00Z'],
  'Antarctica/Casey': ['2010-03-04T15:00:00Z', '2012-02-21T17:00:00Z'],
  'America/New_York': ['2020-12-28T05:00:00Z', '2021-01-04T05:00:00Z', '2024-11-03T06:00:00Z'],
};

const hour = 3_600_000;
const day = 24 * hour;

export type History = { policy: RetentionPolicy; zone: string; items: Item[] };

export function history(random: Random, policy: RetentionPolicy = anyPolicy(random)): History {
  const zone = random.pick(Object.keys(zones));
  const around = Date.parse(random.pick(zones[zone]!));
  const count = 1 + random.below(90);
  // The moment that is odd lies somewhere in it, often near the end or one reach before it.
  const step = random.pick([hour / 2, hour, 6 * hour, day, day, 3 * day, 10 * day]);
  const shape = random.pick(['even', 'even', 'jitter', 'burst', 'gaps'] as const);
  const gap = () => {
    if (shape === 'even') return step;
    if (shape === 'jitter') return step * random.next() * 2;
    if (shape === 'burst') return random.chance(0.8) ? 60_000 * (1 + random.below(50)) : step * (1 + random.below(20));
    return random.chance(0.9) ? step : step * random.below(60);
  };
  const times = [0];
  while (times.length < count) times.push(times.at(-1)! + Math.max(1000, gap()));
  const anchor = random.chance(0.5) ? times.at(-1)! : random.pick(times);
  const start = around - anchor + random.pick([0, 0, -hour / 2, hour / 2, random.below(3 * day) - 1.5 * day]);
  const share = random.pick([0, 0, 0.1, 0.5]);
  const items = times.map((time, index): Item => {
    const instant = Math.floor((start + time) / 1000) * 1000;
    const item: Item = { id: idOf(instant, index), time: new Date(instant), good: !random.chance(share) };
    if (random.chance(0.02)) item.pinned = true;
    if (random.chance(0.02)) item.held = 'locked until 2030';
    if (random.chance(0.02)) item.tags = [random.pick(['release', 'other'])];
    return item;
  });
  return { policy, zone, items: items.filter((item, index) => item.time > (items[index - 1]?.time ?? 0)) };
}

export function idOf(instant: number, index: number): string {
  const stamp = new Date(instant).toISOString().replace(/[-:]|\.\d+/g, '');
  return `shop-${stamp}-${String((index * 7919) % 1_000_000).padStart(6, '0')}`;
}

const tierNames: Tier[] = ['hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly'];

export function anyPolicy(random: Random): RetentionPolicy {
  const tiers: RetentionPolicy['tiers'] = {};
  for (const tier of tierNames) if (random.chance(0.5)) tiers[tier] = anyRule(random);
  const policy: RetentionPolicy = {
    tiers,
    tags: ['release'],
    floor: random.pick([1, 1, 1, 2, 5]),
    weekStarts: random.pick(['monday', 'sunday']),
  };
  if (random.chance(0.3)) policy.last = 1 + random.below(8);
  if (random.chance(0.4)) policy.within = anyReach(random);
  return policy;
}

function anyRule(random: Random): TierRule {
  return random.chance(0.5) ? { count: 1 + random.below(12) } : { reach: anyReach(random) };
}

function anyReach(random: Random): Duration {
  const unit = random.pick(['h', 'd', 'd', 'd', 'w', 'y'] as const);
  const amounts = { h: [1, 6, 24, 48, 100], d: [1, 2, 7, 30, 90, 365], w: [1, 2, 4, 5, 52], y: [1, 1, 2, 4] };
  return { amount: random.pick(amounts[unit]), unit };
}
