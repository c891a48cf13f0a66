import { describe, expect, it } from 'vitest';
import { decide, type Item } from '../../../src/retention/decide.ts';
import { desired } from '../../../src/retention/desired.ts';
import type { RetentionPolicy } from '../../../src/retention/policy.ts';
import { random } from './histories.ts';

const policy = (parts: Partial<RetentionPolicy>): RetentionPolicy => ({
  tiers: {},
  tags: [],
  floor: 1,
  weekStarts: 'monday',
  ...parts,
});
const day = 86_400_000;
const items = (count: number, isGood: (index: number) => boolean = () => true): Item[] =>
  Array.from({ length: count }, (_, index) => {
    const time = new Date(Date.UTC(2026, 0, 1) + index * day);
    return { id: time.toISOString().slice(0, 10), time, good: isGood(index) };
  });
const wanted = (rules: RetentionPolicy | null, all: Item[]) =>
  desired(rules, 'UTC', [{ backup: 'a', items: all }], (id) => id);

describe('what is to lie at a destination', () => {
  it('is what its retention keeps of the good ones, and everything good where it has none', () => {
    const all = items(40, (index) => index !== 38);
    expect([...wanted(policy({ last: 3 }), all)]).toEqual(['2026-02-06', '2026-02-07', '2026-02-09']);
    expect(wanted(null, all).size).toBe(39);
    expect([...wanted(policy({ tiers: { monthly: { count: 12 } } }), all)]).toEqual([
      '2026-01-01',
      '2026-02-01',
      '2026-02-09',
    ]);
  });

  it('stays whole sets, where one of a set is kept', () => {
    const [one, other] = [items(10), items(10, (index) => index < 9)];
    const both = [
      { backup: 'a', items: one.map((item) => ({ ...item, id: `a-${item.id}` })) },
      { backup: 'b', items: other.map((item) => ({ ...item, id: `b-${item.id}` })) },
    ];
    const found = desired(policy({ last: 1 }), 'UTC', both, (id) => id.slice(2));
    expect([...found].sort()).toEqual(['a-2026-01-09', 'a-2026-01-10', 'b-2026-01-09']);
  });

  it('is nothing that a prune of what lies there then would delete, whatever it had before', () => {
    const { next } = random(11);
    const rules = policy({ last: 2, tiers: { daily: { count: 5 }, weekly: { count: 4 }, monthly: { count: 6 } } });
    for (let round = 0; round < 200; round += 1) {
      const all = items(200, () => next() < 0.9);
      const want = wanted(rules, all);
      const there = all.filter(({ id, good }) => want.has(id) || (good && next() < 0.2));
      const kept = new Set(decide(rules, 'UTC', there).keep.map(({ id }) => id));
      expect([...want].filter((id) => !kept.has(id))).toEqual([]);
    }
  });
});
