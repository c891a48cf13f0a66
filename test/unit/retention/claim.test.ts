import { describe, expect, test } from 'vitest';
import { claim } from '../../../src/retention/decide.ts';
import type { RetentionPolicy } from '../../../src/retention/policy.ts';

const count = (value: number) => ({ count: value });

function policy(parts: Partial<RetentionPolicy>): RetentionPolicy {
  return { tiers: {}, tags: [], floor: 1, weekStarts: 'monday', ...parts };
}

describe('what a new backup will represent', () => {
  const all = policy({ tiers: { daily: count(7), weekly: count(4), monthly: count(12), yearly: count(3) } });
  const at = (text: string) => new Date(text);

  test('the first run of a plan represents every period, by all retentions together', () => {
    const quarters = policy({ tiers: { hourly: count(1), quarterly: { reach: { amount: 3, unit: 'y' } } } });
    expect(claim([all, quarters], 'UTC', [], at('2026-11-20T02:00:00Z'))).toEqual([
      'yearly',
      'quarterly',
      'monthly',
      'weekly',
      'daily',
      'hourly',
    ]);
    expect(claim([policy({ last: 3 })], 'UTC', [], at('2026-11-20T02:00:00Z'))).toEqual([]);
  });

  test('only periods that have no good one yet', () => {
    const taken = [at('2026-11-19T02:00:00Z')];
    expect(claim([all], 'UTC', taken, at('2026-11-20T02:00:00Z'))).toEqual(['daily']);
    expect(claim([all], 'UTC', taken, at('2026-11-19T03:00:00Z'))).toEqual([]);
    expect(claim([all], 'UTC', taken, at('2026-12-01T02:00:00Z'))).toEqual(['monthly', 'weekly', 'daily']);
    expect(claim([all], 'UTC', taken, at('2027-01-01T02:00:00Z'))).toEqual(['yearly', 'monthly', 'weekly', 'daily']);
  });

  test('a later one does not take the period from it', () => {
    expect(claim([all], 'UTC', [at('2026-11-20T12:00:00Z')], at('2026-11-20T02:00:00Z'))).toHaveLength(4);
  });

  test('in the zone, and with the week of each retention', () => {
    const taken = [at('2026-11-20T12:00:00Z')];
    expect(claim([all], 'UTC', taken, at('2026-11-20T23:30:00Z'))).toEqual([]);
    expect(claim([all], 'Europe/Berlin', taken, at('2026-11-20T23:30:00Z'))).toEqual(['daily']);
    const weeks = (weekStarts: 'monday' | 'sunday') => policy({ weekStarts, tiers: { weekly: count(1) } });
    const sunday = at('2026-11-22T12:00:00Z');
    expect(claim([weeks('monday')], 'UTC', taken, sunday)).toEqual([]);
    expect(claim([weeks('monday'), weeks('sunday')], 'UTC', taken, sunday)).toEqual(['weekly']);
  });
});
