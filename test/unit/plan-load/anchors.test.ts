import { describe, expect, test } from 'vitest';
import { load, spot } from './helpers.ts';

describe('anchors and aliases', () => {
  test('an alias is the value of its anchor, placed where that is written', async () => {
    const loaded = await load('a: &x { b: [1, 2] }\nc: *x\nd: &x other\ne: *x\n');
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toEqual({ a: { b: [1, 2] }, c: { b: [1, 2] }, d: 'other', e: 'other' });
    expect(spot(loaded, '/c/b/1')).toBe('1:16+1');
    expect(spot(loaded, '/c', true)).toBe('2:1+1');
    expect(spot(loaded, '/e')).toBe('3:7+5');
  });

  test('values behind aliases are separate objects, so that a validator may fill in one of them', async () => {
    const value = (await load('a: &x { b: [1] }\nc: *x\n')).value as Record<string, { b: number[] }>;
    value.c!.b.push(2);
    expect(value.a).toEqual({ b: [1] });
  });

  test('an alias without an anchor above it', async () => {
    expect(
      (await load('a: &standard 1\nb: *standrad\nc: *.sql\nd: *late\ne: &late 1\n')).printed,
    ).toBe(`plan.yaml:2:4 error yaml: no anchor &standrad stands above this alias
  2 | b: *standrad
    |    ^~~~~~~~~
  expected: quotes around a text that begins with *
  did you mean "standard"?

plan.yaml:3:4 error yaml: no anchor &.sql stands above this alias
  3 | c: *.sql
    |    ^~~~~
  expected: quotes around a text that begins with *

plan.yaml:4:4 error yaml: no anchor &late stands above this alias
  4 | d: *late
    |    ^~~~~
  expected: quotes around a text that begins with *

3 errors
`);
  });

  test('anchors that refer to themselves', async () => {
    expect(
      (await load('a: &a [1, *a]\nb: &b { <<: *b }\nc: &c { d: &d { e: *c, f: *d } }\n')).printed,
    ).toBe(`plan.yaml:1:11 error yaml: the anchor &a refers to itself
  1 | a: &a [1, *a]
    |           ^~

plan.yaml:2:13 error yaml: the anchor &b refers to itself
  2 | b: &b { <<: *b }
    |             ^~

plan.yaml:3:20 error yaml: the anchor &c refers to itself
  3 | c: &c { d: &d { e: *c, f: *d } }
    |                    ^~

plan.yaml:3:27 error yaml: the anchor &d refers to itself
  3 | c: &c { d: &d { e: *c, f: *d } }
    |                           ^~

4 errors
`);
  });

  test('a whole plan that refers to itself', async () => {
    expect((await load('--- &a\nb: *a\n')).diagnostics.map(({ message }) => message)).toEqual([
      'the anchor &a refers to itself',
    ]);
  });
});

describe('merge keys', () => {
  const text = `base: &base { keep: 1, change: 2 }
more: &more { change: 3, extra: 4 }
one:
  <<: *base
  change: 5
before: { change: 6, <<: *base }
list: { <<: [*base, *more], last: 7 }
inline: { <<: { a: 1 } }
quoted: { "<<": 1 }
`;

  test('keys that are written win, then earlier maps; a quoted << is a plain key', async () => {
    const loaded = await load(text);
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toMatchObject({
      one: { keep: 1, change: 5 },
      before: { change: 6, keep: 1 },
      list: { keep: 1, change: 2, extra: 4, last: 7 },
      inline: { a: 1 },
      quoted: { '<<': 1 },
    });
  });

  test('a merged value and its key are placed where they are written', async () => {
    const loaded = await load(text);
    expect(spot(loaded, '/one/keep')).toBe('1:21+1');
    expect(spot(loaded, '/one/keep', true)).toBe('1:15+4');
    expect(spot(loaded, '/one/change')).toBe('5:11+1');
    expect(spot(loaded, '/list/extra')).toBe('2:33+1');
  });

  test('what cannot be merged', async () => {
    expect(
      (await load('a: { <<: 3 }\nb: &b { c: 1 }\nd: { <<: [*b, x] }\ne:\n  <<: *b\n  <<: *b\n')).printed,
    ).toBe(`plan.yaml:1:10 error yaml: << merges maps, and this is the number 3
  1 | a: { <<: 3 }
    |          ^

plan.yaml:3:15 error yaml: << merges maps, and this is text
  3 | d: { <<: [*b, x] }
    |               ^

plan.yaml:6:3 error yaml: the key "<<" stands twice: already at line 5, column 3
  6 |   <<: *b
    |   ^~

3 errors
`);
  });

  test('a key after << may replace a merged one once, not twice', async () => {
    const { diagnostics, value } = await load('b: &b { c: 1 }\nd:\n  <<: *b\n  c: 2\n  c: 3\n');
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'the key "c" stands twice: already at line 4, column 3',
    ]);
    expect(value).toMatchObject({ d: { c: 2 } });
  });
});
