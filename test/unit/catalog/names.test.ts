import { describe, expect, it } from 'vitest';
import { clockIsBehind, compareIds, newId, parseId, stampOf, timeOfStamp } from '../../../src/catalog/identity.ts';
import { keyProblem, manifestKey, parseKey, recordKey, signatureKey } from '../../../src/catalog/keys.ts';
import { artifactKey, claimProblem, layoutProblem } from '../../../src/catalog/layout.ts';

const time = new Date('2026-11-21T02:00:00.900Z');
const id = 'orders-20261121T020000Z-abc123';

describe('identities', () => {
  it('hold backup, time in UTC and a nonce that differs', () => {
    const made = newId('my-orders', time, null);
    expect(made).toMatch(/^my-orders-20261121T020000Z-[a-z0-9]{6}$/);
    expect(parseId(made)).toMatchObject({
      backup: 'my-orders',
      time: new Date('2026-11-21T02:00:00Z'),
      stamp: '20261121T020000Z',
    });
    expect(new Set(Array.from({ length: 500 }, () => newId('a', time, null))).size).toBe(500);
  });

  it('strictly increase also when the clock went back', () => {
    expect(newId('orders', time, 'orders-20261121T020000Z-zzzzzz')).toMatch(/^orders-20261121T020001Z-/);
    expect(newId('orders', time, 'orders-20301231T235959Z-zzzzzz')).toMatch(/^orders-20310101T000000Z-/);
    expect(newId('orders', time, 'orders-20201231T235959Z-zzzzzz')).toMatch(/^orders-20261121T020000Z-/);
  });

  it('tell a clock that went back, not captures of one second', () => {
    // 02:00:00 on the clock; ids that run ahead of it because a second holds several are no reason to warn.
    expect(clockIsBehind('orders-20261121T020000Z-zzzzzz', time)).toBe(false);
    expect(clockIsBehind('orders-20261121T020002Z-zzzzzz', time)).toBe(false);
    expect(clockIsBehind('orders-20261121T020003Z-zzzzzz', time)).toBe(true);
    expect(clockIsBehind('orders-20301231T235959Z-zzzzzz', time)).toBe(true);
    expect(clockIsBehind('orders-20201231T235959Z-zzzzzz', time)).toBe(false);
  });

  it('show the base of an increment', () => {
    expect(parseId('orders-20261121T020000Z-abc123_def456')).toMatchObject({ nonce: 'abc123', base: 'def456' });
    expect(parseId(id)).not.toHaveProperty('base');
  });

  it.each([
    'orders',
    'orders-20261321T020000Z-abc123',
    'orders-20260230T020000Z-abc123',
    'orders-20261121T250000Z-abc123',
    'orders-20261121T020000-abc123',
    'orders-20261121T020000Z-ABC123',
    'Orders-20261121T020000Z-abc123',
    '../orders-20261121T020000Z-abc123',
    '-20261121T020000Z-abc123',
  ])('%s is none', (text) => {
    expect(parseId(text)).toBeNull();
  });

  it('are ordered by time, then by text', () => {
    const ids = [
      'b-20261121T020000Z-aaaaaa',
      'a-20261121T020001Z-aaaaaa',
      'a-20261121T020000Z-bbbbbb_cccccc',
      'z-20251121T020000Z-aaaaaa',
    ];
    expect(ids.toSorted(compareIds)).toEqual([ids[3], ids[2], ids[0], ids[1]]);
  });

  it('stamps and times are inverse, and only real times are stamps', () => {
    for (const day of ['20240229T235959Z', '20261231T000000Z']) expect(stampOf(timeOfStamp(day)!)).toBe(day);
    for (const no of ['20230229T000000Z', '20260001T000000Z', '2026112xT000000Z', '20261121T006000Z'])
      expect(timeOfStamp(no)).toBeNull();
  });
});

describe('keys', () => {
  it('put all of a backup below its month in UTC', () => {
    const directory = 'shop/orders/2026/11';
    expect(manifestKey('shop', id)).toBe(`${directory}/${id}.manifest.json`);
    expect(signatureKey('shop', id)).toBe(`${directory}/${id}.manifest.json.sig`);
    expect(recordKey('shop', id, 'content', 'pass', '20261121T030000Z', 'xyz')).toBe(
      `${directory}/${id}.content-pass-20261121T030000Z-xyz.json`,
    );
  });

  it('are told apart by name', () => {
    const at = (rest: string) => parseKey('shop', `shop/orders/2026/11/${id}${rest}`);
    expect(at('.manifest.json')).toEqual({ kind: 'manifest', time: parseId(id)!.time, backup: 'orders', id });
    expect(at('.manifest.json.sig').kind).toBe('signature');
    expect(at('.sqlite.zst.enc').kind).toBe('artifact');
    expect(at('.json').kind).toBe('artifact');
    expect(at('').kind).toBe('artifact');
    expect(at('.drill-fail-20261121T030000Z-x1.json')).toMatchObject({
      kind: 'record',
      finding: 'drill',
      result: 'fail',
      stamp: '20261121T030000Z',
    });
    expect(at('.quarantine-set-20261121T030000Z-x1.json').kind).toBe('opaque');
    expect(at('.manifest@2.json').kind).toBe('opaque');
    const kind = (key: string) => parseKey('shop', key).kind;
    expect(kind('shop/.runner/format.json')).toBe('runner');
    expect(kind('shop/RECOVERY.md')).toBe('recovery');
    expect(kind('shop/RECOVERY.md.sig')).toBe('recovery');
    expect(kind('shop/orders/log/1/000001.wal')).toBe('log');
    expect(kind('shop/orders/2026/11/notes.txt')).toBe('foreign');
    expect(kind('other/orders/2026/11/x')).toBe('foreign');
  });

  it('a file of a backup that lies elsewhere is foreign', () => {
    for (const place of [
      'shop/orders/2026/10',
      'shop/orders/2025/11',
      'shop/other/2026/11',
      'shop/orders/2026/11/old',
      'shop/orders',
      'shop',
    ]) {
      expect(parseKey('shop', `${place}/${id}.manifest.json`).kind).toBe('foreign');
    }
  });

  it.each(['', '/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a/.', 'a\0b', 'x'.repeat(2000)])('refuse %j', (key) => {
    expect(keyProblem(key)).not.toBeNull();
  });
});

describe('a layout', () => {
  const place = {
    plan: 'shop',
    id: 'orders-20261231T233000Z-abc123',
    extension: '.tar.zst',
    tier: 'monthly',
    timezone: 'Europe/Berlin',
  };

  it('is by default beside the manifest', () => {
    expect(artifactKey(null, place)).toBe('shop/orders/2026/12/orders-20261231T233000Z-abc123.tar.zst');
    expect(() => artifactKey(null, { ...place, extension: '.manifest.json' })).toThrow(/extension/);
    expect(() => artifactKey(null, { ...place, extension: '.content-pass-20261121T030000Z-x1.json' })).toThrow(
      /extension/,
    );
  });

  it('fills dates in the zone of the plan and the timestamp in UTC', () => {
    const layout = '{tier}/{yyyy}/{mm}/{dd}/{backup}_{timestamp}{ext}';
    expect(artifactKey(layout, place)).toBe('monthly/2027/01/01/orders_20261231T233000Z.tar.zst');
    expect(artifactKey(layout, { ...place, timezone: 'UTC', tier: null })).toBe(
      'recent/2026/12/31/orders_20261231T233000Z.tar.zst',
    );
    expect(artifactKey('{id}.{ext}', place)).toBe('orders-20261231T233000Z-abc123.tar.zst');
  });

  it.each([
    ['{year}/{id}', /unknown/],
    ['{id', /brace/],
    ['{backup}/latest{ext}', /\{id\} or \{timestamp\}/],
    ['{id}/data{ext}', /\{id\} or \{timestamp\}/],
    ['../{id}', /climbs/],
    ['/{id}', /absolute/],
    ['a//{id}', /empty part/],
  ])('%s is refused', (layout, why) => {
    expect(layoutProblem(layout)).toMatch(why);
    expect(() => artifactKey(layout, place)).toThrow(why);
  });

  it('may not put an artifact among the files of the catalogue', () => {
    expect(() => artifactKey('shop/.runner/lease/{id}', place)).toThrow(/catalogue/);
    expect(() => artifactKey('{id}.manifest.json', place)).toThrow(/catalogue/);
  });
});

describe('what a manifest may claim as its own', () => {
  it.each([`shop/orders/2026/11/${id}.tar`, `archive/${id}.tar`, 'daily/orders_20261121T020000Z.tar'])('%s', (key) => {
    expect(claimProblem('shop', id, key)).toBeNull();
  });

  it.each([
    'shop/orders/2026/11/orders-20261121T030000Z-other1.tar',
    `shop/orders/2026/11/${id}.manifest.json`,
    'shop/.runner/format.json',
    'shop/RECOVERY.md',
    '../20261121T020000Z',
    '/etc/20261121T020000Z',
    'archive/important.tar',
    'other/.runner/20261121T020000Z.json',
    'other/orders/2026/11/20261121T020000Z.manifest.json',
  ])('not %s', (key) => {
    expect(claimProblem('shop', id, key)).not.toBeNull();
  });
});
