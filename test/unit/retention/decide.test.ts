import { describe, expect, test } from 'vitest';
import { decide, type Item } from '../../../src/retention/decide.ts';
import type { RetentionPolicy, TierRule } from '../../../src/retention/policy.ts';
import { parseDuration } from '../../../src/units.ts';

const count = (value: number): TierRule => ({ count: value });
const reach = (text: string): TierRule => ({ reach: parseDuration(text)! });

function policy(parts: Partial<RetentionPolicy>): RetentionPolicy {
  return { tiers: {}, tags: [], floor: 1, weekStarts: 'monday', ...parts };
}

/** Ids are the times as written; `!` before one makes it not good. */
function items(...times: string[]): Item[] {
  return times.map((text) => {
    const id = text.replace('!', '');
    return { id, time: new Date(id), good: id === text };
  });
}

const kept = (rules: RetentionPolicy, shelf: Item[], zone = 'UTC') =>
  decide(rules, zone, shelf).keep.map(({ id }) => id);

function daily(from: string, days: number): string[] {
  return Array.from({ length: days }, (_, index) => new Date(Date.parse(from) + index * 86_400_000).toISOString());
}

describe('who represents a period', () => {
  test('the first good one, and the next when that has gone', () => {
    const day = ['2026-11-20T02:00:00Z', '2026-11-20T08:00:00Z', '2026-11-20T14:00:00Z', '2026-11-21T02:00:00Z'];
    const rules = policy({ tiers: { daily: count(2) } });
    expect(kept(rules, items(...day))).toEqual([day[0], day[3]]);
    expect(kept(rules, items(...day.slice(1)))).toEqual([day[1], day[3]]);
    expect(kept(rules, items(`!${day[0]}`, ...day.slice(1)))).toEqual([day[0], day[1], day[3]]);
  });

  test('the newest that stands for nothing stays only as the floor', () => {
    const rules = policy({ tiers: { daily: count(7) } });
    const shelf = items('2026-11-20T02:00:00Z', '2026-11-20T08:00:00Z', '2026-11-20T14:00:00Z');
    expect(decide(rules, 'UTC', shelf)).toEqual({
      keep: [
        { id: '2026-11-20T02:00:00Z', reasons: ['daily 2026-11-20'] },
        { id: '2026-11-20T14:00:00Z', reasons: ['floor'] },
      ],
      delete: [{ id: '2026-11-20T08:00:00Z', reasons: ['not the first of its day'] }],
      tiers: new Map([
        ['2026-11-20T02:00:00Z', ['daily']],
        ['2026-11-20T14:00:00Z', []],
      ]),
    });
  });

  test('the day is that of the zone', () => {
    const shelf = items('2026-11-20T10:00:00Z', '2026-11-20T23:30:00Z', '2026-11-21T12:00:00Z');
    const rules = policy({ tiers: { daily: count(9) } });
    expect(kept(rules, shelf, 'UTC')).toEqual([shelf[0]!.id, shelf[2]!.id]);
    expect(kept(rules, shelf, 'Europe/Berlin')).toEqual([shelf[0]!.id, shelf[1]!.id, shelf[2]!.id]);
  });

  test('an hour that the clock repeats counts as two', () => {
    const shelf = items('2026-10-25T00:10:00Z', '2026-10-25T00:40:00Z', '2026-10-25T01:10:00Z', '2026-10-25T01:40:00Z');
    expect(kept(policy({ tiers: { hourly: count(2) } }), shelf, 'Europe/Berlin')).toEqual([
      shelf[0]!.id,
      shelf[2]!.id,
      shelf[3]!.id,
    ]);
  });

  test('the newest day is that of the calendar, also where the clock goes back over midnight', () => {
    // St. John's at 00:01 on 7 November: 00:00:30 is shown before 23:30 of the sixth.
    const shelf = items('2010-11-07T02:30:30Z', '2010-11-07T03:00:00Z', '2010-11-07T03:10:00Z');
    const decision = decide(policy({ tiers: { daily: count(1) } }), 'America/St_Johns', shelf);
    expect(decision.keep).toEqual([
      { id: shelf[0]!.id, reasons: ['daily 2010-11-07'] },
      { id: shelf[2]!.id, reasons: ['floor'] },
    ]);
  });

  test('order is that of the times, whatever the order of the listing', () => {
    const shelf = items(...daily('2026-11-01T02:00:00Z', 20));
    const rules = policy({ last: 2, tiers: { weekly: count(2) } });
    expect(decide(rules, 'UTC', shelf.toReversed())).toEqual(decide(rules, 'UTC', shelf));
  });

  test('equal times are ordered by their ids', () => {
    const time = new Date('2026-11-20T02:00:00Z');
    const shelf = ['b', 'a', 'c'].map((id) => ({ id, time, good: true }));
    expect(kept(policy({ tiers: { daily: count(1) } }), shelf)).toEqual(['a', 'c']);
  });
});

describe('counts and reaches', () => {
  test('a count passes over periods that hold nothing', () => {
    const shelf = items('2020-01-05T00:00:00Z', '2023-06-01T00:00:00Z', '2026-11-20T00:00:00Z');
    expect(kept(policy({ tiers: { daily: count(3) } }), shelf)).toHaveLength(3);
    expect(kept(policy({ tiers: { monthly: count(2) } }), shelf)).toEqual([shelf[1]!.id, shelf[2]!.id]);
  });

  test('younger than a reach is strict: seven days hold seven', () => {
    const shelf = items(...daily('2026-11-01T02:00:00Z', 20));
    for (const rules of [{ daily: reach('7d') }, { daily: count(7) }])
      expect(kept(policy({ tiers: rules }), shelf)).toEqual(shelf.slice(13).map(({ id }) => id));
    expect(kept(policy({ within: parseDuration('7d')! }), shelf)).toHaveLength(7);
  });

  test('seven days hold seven when the clock changes in between', () => {
    const local = ['2026-10-23T00:30:00Z', '2026-10-24T00:30:00Z', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'];
    const shelf = items(...local, '2026-10-27T01:30:00Z');
    expect(kept(policy({ within: parseDuration('3d')! }), shelf, 'Europe/Berlin')).toEqual([
      local[2],
      local[3],
      '2026-10-27T01:30:00Z',
    ]);
  });

  test('a source that stopped ages nothing out: there is no clock but the newest good one', () => {
    const shelf = items('1999-01-01T00:00:00Z', '1999-01-03T00:00:00Z');
    expect(kept(policy({ within: parseDuration('7d')! }), shelf)).toHaveLength(2);
  });

  test('a representative that is too old is not replaced by a younger one of its period', () => {
    const shelf = items('2026-11-02T00:00:00Z', '2026-11-08T00:00:00Z', '2026-11-14T00:00:00Z');
    expect(kept(policy({ tiers: { weekly: reach('7d') } }), shelf)).toEqual(['2026-11-14T00:00:00Z']);
  });

  test('leap days: a year back from 29 February is 28 February', () => {
    const shelf = items('2023-02-28T09:00:00Z', '2023-02-28T11:00:00Z', '2024-02-29T10:00:00Z');
    expect(kept(policy({ within: parseDuration('1y')! }), shelf)).toEqual([shelf[1]!.id, shelf[2]!.id]);
  });

  test('week 53 is one week', () => {
    const shelf = items(...daily('2020-12-28T00:00:00Z', 8));
    expect(decide(policy({ tiers: { weekly: count(9) } }), 'UTC', shelf).keep.map(({ reasons }) => reasons)).toEqual([
      ['weekly 2020-W53'],
      ['weekly 2021-W01', 'floor'],
    ]);
  });
});

describe('what is not good', () => {
  const rules = policy({ last: 1 });

  test('stays while there is no newer good one', () => {
    const shelf = items('2026-01-01T00:00:00Z', '!2026-03-01T00:00:00Z', '!2026-09-01T00:00:00Z');
    expect(decide(rules, 'UTC', shelf).delete).toEqual([]);
    expect(decide(rules, 'UTC', items('!2026-03-01T00:00:00Z')).keep[0]!.reasons).toEqual([
      'not good: kept until there is a newer good one',
    ]);
  });

  test('stays for seven days more, then goes', () => {
    const younger = items('!2026-03-01T00:00:01Z', '2026-03-08T00:00:00Z');
    expect(decide(rules, 'UTC', younger).keep[0]).toEqual({
      id: '2026-03-01T00:00:01Z',
      reasons: ['not good: kept until a good one is 7d newer'],
    });
    const older = items('!2026-03-01T00:00:00Z', '2026-03-08T00:00:00Z');
    expect(decide(rules, 'UTC', older).delete).toEqual([
      { id: '2026-03-01T00:00:00Z', reasons: ['not good, and a good one is at least 7d newer'] },
    ]);
  });

  test('fills no slot: neither last, nor floor, nor a period; and measures no reach', () => {
    const shelf = items(
      '2026-01-01T00:00:00Z',
      '2026-01-02T00:00:00Z',
      '!2026-01-03T00:00:00Z',
      '!2027-01-01T00:00:00Z',
    );
    const both = policy({ last: 2, floor: 2, within: parseDuration('2d')!, tiers: { daily: count(2) } });
    const reasons = decide(both, 'UTC', shelf).keep.map((entry) => entry.reasons);
    expect(reasons[0]).toEqual(['daily 2026-01-01', 'within 2d', 'last 2', 'floor']);
    expect(reasons[2]).toEqual(['not good: kept until a good one is 7d newer', 'within 2d']);
  });

  test('is kept by `within` like everything younger, also after its grace', () => {
    const shelf = items('!2026-03-01T00:00:00Z', '!2026-03-02T00:00:00Z', '2026-03-31T12:00:00Z');
    const month = policy({ within: parseDuration('30d')! });
    expect(decide(month, 'UTC', shelf).keep[0]).toEqual({ id: shelf[1]!.id, reasons: ['within 30d'] });
    expect(decide(month, 'UTC', shelf).delete.map(({ id }) => id)).toEqual([shelf[0]!.id]);
  });

  test('stays when it is pinned, tagged or locked', () => {
    const [bad, good] = items('!2026-01-01T00:00:00Z', '2026-06-01T00:00:00Z') as [Item, Item];
    const tagged = policy({ tags: ['release'] });
    expect(kept(tagged, [{ ...bad, tags: ['release'] }, good])).toContain(bad.id);
    expect(kept(tagged, [{ ...bad, pinned: true }, good])).toContain(bad.id);
    expect(kept(tagged, [{ ...bad, held: 'locked until 2030' }, good])).toContain(bad.id);
    expect(kept(tagged, [{ ...bad, tags: ['other'] }, good])).not.toContain(bad.id);
  });
});

test('every reason is named', () => {
  const shelf = items('2026-01-01T00:00:00Z', ...daily('2026-11-01T00:00:00Z', 20));
  shelf[1] = { ...shelf[1]!, pinned: true, held: 'the chain of shop-7', tags: ['release', 'other'] };
  const rules = policy({
    last: 2,
    within: parseDuration('2d')!,
    tags: ['release'],
    floor: 2,
    tiers: { daily: count(3), weekly: reach('2w'), monthly: count(1), yearly: count(1) },
  });
  const decision = decide(rules, 'UTC', shelf);
  expect(decision.keep.map(({ id, reasons }) => `${id.slice(0, 10)}: ${reasons.join('; ')}`)).toEqual([
    '2026-01-01: yearly 2026',
    '2026-11-01: tag release; pinned; held: the chain of shop-7; monthly 2026-11',
    '2026-11-09: weekly 2026-W46',
    '2026-11-16: weekly 2026-W47',
    '2026-11-18: daily 2026-11-18',
    '2026-11-19: daily 2026-11-19; within 2d; last 2; floor',
    '2026-11-20: daily 2026-11-20; within 2d; last 2; floor',
  ]);
  const gone = new Map(decision.delete.map(({ id, reasons }) => [id.slice(0, 10), reasons]));
  expect(gone.get('2026-11-02')).toEqual([
    'no longer weekly: not younger than 2w',
    'no longer daily: not among the newest 3 days',
    'not the first of its month, year',
    'not younger than 2d',
    'not among the newest 2',
  ]);
  expect(decision.keep.length + decision.delete.length).toBe(shelf.length);
  expect(decision.tiers.get(shelf[0]!.id)).toEqual(['yearly']);
});

test('reasons of two backups are not one list', () => {
  const { delete: gone } = decide(policy({ last: 1 }), 'UTC', items(...daily('2026-11-01T00:00:00Z', 3)));
  gone[0]!.reasons.push('changed');
  expect(gone[1]!.reasons).toEqual(['not the newest']);
});

test('nothing stays nothing', () => {
  expect(decide(policy({ tiers: { daily: reach('7d') } }), 'UTC', [])).toEqual({
    keep: [],
    delete: [],
    tiers: new Map(),
  });
});
