// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the plan language has the same syntax
import { describe, expect, test } from 'vitest';
import { interpolate } from '../../../src/plan/interpolate.ts';
import { load, spot } from './helpers.ts';

const environment = { HOST: 'db.internal', EMPTY: '', PORT: '5433', DOLLAR: '${HOST}', UNSET: undefined };
const room = 1024;

describe('interpolate', () => {
  test.each([
    ['plain', 'plain', false],
    ['${HOST}', 'db.internal', true],
    ['pg://${HOST}:${PORT}/x', 'pg://db.internal:5433/x', true],
    ['${EMPTY}', '', true],
    ['${EMPTY:-default}', 'default', true],
    ['${EMPTY-default}', '', true],
    ['${UNSET:-default}', 'default', true],
    ['${UNSET-default}', 'default', true],
    ['${UNSET:-}', '', true],
    ['${UNSET-}', '', true],
    ['${HOST:-default}', 'db.internal', true],
    ['${HOST:?is needed}', 'db.internal', true],
    ['${EMPTY?is needed}', '', true],
    ['${UNSET:-a b:c-d?e{"f"}', 'a b:c-d?e{"f"', true],
    ['${UNSET:-${HOST}:1}', 'db.internal:1', true],
    ['${UNSET:-${ALSO:-${PORT}}}}', '5433}', true],
    ['${HOST:-${UNSET}}', 'db.internal', true],
    ['${UNSET:-$$5}', '$5', true],
    ['$$', '$', false],
    ['$$$$', '$$', false],
    ['$${HOST}', '${HOST}', false],
    ['$$${HOST}', '$db.internal', true],
    // What a variable holds is never read again.
    ['${DOLLAR}', '${HOST}', true],
    ['}{', '}{', false],
  ])('%j', (text, value, substituted) => {
    expect(interpolate(text, environment, room)).toEqual({ value, substituted, faults: [] });
  });

  const forms = '${NAME}, ${NAME:-default} or ${NAME:?message}';
  test.each([
    [
      'a ${UNSET} b',
      2,
      8,
      'the variable UNSET is not set',
      'a value in the environment, or a default: ${UNSET:-default}',
    ],
    ['${NEVER}', 0, 8, 'the variable NEVER is not set', 'a value in the environment, or a default: ${NEVER:-default}'],
    ['${UNSET:?say where}', 0, 19, 'the variable UNSET is not set: say where'],
    ['${UNSET?say where}', 0, 18, 'the variable UNSET is not set: say where'],
    ['${EMPTY:?say where}', 0, 19, 'the variable EMPTY is empty: say where'],
    ['${UNSET:?}', 0, 10, 'the variable UNSET is not set'],
    ['${UNSET:?see $$5}', 0, 17, 'the variable UNSET is not set: see $5'],
    [
      '${UNSET:-${NEVER}}',
      9,
      8,
      'the variable NEVER is not set',
      'a value in the environment, or a default: ${NEVER:-default}',
    ],
    [
      '${constructor}',
      0,
      14,
      'the variable constructor is not set',
      'a value in the environment, or a default: ${constructor:-default}',
    ],
    ['a ${HOST', 2, 6, 'a ${ is not closed', 'a }'],
    ['${', 0, 2, 'a ${ is not closed', 'a }'],
    ['${HOST\nb', 0, 6, 'a ${ is not closed', 'a }'],
    ['${UNSET:-${HOST}', 0, 16, 'a ${ is not closed', 'a }'],
    ['${UNSET:-${HOST', 9, 6, 'a ${ is not closed', 'a }'],
    ['${}', 0, 3, '"" is no name of a variable', forms],
    ['${1A}', 0, 5, '"1A" is no name of a variable', forms],
    ['${ HOST }', 0, 9, '" HOST " is no name of a variable', forms],
    ['${MY.HOST}', 0, 10, '"MY.HOST" is no name of a variable', forms],
    ['${HOST:+x}', 0, 10, '":+x" cannot follow the name of a variable', forms],
    ['${HOST:x}', 0, 9, '":x" cannot follow the name of a variable', forms],
    ['${HOST=x}', 0, 9, '"=x" cannot follow the name of a variable', forms],
    ['$HOST', 0, 5, 'a dollar sign stands alone', '${HOST} for the variable, $$ for a dollar sign'],
    ['a$(date)', 1, 1, 'a dollar sign stands alone', '$$ for a dollar sign'],
    ['^a$', 2, 1, 'a dollar sign stands alone', '$$ for a dollar sign'],
  ])('%j is a fault', (text, index, length, message, expected?: string) => {
    const { faults } = interpolate(text, environment, room);
    expect(faults).toEqual([{ index, length, message, ...(expected && { expected }) }]);
  });

  test('all faults of a text', () => {
    const { faults } = interpolate('${A} $B ${2} ${HOST} ${C:-${D}}', environment, room);
    expect(faults.map(({ index }) => index).sort((a, b) => a - b)).toEqual([0, 5, 8, 26]);
  });

  test('defaults inside each other are bounded, however many there are', () => {
    const nested = (depth: number) => `${'${A:-'.repeat(depth)}x${'}'.repeat(depth)}`;
    expect(interpolate(nested(8), environment, room)).toEqual({ value: 'x', substituted: true, faults: [] });
    const { faults } = interpolate(nested(100_000), environment, room);
    expect(faults).toEqual([{ index: 40, length: 2, message: 'defaults stand more than 8 deep inside each other' }]);
    expect(interpolate('${A:-'.repeat(100_000), environment, room).faults.map(({ message }) => message)).toEqual([
      'defaults stand more than 8 deep inside each other',
      'a ${ is not closed',
    ]);
  });

  test('a short text cannot grow without bound', () => {
    const { value, faults } = interpolate('${BIG}'.repeat(1000), { BIG: 'x'.repeat(10_000) }, 50_000);
    expect(value.length).toBeLessThan(100_000);
    expect(faults).toEqual([
      { index: 0, length: 6000, message: 'with its variables this plan grows larger than 1 MiB' },
    ]);
  });
});

describe('variables in a plan', () => {
  test('every text, however it is written, and never a key', async () => {
    const loaded = await load(
      'plain: ${HOST}\nquoted: "${PORT:-1}"\nlist: [a, "${HOST}"]\n${HOST}: x\nblock: |\n  at ${HOST}\nprice: $$5\nnumber: 7\n',
      environment,
    );
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toEqual({
      plain: 'db.internal',
      quoted: '5433',
      list: ['a', 'db.internal'],
      '${HOST}': 'x',
      block: 'at db.internal\n',
      price: '$5',
      number: 7,
    });
    expect([...loaded.interpolated]).toEqual(['/plain', '/quoted', '/list/1', '/block']);
  });

  test('pointers of texts are escaped', async () => {
    expect([...(await load('a/b~c: ${HOST}\n', environment)).interpolated]).toEqual(['/a~1b~0c']);
  });

  test('the environment of the process is never read', async () => {
    expect((await load('a: ${PATH}\n')).diagnostics[0]?.message).toBe('the variable PATH is not set');
  });

  test('each fault is marked where it stands, in every style of text', async () => {
    const text = `plain: at \${A} and
  \${B}
double: "tab\\t \${C}, $$, \${D"
single: 'it''s \${E}'
literal: |
  first $$
    second \${F}
folded: >-
  one
  two \${G:?is needed}
escaped: "\\x24{H}"
list: ["\${I}"]
`;
    const loaded = await load(text);
    expect(loaded.printed).toBe(
      `plan.yaml:1:11 error interpolation: the variable A is not set
  1 | plain: at \${A} and
    |           ^~~~
  expected: a value in the environment, or a default: \${A:-default}

plan.yaml:2:3 error interpolation: the variable B is not set
  2 |   \${B}
    |   ^~~~
  expected: a value in the environment, or a default: \${B:-default}

plan.yaml:3:16 error interpolation: the variable C is not set
  3 | double: "tab\\t \${C}, $$, \${D"
    |                ^~~~
  expected: a value in the environment, or a default: \${C:-default}

plan.yaml:3:26 error interpolation: a \${ is not closed
  3 | double: "tab\\t \${C}, $$, \${D"
    |                          ^~~
  expected: a }

plan.yaml:4:16 error interpolation: the variable E is not set
  4 | single: 'it''s \${E}'
    |                ^~~~
  expected: a value in the environment, or a default: \${E:-default}

plan.yaml:7:12 error interpolation: the variable F is not set
  7 |     second \${F}
    |            ^~~~
  expected: a value in the environment, or a default: \${F:-default}

plan.yaml:10:7 error interpolation: the variable G is not set: is needed
  10 |   two \${G:?is needed}
     |       ^~~~~~~~~~~~~~~
  
plan.yaml:11:10 error interpolation: the variable H is not set
  11 | escaped: "\\x24{H}"
     |          ^~~~~~~~~
  expected: a value in the environment, or a default: \${H:-default}

plan.yaml:12:9 error interpolation: the variable I is not set
  12 | list: ["\${I}"]
     |         ^~~~
  expected: a value in the environment, or a default: \${I:-default}

9 errors
`.replace('\n  \n', '\n\n'),
    );
    expect(loaded.value).toMatchObject({ single: "it's ${E}", list: ['${I}'] });
  });

  test('a text behind an alias is replaced at each use, its fault told once a use', async () => {
    const loaded = await load('a: &x ${HOST}\nb: *x\n', environment);
    expect(loaded.value).toEqual({ a: 'db.internal', b: 'db.internal' });
    expect([...loaded.interpolated]).toEqual(['/a', '/b']);
    expect(spot(loaded, '/b')).toBe('1:7+7');
  });

  test('no more than twenty faults of one text are told', async () => {
    const text = `a: ${Array.from({ length: 1000 }, (_, index) => `\${A${index}}`).join('')}\nb: \${B}\n`;
    expect((await load(text)).diagnostics.length).toBe(21);
  });

  test('all texts together cannot grow without bound', async () => {
    const text = Array.from({ length: 100 }, (_, index) => `k${index}: \${BIG}\n`).join('');
    const { diagnostics } = await load(text, { BIG: 'x'.repeat(100_000) });
    expect(diagnostics[0]).toMatchObject({
      message: 'with its variables this plan grows larger than 1 MiB',
      place: { line: 11, column: 6 },
    });
  });
});
