import { describe, expect, test } from 'vitest';
import { zoneClock } from '../../../src/retention/calendar.ts';
import { periodName, periodOf, type WeekStarts } from '../../../src/retention/periods.ts';
import type { Tier } from '../../../src/retention/policy.ts';
import { parseDuration } from '../../../src/units.ts';
import { random } from './histories.ts';
import { naiveBack } from './naive.ts';

const back = (zone: string, from: string, reach: string) =>
  new Date(zoneClock(zone).back(Date.parse(from), parseDuration(reach)!)).toISOString().replace('.000', '');

const name = (zone: string, tier: Tier, time: string, weekStarts: WeekStarts = 'monday') =>
  periodName(tier, weekStarts, zoneClock(zone), Date.parse(time));

const number = (zone: string, tier: Tier, time: string, weekStarts: WeekStarts = 'monday') => {
  const clock = zoneClock(zone);
  const instant = Date.parse(time);
  return periodOf(tier, weekStarts, clock.wall(instant), clock.offset(instant));
};

describe('where a reach ends', () => {
  test.each([
    ['hours are absolute', 'Europe/Berlin', '2026-03-29T12:00:00Z', '24h', '2026-03-28T12:00:00Z'],
    [
      'a day back over the missing hour is 23 hours',
      'Europe/Berlin',
      '2026-03-29T12:00:00Z',
      '1d',
      '2026-03-28T13:00:00Z',
    ],
    [
      'a day back over the repeated hour is 25 hours',
      'Europe/Berlin',
      '2026-10-25T12:00:00Z',
      '1d',
      '2026-10-24T11:00:00Z',
    ],
    ['weeks keep the wall clock', 'America/New_York', '2024-11-10T07:00:00Z', '2w', '2024-10-27T06:00:00Z'],
    ['years keep the wall clock', 'Europe/Berlin', '2026-04-01T01:30:00Z', '1y', '2025-04-01T01:30:00Z'],
    ['half an hour in Lord Howe', 'Australia/Lord_Howe', '2026-04-05T12:00:00Z', '1d', '2026-04-04T11:30:00Z'],
    [
      'to the moment of the jump where the clock was skipped',
      'Europe/Berlin',
      '2026-04-28T00:30:00Z',
      '30d',
      '2026-03-29T01:00:00Z',
    ],
    ['to the first pass of a repeated hour', 'Europe/Berlin', '2026-11-24T01:30:00Z', '30d', '2026-10-25T00:30:00Z'],
    ['from the second pass as from that clock', 'Europe/Berlin', '2026-10-25T01:30:00Z', '1d', '2026-10-24T00:30:00Z'],
    [
      'from the first pass as from the start of the second',
      'Europe/Berlin',
      '2026-10-25T00:30:00Z',
      '1d',
      '2026-10-24T00:00:00Z',
    ],
    ['past a midnight that does not exist', 'America/Sao_Paulo', '2018-11-05T02:30:00Z', '1d', '2018-11-04T03:00:00Z'],
    ['past a day that does not exist', 'Pacific/Apia', '2011-12-31T00:00:00Z', '1d', '2011-12-30T10:00:00Z'],
    ['over a day that does not exist', 'Pacific/Apia', '2011-12-30T20:00:00Z', '2d', '2011-12-29T20:00:00Z'],
    [
      'out of the months in which Casablanca goes back',
      'Africa/Casablanca',
      '2023-04-24T12:00:00Z',
      '2d',
      '2023-04-22T13:00:00Z',
    ],
    ['29 February becomes 28', 'UTC', '2024-02-29T10:00:00Z', '1y', '2023-02-28T10:00:00Z'],
    ['29 February stays where there is one', 'UTC', '2024-02-29T10:00:00Z', '4y', '2020-02-29T10:00:00Z'],
    ['the eve of a leap day waits for it', 'UTC', '2024-02-28T23:00:00Z', '1y', '2023-02-28T00:00:00Z'],
    ['28 February of other years is as any day', 'UTC', '2025-02-28T23:00:00Z', '1y', '2024-02-28T23:00:00Z'],
    ['1 March is not 29 February', 'UTC', '2025-03-01T01:00:00Z', '1y', '2024-03-01T01:00:00Z'],
    ['a leap day is a day', 'UTC', '2024-03-01T00:00:00Z', '1d', '2024-02-29T00:00:00Z'],
  ])('%s (%s, %s - %s)', (_, zone, from, reach, expected) => {
    expect(back(zone, from, reach)).toBe(expected);
  });

  test('longer than the calendar reaches everything', () => {
    for (const reach of ['9000y', '200000w', '99999999d', '999999y']) {
      expect(zoneClock('Europe/Berlin').back(Date.parse('2026-01-01T00:00:00Z'), parseDuration(reach)!)).toBe(
        Number.NEGATIVE_INFINITY,
      );
    }
  });

  test('a zone that does not exist throws', () => {
    expect(() => zoneClock('Europe/Atlantis')).toThrow(RangeError);
  });

  const oddMoments: [string, string][] = [
    ['Europe/Berlin', '2026-10-25T01:00:00Z'],
    ['Europe/Berlin', '2026-04-28T01:00:00Z'],
    ['Europe/Berlin', '2024-02-29T00:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
    ['America/Sao_Paulo', '2018-02-18T02:00:00Z'],
    ['America/St_Johns', '2010-11-07T02:31:00Z'],
    ['Antarctica/Casey', '2010-03-04T15:00:00Z'],
    ['Pacific/Apia', '2011-12-31T10:00:00Z'],
    ['Africa/Casablanca', '2023-03-19T02:00:00Z'],
  ];
  test.each(oddMoments)(
    'never moves back while time goes on, and agrees with the naive one: %s around %s',
    (zone, moment) => {
      const pick = random(moment.length + zone.length);
      for (const text of ['1d', '30d', '1w', '1y', '365d', '4y', '36h']) {
        const reach = parseDuration(text)!;
        let highest = Number.NEGATIVE_INFINITY;
        for (let step = -36 * 4; step <= 36 * 4; step++) {
          const from = Date.parse(moment) + step * 900_000 + 1000 * (step % 7);
          const end = zoneClock(zone).back(from, reach);
          expect(end, `${text} from ${new Date(from).toISOString()}`).toBeGreaterThanOrEqual(highest);
          highest = end;
          if (pick.chance(0.1))
            expect(end, `${text} from ${new Date(from).toISOString()}`).toBe(naiveBack(zone, from, reach));
        }
      }
    },
  );
});

describe('periods', () => {
  test.each<[string, Tier, string, string]>([
    ['Europe/Berlin', 'hourly', '2026-10-25T00:30:00Z', '2026-10-25T02+02:00'],
    ['Europe/Berlin', 'hourly', '2026-10-25T01:30:00Z', '2026-10-25T02+01:00'],
    ['UTC', 'hourly', '2026-10-25T01:30:00Z', '2026-10-25T01Z'],
    ['Asia/Kathmandu', 'hourly', '2026-01-01T00:10:00Z', '2026-01-01T05+05:45'],
    ['Asia/Kathmandu', 'daily', '2025-12-31T18:14:59Z', '2025-12-31'],
    ['Asia/Kathmandu', 'daily', '2025-12-31T18:15:00Z', '2026-01-01'],
    ['America/Sao_Paulo', 'daily', '2018-11-04T02:59:59Z', '2018-11-03'],
    ['America/Sao_Paulo', 'daily', '2018-11-04T03:00:00Z', '2018-11-04'],
    ['America/Sao_Paulo', 'daily', '2018-02-18T02:30:00Z', '2018-02-17'],
    ['Pacific/Apia', 'daily', '2011-12-30T09:59:59Z', '2011-12-29'],
    ['Pacific/Apia', 'daily', '2011-12-30T10:00:00Z', '2011-12-31'],
    ['Pacific/Apia', 'yearly', '2011-12-31T10:00:00Z', '2012'],
    ['Africa/Casablanca', 'hourly', '2023-03-19T01:30:00Z', '2023-03-19T02+01:00'],
    ['Africa/Casablanca', 'hourly', '2023-03-19T02:30:00Z', '2023-03-19T02Z'],
    ['UTC', 'weekly', '2020-12-31T00:00:00Z', '2020-W53'],
    ['UTC', 'weekly', '2021-01-03T23:59:59Z', '2020-W53'],
    ['UTC', 'weekly', '2021-01-04T00:00:00Z', '2021-W01'],
    ['UTC', 'weekly', '2024-12-30T00:00:00Z', '2025-W01'],
    ['UTC', 'weekly', '2026-11-20T00:00:00Z', '2026-W47'],
    ['UTC', 'monthly', '2024-02-29T23:59:59Z', '2024-02'],
    ['UTC', 'quarterly', '2026-03-31T23:59:59Z', '2026-Q1'],
    ['UTC', 'quarterly', '2026-10-01T00:00:00Z', '2026-Q4'],
    ['Europe/Berlin', 'yearly', '2025-12-31T23:00:00Z', '2026'],
  ])('%s, %s: %s is in %s', (zone, tier, time, expected) => {
    expect(name(zone, tier, time)).toBe(expected);
  });

  test('a week may start on Sunday', () => {
    expect(name('UTC', 'weekly', '2026-11-21T23:59:59Z', 'sunday')).toBe('from 2026-11-15');
    expect(name('UTC', 'weekly', '2026-11-22T00:00:00Z', 'sunday')).toBe('from 2026-11-22');
    const saturday = number('UTC', 'weekly', '2026-11-21T12:00:00Z', 'sunday');
    expect(number('UTC', 'weekly', '2026-11-22T12:00:00Z', 'sunday')).toBe(saturday + 1);
    expect(number('UTC', 'weekly', '2026-11-21T12:00:00Z')).toBe(number('UTC', 'weekly', '2026-11-22T12:00:00Z'));
  });

  test('half an hour that Lord Howe repeats is an hour of its own', () => {
    const passes = ['2026-04-04T14:10:00Z', '2026-04-04T14:40:00Z', '2026-04-04T15:10:00Z', '2026-04-04T15:40:00Z'];
    const [before, first, second, after] = passes.map((time) => number('Australia/Lord_Howe', 'hourly', time));
    expect(before).toBe(first);
    expect(second).toBeGreaterThan(first!);
    expect(after).toBeGreaterThan(second!);
  });

  test('a jump in the middle of an hour leaves two hours, although they would have begun together', () => {
    const [before, after] = ['2010-03-14T03:30:30Z', '2010-03-14T03:31:00Z'];
    expect(name('America/St_Johns', 'hourly', before!)).toBe('2010-03-14T00-03:30');
    expect(name('America/St_Johns', 'hourly', after!)).toBe('2010-03-14T01-02:30');
    expect(number('America/St_Johns', 'hourly', before!)).not.toBe(number('America/St_Johns', 'hourly', after!));
  });
});

test('the same wall clock later', () => {
  const ahead = (from: string, length: string) =>
    new Date(zoneClock('Europe/Berlin').ahead(Date.parse(from), parseDuration(length)!)).toISOString();
  expect(ahead('2026-03-28T12:00:00Z', '1d')).toBe('2026-03-29T11:00:00.000Z');
  expect(ahead('2026-03-28T12:00:00Z', '24h')).toBe('2026-03-29T12:00:00.000Z');
  expect(ahead('2024-02-29T12:00:00Z', '1y')).toBe('2025-02-28T12:00:00.000Z');
});
