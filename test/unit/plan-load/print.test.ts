import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Diagnostic, Place } from '../../../src/diagnostic.ts';
import { printDiagnostics, sortDiagnostics } from '../../../src/plan/print.ts';

const file = join(process.cwd(), 'plans/x.yaml');

function diagnostic(place: Partial<Place> | null, more: Partial<Diagnostic> = {}): Diagnostic {
  const whole = place && { file, line: 1, column: 1, length: 1, text: 'text', ...place };
  return { rule: 'schema', severity: 'error', message: 'wrong', ...more, ...(whole && { place: whole }) };
}

describe('printDiagnostics', () => {
  test('a finding with all that can be said', () => {
    const text = '    daly: 30d';
    const found = diagnostic(
      { line: 14, column: 5, length: 4, text },
      { message: 'unknown key "daly"', expected: 'hourly, daily or weekly', suggestion: 'daily' },
    );
    expect(printDiagnostics([found])).toBe(`plans/x.yaml:14:5 error schema: unknown key "daly"
  14 |     daly: 30d
     |     ^~~~
  expected: hourly, daily or weekly
  did you mean "daily"?

1 error
`);
  });

  test('sorted by file, line and column; counted by severity; without a place first', () => {
    const all = [
      diagnostic({ line: 2, text: '' }, { message: 'd', severity: 'advice' }),
      diagnostic({ line: 1, column: 9, text: '' }, { message: 'c', severity: 'warning' }),
      diagnostic({ line: 1, column: 2, text: '' }, { message: 'b' }),
      diagnostic({ file: join(process.cwd(), 'plans/base.yaml'), line: 7, text: '' }, { message: 'a' }),
      diagnostic(null, { message: 'there is no file x', rule: 'file' }),
    ];
    expect(printDiagnostics(all)).toBe(`error file: there is no file x

plans/base.yaml:7:1 error schema: a

plans/x.yaml:1:2 error schema: b

plans/x.yaml:1:9 warning schema: c

plans/x.yaml:2:1 advice schema: d

3 errors, 1 warning, 1 advice
`);
    expect(sortDiagnostics(all).map(({ message }) => message)).toEqual(['there is no file x', 'a', 'b', 'c', 'd']);
    expect(all[0]!.message).toBe('d');
  });

  test('nothing is nothing', () => {
    expect(printDiagnostics([])).toBe('');
  });

  test('a path outside the current directory is absolute, also when it begins alike', () => {
    const outside = `${process.cwd()}-other/x.yaml`;
    expect(printDiagnostics([diagnostic({ file: outside })])).toContain(`${outside}:1:1 error`);
    const hidden = join(process.cwd(), '..plans/x.yaml');
    expect(printDiagnostics([diagnostic({ file: hidden })])).toContain('..plans/x.yaml:1:1 error');
    expect(printDiagnostics([diagnostic({ file: hidden })])).not.toContain(process.cwd());
  });

  const marked = (place: Partial<Place>) =>
    printDiagnostics([diagnostic(place)])
      .split('\n')
      .slice(1, 3);

  test('a tab is four columns wide, in the line and above the marker', () => {
    expect(marked({ text: 'a:\tb\tc', column: 4, length: 3 })).toEqual(['  1 | a:    b    c', '    |       ^~~~~~']);
  });

  test('wide and combining characters keep the marker in its place', () => {
    expect(marked({ text: '店: x', column: 4, length: 1 })).toEqual(['  1 | 店: x', '    |     ^']);
    expect(marked({ text: 'e\u0301: 店店', column: 5, length: 2 })).toEqual(['  1 | e\u0301: 店店', '    |    ^~~~']);
    expect(marked({ text: '💾: x', column: 5, length: 1 })).toEqual(['  1 | 💾: x', '    |     ^']);
  });

  test('a long line is cut around the marker', () => {
    const text = `${'a'.repeat(200)}!!${'b'.repeat(200)}`;
    expect(marked({ text, column: 201, length: 2 })).toEqual([
      `  1 | …${'a'.repeat(40)}!!${'b'.repeat(58)}…`,
      `    | ${' '.repeat(41)}^~`,
    ]);
    expect(marked({ text, column: 3, length: 1 })).toEqual([`  1 | ${'a'.repeat(100)}…`, '    |   ^']);
    expect(marked({ text, column: 402, length: 1 })).toEqual([
      `  1 | …${'b'.repeat(100)}`,
      `    | ${' '.repeat(100)}^`,
    ]);
    expect(marked({ text, column: 1, length: 402 })).toEqual([`  1 | ${'a'.repeat(100)}…`, `    | ^${'~'.repeat(99)}`]);
  });

  test('a character that the cut halves is replaced, not broken', () => {
    const [line] = marked({ text: `${'💾'.repeat(100)}x`, column: 102, length: 1 });
    expect(line).toContain('…\uFFFD');
    expect(line).toBe(line!.replace(/\p{Surrogate}/gu, '?'));
  });

  test('a place after the end of the line', () => {
    expect(marked({ text: 'a: "x', column: 6, length: 1 })).toEqual(['  1 | a: "x', '    |      ^']);
  });

  test('a plan cannot command the terminal, and a huge message is cut', () => {
    const printed = printDiagnostics([
      diagnostic(
        { text: 'a: \u001b[31m\u009b\u202e' },
        { message: `key "\u001b[2J\n${'x'.repeat(1000)}"`, suggestion: '\u0007' },
      ),
    ]);
    expect(printed).toBe(`plans/x.yaml:1:1 error schema: key "␛[2J␊${'x'.repeat(290)}…
  1 | a: ␛[31m\uFFFD\uFFFD
    | ^
  did you mean "␇"?

1 error
`);
  });

  test('colour only when it is asked for', () => {
    const plain = printDiagnostics([diagnostic({})]);
    const colored = printDiagnostics([diagnostic({})], { color: true });
    expect(plain).not.toContain('\u001b');
    expect(colored).toContain('\u001b[31merror\u001b[39m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escapes
    expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});
