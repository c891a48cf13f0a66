import { describe, expect, test } from 'vitest';
import { decide, type Item } from '../../../src/retention/decide.ts';
import type { Duration } from '../../../src/retention/policy.ts';
import { anyPolicy, type History, histories, history, idOf, type Random, random } from './histories.ts';
import { keepers } from './second-reading.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** Moments at, a reach before or a reach after which "the same wall clock" is a question. */
const edges: [zone: string, moment: string][] = [
  ['Europe/Berlin', '2026-10-25T01:00:00Z'],
  ['Europe/Berlin', '2026-03-29T01:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['America/St_Johns', '2010-11-07T02:31:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['UTC', '2024-02-29T00:00:00Z'],
  ['UTC', '2024-03-01T00:00:00Z'],
  ['Europe/Berlin', '2024-02-28T23:00:00Z'],
];

const reaches: [reach: Duration, days: number][] = [
  [{ amount: 1, unit: 'd' }, 1],
  [{ amount: 7, unit: 'd' }, 7],
  [{ amount: 1, unit: 'w' }, 7],
  [{ amount: 1, unit: 'y' }, 365.25],
  [{ amount: 4, unit: 'y' }, 1461],
  [{ amount: 24, unit: 'h' }, 1],
  [{ amount: 90, unit: 'm' }, 1 / 16],
  [{ amount: 7200, unit: 's' }, 1 / 12],
];

/** The newest backup close to an edge or a reach after it, and others closely around where the reach ends; in any order. */
function edgeHistory(random: Random): History {
  const [zone, moment] = random.pick(edges);
  const [reach, days] = random.pick(reaches);
  const near = () => (random.below(37) - 18) * 10 * MINUTE;
  const newest = Date.parse(moment) + (random.chance(0.3) ? Math.round(days) * DAY : 0) + near();
  const times = [newest];
  const count = random.below(30);
  while (times.length < count) {
    const centre = newest - random.pick([0, days, Math.floor(days), Math.ceil(days), 7]) * DAY;
    times.push(Math.min(newest, Math.round(centre / MINUTE / 10) * MINUTE * 10 + near()));
  }
  const item = (time: number, index: number): Item => {
    return { id: idOf(time, index), time: new Date(time), good: random.chance(0.8) };
  };
  const { within: _within, ...policy } = anyPolicy(random);
  policy.tiers.hourly = { reach };
  policy.tiers.daily = random.pick([{ reach }, { count: 1 + random.below(4) }]);
  return { policy: random.chance(0.5) ? { ...policy, within: reach } : policy, zone, items: times.map(item) };
}

/** The ids that each of the two readings keeps and the other does not. */
function compare({ policy, zone, items }: History): { onlyDecide: Item[]; onlyKeepers: Item[] } {
  const first = new Set(decide(policy, zone, items).keep.map((item) => item.id));
  const second = keepers(policy, zone, items);
  return {
    onlyDecide: items.filter((item) => first.has(item.id) && !second.has(item.id)),
    onlyKeepers: items.filter((item) => second.has(item.id) && !first.has(item.id)),
  };
}

/** What the two disagree on, without the two differences that have a test of their own below. */
function disagreement(history: History): string[] {
  const { zone, items } = history;
  const { onlyDecide, onlyKeepers } = compare(history);
  const dayOf = (item: Item) => new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(item.time);
  const newest = items.filter((item) => item.good).sort((a, b) => b.time.getTime() - a.time.getTime())[0];
  const onLeapEve = newest !== undefined && /(2012|2024)-02-28/.test(dayOf(newest));
  const isLeapEve = (item: Item) => onLeapEve && dayOf(item).endsWith('-02-28');
  return [
    ...onlyDecide.filter((item) => !isLeapEve(item)).map((item) => `only decide keeps ${item.id}`),
    ...onlyKeepers.map((item) => `only keepers keeps ${item.id}`),
  ];
}

/** The history with whatever can go gone: single backups first, then rules of the policy. */
function shrink(found: History): History {
  let { policy, items } = found;
  const differs = (smaller: Partial<History>) => disagreement({ ...found, policy, items, ...smaller }).length > 0;
  for (const item of found.items) {
    const without = items.filter((other) => other !== item);
    if (differs({ items: without })) items = without;
  }
  for (const rule of ['last', 'within'] as const) {
    const { [rule]: _gone, ...without } = policy;
    if (differs({ policy: without })) policy = without;
  }
  for (const tier of Object.keys(policy.tiers) as (keyof typeof policy.tiers)[]) {
    const { [tier]: _gone, ...tiers } = policy.tiers;
    if (differs({ policy: { ...policy, tiers } })) policy = { ...policy, tiers };
  }
  return { ...found, policy, items };
}

function expectAgreement(seed: number, found: History): void {
  if (disagreement(found).length === 0) return;
  const small = shrink(found);
  expect.fail(`seed ${seed}: ${disagreement(small).join(', ')}\n${JSON.stringify(small, null, 1)}`);
}

describe('decide keeps exactly what the second reading keeps', () => {
  test(`in ${histories} generated histories`, { timeout: 60_000 + histories * 200 }, () => {
    for (let seed = 1; seed <= histories; seed++) expectAgreement(seed, history(random(seed)));
  });

  test(`in ${histories} histories around the edges of a reach`, { timeout: 60_000 + histories * 200 }, () => {
    for (let seed = 1; seed <= histories; seed++) expectAgreement(seed, edgeHistory(random(seed)));
  });
});

describe('the difference that is known', () => {
  const backup = (time: string, good = true): Item => ({ id: time, time: new Date(time), good });
  const policy = { tiers: {}, tags: [], floor: 1, weekStarts: 'monday' as const };

  test('28 February of a leap year: decide waits at its beginning, so that the 29th moves no reach back', () => {
    const items = [backup('2023-02-28T09:00:00Z'), backup('2024-02-28T10:00:00Z')];
    const { onlyDecide, onlyKeepers } = compare({
      policy: { ...policy, within: { amount: 1, unit: 'y' } },
      zone: 'UTC',
      items,
    });
    expect({ onlyDecide, onlyKeepers }).toEqual({ onlyDecide: [items[0]], onlyKeepers: [] });
  });
});
