import { CronExpressionParser } from 'cron-parser';
import { describe, expect, it } from 'vitest';
import { longestGap, parseCron } from '../../../src/plan/cron.ts';
import { validators } from '../../../src/plan/generated/validators.js';

const hour = 3600;
const day = 24 * hour;

/** Hours between two runs at most: by the calendar, and when clocks change. */
function gap(cron: string, timezone = 'UTC'): [number, number] | null {
  const found = longestGap(parseCron(cron)!, timezone);
  return found && [found.usual / hour, found.worst() / hour];
}

describe('the longest time between two runs', () => {
  it.each<[string, string, [number, number] | null]>([
    ['0 2 * * *', 'UTC', [24, 24]],
    ['0 2 * * *', 'Europe/Berlin', [24, 25]],
    ['0 2,8,14,20 * * *', 'Europe/Berlin', [6, 7]],
    ['*/15 * * * *', 'UTC', [0.25, 0.25]],
    ['0 0 1 * *', 'UTC', [31 * 24, 31 * 24]],
    ['0 0 31 * *', 'UTC', [61 * 24, 61 * 24]],
    ['0 0 29 2 *', 'UTC', [1461 * 24, 1461 * 24]],
    ['0 3 * * 1-5', 'UTC', [72, 72]],
    ['0 3 * * 0', 'America/New_York', [168, 169]],
    ['30 1 * * *', 'Australia/Lord_Howe', [24, 24.5]],
    ['0 12 1,15 * 1', 'UTC', [168, 168]],
    ['0 0 30 2 *', 'UTC', null],
  ])('%s in %s', (cron, timezone, expected) => {
    expect(gap(cron, timezone)).toEqual(expected);
  });

  it('a range that runs backwards is none', () => {
    expect(parseCron('50-10 2 * * *')).toBeNull();
    expect(parseCron('0 0 * DEC-JAN *')).toBeNull();
  });
});

describe('what an expression means is what the program that waits for it understands', () => {
  const fields: string[][] = [
    ['0', '*/7', '5,35', '10-50/20', '59'],
    ['*', '0', '2,14', '*/5', '8-18'],
    ['*', '1', '31', '*/2', '10-20/3', '1,15'],
    ['*', '2', 'JAN,JUL', '*/4', '6-9'],
    ['*', '0', '7', 'MON-FRI', '1,3', '5-6'],
  ];
  // A fixed walk through the combinations: every value of every field with changing others.
  const expressions = Array.from({ length: 150 }, (_, index) =>
    fields
      .map((choices, field) => choices[(index * (field * 2 + 1) + (index >> (field + 1))) % choices.length]!)
      .join(' '),
  );

  it.each([...new Set(expressions)])('%s', (expression) => {
    const cron = parseCron(expression)!;
    const ours = cron.days.list.flatMap((midnight) => cron.minutes.map((minute) => midnight + minute * 60_000));
    const from = Date.UTC(2024, 0, 1) - 1;
    const parse = () => CronExpressionParser.parse(expression, { currentDate: new Date(from), tz: 'UTC' });
    if (ours.length === 0) {
      expect(parse).toThrow('Invalid explicit day of month');
      return;
    }
    const theirs = parse();
    const wanted = ours.slice(0, 40);
    const found = wanted.map(() => theirs.next().getTime());
    expect(found.map((time) => new Date(time))).toEqual(wanted.map((time) => new Date(time)));
  });

  it.each([
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '* * * *',
    '@daily',
    '*/0 * * * *',
    '0 0 L * *',
    '* * * * * *',
  ])('%s is refused by the schema', (expression) => {
    expect(validators.cron(expression)).toBe(false);
  });

  it('lets through only what it understands', () => {
    for (const expression of expressions) expect(validators.cron(expression)).toBe(true);
    expect(gap('0 0 * * 7')).toEqual([7 * 24, (7 * day) / hour]);
  });
});
