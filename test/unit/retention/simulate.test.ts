import { describe, expect, test } from 'vitest';
import { ExitCode } from '../../../src/diagnostic.ts';
import { pruneBlocked } from '../../../src/retention/guard.ts';
import type { RetentionPolicy } from '../../../src/retention/policy.ts';
import { explainTimes, parseTime, simulate } from '../../../src/retention/simulate.ts';
import { parseDuration } from '../../../src/units.ts';

const duration = (text: string) => parseDuration(text)!;

const standard: RetentionPolicy = {
  within: duration('7d'),
  tiers: { daily: { reach: duration('30d') }, weekly: { reach: duration('1y') }, monthly: { reach: duration('7y') } },
  tags: [],
  floor: 1,
  weekStarts: 'monday',
};

describe('simulate', () => {
  test('the shelf after 400 days of nightly runs', async () => {
    const start = new Date('2025-01-01T00:00:00Z');
    const { runs, rows, counts } = await simulate(standard, 'Europe/Berlin', '0 2 * * *', duration('400d'), start);
    expect(runs).toBe(400);
    expect(counts).toEqual({ monthly: 14, weekly: 52, daily: 30, recent: 0 });
    expect(rows[0]).toEqual({
      time: new Date('2025-01-01T01:00:00Z'),
      tiers: ['monthly'],
      reasons: ['monthly 2025-01'],
    });
    expect(rows.at(-1)!.time).toEqual(new Date('2026-02-04T01:00:00Z'));
    expect(rows.at(-1)!.reasons).toEqual(['daily 2026-02-04', 'within 7d', 'floor']);
  });

  test('runs at the very start count, those at the end do not', async () => {
    const start = new Date('2026-01-01T00:00:00Z');
    const rules = { ...standard, within: duration('1y') };
    const { runs, rows } = await simulate(rules, 'UTC', '0 */6 * * *', duration('1d'), start);
    expect(runs).toBe(4);
    expect(rows.map(({ time }) => time.getUTCHours())).toEqual([0, 6, 12, 18]);
  });

  test('every run prunes: a promoted one stays that pruning once would have deleted', async () => {
    const tiers = { daily: { reach: duration('30d') }, weekly: { reach: duration('5w') } };
    const rules: RetentionPolicy = { tiers, tags: [], floor: 1, weekStarts: 'monday' };
    const start = new Date('2026-06-01T00:00:00Z');
    const { rows } = await simulate(rules, 'UTC', '0 2 * * *', duration('39d'), start);
    expect(rows.map(({ time }) => time.toISOString())).toContain('2026-06-07T02:00:00.000Z');
  });

  test('a schedule without end is refused', async () => {
    const endless = simulate(standard, 'UTC', '* * * * *', duration('1y'), new Date('2026-01-01T00:00:00Z'));
    await expect(endless).rejects.toMatchObject({
      exitCode: ExitCode.usage,
      message: expect.stringContaining('more than 100000 times'),
    });
  });
});

describe('explainTimes', () => {
  test('answers each line as it was written, in its order', () => {
    const lines = ['2026-11-20T14:00:00+01:00\r', '', '2026-11-20t02:00:00z', '  2026-11-20 23:30:00Z'];
    const rules: RetentionPolicy = { tiers: { daily: { count: 1 } }, tags: [], floor: 1, weekStarts: 'monday' };
    expect(explainTimes(rules, 'UTC', lines)).toEqual([
      { time: '2026-11-20T14:00:00+01:00', keep: false, reasons: ['not the first of its day'] },
      { time: '2026-11-20t02:00:00z', keep: true, reasons: ['daily 2026-11-20'] },
      { time: '2026-11-20 23:30:00Z', keep: true, reasons: ['floor'] },
    ]);
  });

  test('equal times are ordered as their lines are', () => {
    const same = Array.from({ length: 12 }, () => '2026-11-20T02:00:00Z');
    const rules: RetentionPolicy = { tiers: { daily: { count: 1 } }, tags: [], floor: 1, weekStarts: 'monday' };
    const kept = explainTimes(rules, 'UTC', same).map(({ keep }) => keep);
    expect(kept).toEqual([true, ...Array.from({ length: 10 }, () => false), true]);
  });

  test('names the line that is no time', () => {
    const lines = ['2026-11-20T02:00:00Z', '', 'yesterday'];
    expect(() => explainTimes(standard, 'UTC', lines, 'times.txt')).toThrow(
      'times.txt:3: "yesterday" is no RFC 3339 time such as 2026-11-20T02:00:00Z.',
    );
  });

  test.each([
    '2026-02-30T00:00:00Z',
    '2026-11-20',
    '2026-11-20T02:00:00',
    '2026-11-20T02:00Z',
    '2026-11-20T24:00:00Z',
    '2026-11-20T02:00:60Z',
    '2026-13-01T02:00:00Z',
    '2026-11-20T02:00:00+24:00',
    '2026-11-20T02:00:00+0100',
    '20261120T020000Z',
    '1700000000',
  ])('%s is no time', (text) => {
    expect(parseTime(text)).toBeNull();
  });

  test('takes fractions and offsets', () => {
    expect(parseTime('2026-11-20T02:00:00.123456789-03:30')).toEqual(new Date('2026-11-20T05:30:00.123Z'));
    expect(parseTime('2026-11-20T02:00:00.5Z')).toEqual(new Date('2026-11-20T02:00:00.500Z'));
    expect(parseTime('2024-02-29T00:00:00Z')).toEqual(new Date('2024-02-29T00:00:00Z'));
  });
});

describe('a clock that cannot be trusted stops the prune', () => {
  const now = new Date('2026-11-20T12:00:00Z');
  const item = (text: string) => ({ id: `shop-${text}`, time: new Date(text) });
  const minutes = (value: number) => new Date(now.getTime() + value * 60_000);

  test('the newest in the future, wherever it stands in the listing', () => {
    const shelf = [item('2026-11-21T12:00:00Z'), item('2026-11-19T12:00:00Z')];
    expect(pruneBlocked(shelf, now)).toMatch(/^the newest backup, shop-2026-11-21T12:00:00Z, lies 1d in the future/);
  });

  test('five minutes are allowed', () => {
    expect(pruneBlocked([item('2026-11-20T12:05:00Z')], now)).toBeNull();
    expect(pruneBlocked([item('2026-11-20T12:05:01Z')], now)).not.toBeNull();
    expect(pruneBlocked([], now, minutes(5))).toBeNull();
    expect(pruneBlocked([], now, minutes(-5))).toBeNull();
    expect(pruneBlocked([], now)).toBeNull();
  });

  test('the clock of the destination tells', () => {
    expect(pruneBlocked([item('2026-11-20T11:00:00Z')], now, minutes(6))).toMatch(/6m behind the destination's/);
    expect(pruneBlocked([item('2026-11-20T11:00:00Z')], now, minutes(-90))).toMatch(
      /1h 30m ahead of the destination's/,
    );
  });
});
