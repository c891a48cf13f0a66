import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/retention/decide.ts';
import { keptUntil } from '../../../src/retention/kept-until.ts';
import type { RetentionPolicy } from '../../../src/retention/policy.ts';
import { parseDuration } from '../../../src/units.ts';
import { random } from './histories.ts';

const policy = (parts: Partial<RetentionPolicy>): RetentionPolicy => ({
  tiers: {},
  tags: [],
  floor: 1,
  weekStarts: 'monday',
  ...parts,
});
const reach = (text: string) => ({ reach: parseDuration(text)! });
const time = new Date('2026-03-01T02:00:00Z');

describe('until when a retention surely keeps a backup', () => {
  it.each([
    ['the end of the reach of its tier', policy({ tiers: { daily: reach('7d') } }), ['daily'], '2026-03-08T02:00:00Z'],
    [
      'of the longest one',
      policy({ tiers: { daily: reach('7d'), monthly: reach('1y') } }),
      ['monthly', 'daily'],
      '2027-03-01T02:00:00Z',
    ],
    ['not of a tier that it does not represent', policy({ tiers: { monthly: reach('1y') } }), ['daily'], null],
    ['`within` holds whatever it represents', policy({ within: parseDuration('3d')! }), [], '2026-03-04T02:00:00Z'],
    ['a count gives no date', policy({ last: 7, tiers: { daily: { count: 7 } } }), ['daily'], null],
    [
      'a count beside a reach takes nothing from it',
      policy({ tiers: { daily: reach('7d'), monthly: { count: 12 } } }),
      ['monthly', 'daily'],
      '2026-03-08T02:00:00Z',
    ],
    ['without a retention nothing ever goes, so there is no date', null, ['daily'], null],
  ] as const)('%s', (_what, rules, tiers, expected) => {
    expect(keptUntil(rules, 'UTC', tiers, time)?.toISOString().replace('.000', '') ?? null).toBe(expected);
  });

  it.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])(
    'prune in %s agrees, to the millisecond',
    (zone) => {
      const { next } = random(7);
      for (let round = 0; round < 300; round += 1) {
        const made = new Date(
          Date.UTC(2023, 9, 1) + Math.floor(next() * 900) * 86_400_000 + Math.floor(next() * 86_400_000),
        );
        const length = `${1 + Math.floor(next() * 5)}${['h', 'd', 'w', 'y'][Math.floor(next() * 4)]}`;
        const rules = policy({ tiers: { daily: reach(length) } });
        const end = keptUntil(rules, zone, ['daily'], made)!;
        const newest = { id: 'b', time: new Date(end.getTime() - 1), good: true };
        const shelf = [{ id: 'a', time: made, good: true }, newest];
        expect(
          decide(rules, zone, shelf).keep.map(({ id }) => id),
          `${made.toISOString()} ${length}`,
        ).toContain('a');
      }
    },
  );
});
