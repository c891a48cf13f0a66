// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the plan language has the same syntax
import { describe, expect, test } from 'vitest';
import { load } from './helpers.ts';

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

describe('hostile plans get one located sentence', () => {
  const deep = 'maps and lists stand more than 100 deep inside each other';
  const deepPlans: [name: string, text: string, at: string][] = [
    ['lists in brackets', `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}\n`, '1:104'],
    ['maps in braces', `a: ${'{a: '.repeat(10_000)}1${'}'.repeat(10_000)}\n`, '1:401'],
    ['brackets that are never closed', `a: ${'['.repeat(10_000)}`, '1:104'],
    ['dashes', `a:\n  ${'- '.repeat(10_000)}x\n`, '2:202'],
    ['question marks', `${'? '.repeat(10_000)}x\n`, '1:202'],
    ['indented maps', lines(1000, (index) => `${' '.repeat(index)}a:\n`), '101:103'],
    ['indented lists', lines(1000, (index) => `${' '.repeat(index)}-\n`), '101:102'],
  ];
  // A second deep document in one process is what ends Node, uncatchably, when `yaml` is left to itself.
  describe.each([1, 2])('deep, time %i', () => {
    test.each(deepPlans)('%s', async (_, text, at) => {
      const { diagnostics, value } = await load(text);
      expect(value).toBeUndefined();
      expect(diagnostics).toMatchObject([{ rule: 'yaml', message: deep }]);
      expect(`${diagnostics[0]!.place!.line}:${diagnostics[0]!.place!.column}`).toBe(at);
    });
  });

  test('depth 100 is read, depth 101 is not', async () => {
    const lists = (depth: number) => `a: ${'['.repeat(depth)}${']'.repeat(depth)}\n`;
    const maps = (depth: number) => lines(depth, (index) => `${' '.repeat(index)}a:\n`);
    expect((await load(lists(99))).diagnostics).toEqual([]);
    expect((await load(lists(100))).diagnostics).toMatchObject([{ message: deep }]);
    expect((await load(maps(100))).diagnostics).toEqual([]);
    expect((await load(maps(101))).diagnostics).toMatchObject([{ message: deep }]);
  });

  test('40,000 keys', async () => {
    expect(
      (await load(lines(40_000, (index) => `key${index}: 1\n`))).printed,
    ).toBe(`plan.yaml:20001:9 error yaml: this plan has more than 20000 entries
  20001 | key20000: 1
        |         ^

1 error
`);
    const inBraces = await load(`a: {${lines(40_000, (index) => `key${index}: 1, `)}}\n`);
    expect(inBraces.diagnostics).toMatchObject([{ message: 'this plan has more than 20000 entries' }]);
    const items = await load(`a:\n${lines(40_000, () => '- x\n')}`);
    expect(items.diagnostics).toMatchObject([{ message: 'this plan has more than 20000 entries' }]);
  });

  test('20,000 keys are read, each of them once', async () => {
    const { value, diagnostics } = await load(lines(20_000, (index) => `key${index}: 1\n`));
    expect(diagnostics).toEqual([]);
    expect(Object.keys(value as object).length).toBe(20_000);
  });

  test('20,000 times the same key', async () => {
    const { diagnostics } = await load(lines(20_000, () => 'a: 1\n'));
    expect(diagnostics.length).toBe(19_999);
  });

  test('colons and dashes inside texts are no entries', async () => {
    const { diagnostics } = await load(`a: "${': - , '.repeat(30_000)}"\nb: |\n${lines(30_000, () => '  - x: y\n')}`);
    expect(diagnostics).toEqual([]);
  });

  test('100,000 aliases', async () => {
    expect((await load(`a: &a 1\nb: [${'*a,'.repeat(100_000)}]\n`)).diagnostics).toMatchObject([
      { rule: 'yaml', message: 'this plan uses more than 1000 aliases', place: { line: 2, column: 3005, length: 2 } },
    ]);
    expect((await load(`a: &a 1\nb: [${'*a,'.repeat(1000)}]\n`)).diagnostics).toEqual([]);
  });

  test('aliases that multiply', async () => {
    const level = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(', ')}]\n`;
    const text = `${level('a', '1')}${level('b', '*a')}${level('c', '*b')}${level('d', '*c')}${level('e', '*d')}${level('f', '*e')}`;
    expect(
      (await load(text)).printed,
    ).toBe(`plan.yaml:5:7 error yaml: with its aliases written out this plan has more than 20000 entries
  5 | e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
    |       ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~

1 error
`);
  });

  test('merge keys that multiply', async () => {
    const many = `a: &a\n${lines(300, (index) => `  k${index}: 1\n`)}`;
    const { diagnostics } = await load(`${many}${lines(900, (index) => `m${index}: { <<: *a }\n`)}`);
    expect(diagnostics).toMatchObject([
      { message: 'with its aliases written out this plan has more than 20000 entries', place: { line: 1 } },
    ]);
  });

  test('aliases that deepen', async () => {
    const text = `a0: &a0 [1]\n${lines(200, (index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`)}`;
    expect((await load(text)).diagnostics).toMatchObject([
      {
        message: 'with its aliases written out this plan is more than 100 maps and lists deep',
        place: { line: 101, column: 13 },
      },
    ]);
  });

  test('a megabyte of one mark', async () => {
    for (const mark of ['}', '"', ',', '|\n', '---\n']) {
      const { diagnostics } = await load(`a: ${mark.repeat(Math.floor((1024 * 1024 - 3) / mark.length))}`);
      expect(diagnostics.length, mark).toBeGreaterThan(0);
      expect(diagnostics.length, mark).toBeLessThan(11);
    }
    expect(
      (await load(`a: ${'\n'.repeat(300_000)}`)).printed,
    ).toBe(`plan.yaml:249997:1 error yaml: this plan has more than 250000 words and marks

1 error
`);
  });

  test('a megabyte of variables', async () => {
    for (const variable of ['${A}', '$A', '${', '${A:-', '}', '$$'])
      expect(
        (await load(`a: "${variable.repeat(Math.floor(1_000_000 / variable.length))}"\n`)).diagnostics.length,
      ).toBeLessThan(22);
  });

  test('a key of a megabyte is printed cut', async () => {
    const key = 'k'.repeat(400_000);
    const { printed } = await load(`? ${key}\n: 1\n? ${key}\n: 2\n`);
    expect(printed.length).toBeLessThan(1000);
    expect(printed).toMatch(/^plan\.yaml:3:3 error yaml: the key "k+…\n {2}3 \| \? k+…\n/);
  });
});
