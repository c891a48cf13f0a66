// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the plan language has the same syntax
import { describe, expect, test } from 'vitest';
import { load } from './helpers.ts';

describe('what YAML 1.2 makes of a value', () => {
  const values: [written: string, read: unknown][] = [
    ['y', 'y'],
    ['n', 'n'],
    ['yes', 'yes'],
    ['no', 'no'],
    ['on', 'on'],
    ['off', 'off'],
    ['true', true],
    ['False', false],
    ['~', null],
    ['null', null],
    ['', null],
    ['"null"', 'null'],
    // The validator gets the number and says that file modes are written in quotes.
    ['0600', 600],
    ['"0600"', '0600'],
    ['0o600', 384],
    ['0x1F', 31],
    ['-7', -7],
    ['1e3', 1000],
    ['2.5', 2.5],
    ['1_000', '1_000'],
    ['12:30:45', '12:30:45'],
    ['2024-01-15', '2024-01-15'],
    ['2024-01-15T10:00:00Z', '2024-01-15T10:00:00Z'],
    ['7d', '7d'],
    ['1.2.3', '1.2.3'],
    ['"a\\tb"', 'a\tb'],
    ["'it''s'", "it's"],
    ['|\n  one\n  two\n', 'one\ntwo\n'],
    ['>-\n  one\n  two\n', 'one two'],
    ['[a, [b], {c: d}]', ['a', ['b'], { c: 'd' }]],
    ['{a, b: }', { a: null, b: null }],
  ];
  test.each(values)('%j', async (written, read) => {
    const loaded = await load(`value: ${written}\n`);
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toEqual({ value: read });
  });

  test('keys such as y, no and on, and dates, are texts', async () => {
    const loaded = await load('y: 1\nno: 2\non: 3\n2024-01-15: 4\n"0600": 5\n');
    expect(loaded.diagnostics).toEqual([]);
    expect(Object.keys(loaded.value as object)).toEqual(['y', 'no', 'on', '2024-01-15', '0600']);
  });

  test.each(['.inf', '-.inf', '.nan', '1e999', '9007199254740993', '12345678901234567890'])(
    '%s is no number that a plan can hold',
    async (written) => {
      expect((await load(`value: ${written}\n`)).printed).toBe(
        `plan.yaml:1:8 error yaml: this number cannot be held exactly
  1 | value: ${written}
    |        ^${'~'.repeat(written.length - 1)}
  expected: a smaller number, or a text in quotes

1 error
`,
      );
    },
  );

  test('a byte order mark, CRLF and %YAML 1.2 change nothing, not even places', async () => {
    const loaded = await load('\uFEFF%YAML 1.2\r\n---\r\nname: shop\r\nlist:\r\n  - a\r\n  - "b\r\n    c"\r\n');
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toEqual({ name: 'shop', list: ['a', 'b c'] });
    expect(loaded.place('/name')).toMatchObject({ line: 3, column: 7, length: 4, text: 'name: shop' });
    const first = await load('\uFEFFname: [\r\n');
    expect(first.diagnostics[0]!.place).toMatchObject({ line: 1, column: 7 });
    expect((await load('\uFEFFname: shop\r\n')).place('/name', true)).toMatchObject({ line: 1, column: 1, length: 4 });
  });

  test('a tab between a key and its value is fine', async () => {
    expect((await load('name:\tshop\t# the shop\n')).value).toEqual({ name: 'shop' });
  });
});

describe('what is no YAML is told in one sentence, at its place', () => {
  const mistakes: [text: string, at: string, message: string, expected?: string][] = [
    ['a:\n\tb: 1\n', '2:1', 'a tab cannot indent a line in YAML', 'spaces'],
    ['a: x\n\tb: y\n', '2:1', 'a tab cannot indent a line in YAML', 'spaces'],
    ['a:\n  b: 1\n c: 2\n', '3:2', 'this line is not indented like the keys beside it'],
    ['a:\n  - 1\n - 2\n', '3:2', 'this list item is not indented like the ones beside it'],
    [
      'a: b: c\n',
      '1:4',
      'a second `key:` stands where one value is expected',
      'quotes around a text with `: `, or a key on a line of its own',
    ],
    ['a: 1\nfoo\nb: 2\n', '2:1', 'this line has no `key:`', 'a key, a colon and a space'],
    ['a: 1\nfoo\n', '2:1', 'this line has no `key:`', 'a key, a colon and a space'],
    ['x: 1\na: "x\nb: 1\n', '2:4', 'a text is not closed', 'a closing "'],
    ["a: 'x\n", '1:4', 'a text is not closed', "a closing '"],
    ['a: {b: 1\nc: 2\n', '1:4', 'a { is not closed, or what it holds is not indented', 'a }'],
    ['a: [b\nc: 2\n', '1:4', 'a [ is not closed, or what it holds is not indented', 'a ]'],
    ['[a', '1:1', 'a [ is not closed', 'a ]'],
    ['a: [1 2, "b" c]\n', '1:14', 'two values stand side by side', 'a comma between them'],
    ['a: [1,,2]\n', '1:7', 'a comma stands where a value is expected', 'a value'],
    ['{a: 1}}\n', '1:7', 'a bracket is closed that was not opened'],
    ['a: - b\n', '1:4', 'a list cannot begin on the line of its key', 'the first `- ` on the next line'],
    ['a: "x" y\n', '1:8', 'this does not belong here', 'the end of the value before it'],
    ['a: "x"#c\n', '1:7', 'a comment needs a space before its #'],
    ['a: @b\n', '1:4', 'a text cannot begin with this character', 'quotes around the text'],
    ['a: `b`\n', '1:4', 'a text cannot begin with this character', 'quotes around the text'],
    ['a: %b\n', '1:4', 'a text cannot begin with this character', 'quotes around the text'],
    [
      'a: "\\q"\n',
      '1:5',
      'a backslash in "…" begins an escape, and this is none',
      "'…' for a text with backslashes, or \\\\",
    ],
    ['a: &x &y 1\n', '1:7', 'a value has two anchors'],
    ['a: &x 1\nb: &y *x\n', '2:7', 'an alias cannot have an anchor of its own'],
    ['a: *\n', '1:4', 'a * or & names nothing', 'quotes around a text that begins so'],
    ['a: !!binary aGk=\n', '1:4', 'a plan has no tags', 'quotes around a text that begins with !'],
    ['a: !reset\n', '1:4', 'a plan has no tags', 'quotes around a text that begins with !'],
    ['%YAML 1.2\na: 1\n', '2:1', 'a directive stands before a line `---` and a plan', 'a line ---'],
    ['a: |\n     \n   x\nb: 1\n', '3:4', 'a blank line before this text is indented more than the text'],
    ['a: |\n  x\n\t y\n', '3:1', 'a line of this text is indented less than its first'],
    ['%YAML 1.1\n---\na: yes\n', '1:1', 'a plan has no directives but `%YAML 1.2`'],
    [
      'a: 1\n---\nb: 2\n',
      '2:1',
      'a second YAML document begins here',
      'one plan a file; `extends` shares parts between plans',
    ],
    [
      'a: 1\n...\nb: 2\n',
      '3:1',
      'a second YAML document begins here',
      'one plan a file; `extends` shares parts between plans',
    ],
    [
      'a: 1\n---\n',
      '2:1',
      'a second YAML document begins here',
      'one plan a file; `extends` shares parts between plans',
    ],
    ['a: { b: ${C} }\n', '1:10', 'this does not belong here', 'quotes around a value with ${…} inside { } or [ ]'],
    ['a: [ ${C}, d ]\n', '1:7', 'two values stand side by side', 'quotes around a value with ${…} inside { } or [ ]'],
  ];
  test.each(mistakes)('%j', async (text, at, message, expected) => {
    const { diagnostics, value } = await load(text);
    const [first] = diagnostics;
    expect({
      at: `${first?.place?.line}:${first?.place?.column}`,
      message: first?.message,
      expected: first?.expected,
    }).toEqual({
      at,
      message,
      expected,
    });
    expect(diagnostics.map((diagnostic) => diagnostic.rule)).toEqual(diagnostics.map(() => 'yaml'));
    expect(value).toBeUndefined();
  });

  test('the marker of a tab is as wide as the tab', async () => {
    expect((await load('a:\n\tb: 1\n')).printed).toBe(`plan.yaml:2:1 error yaml: a tab cannot indent a line in YAML
  2 |     b: 1
    | ^~~~
  expected: spaces

1 error
`);
  });

  test('what follows on a line from its first mistake is not told, and no more than ten lines are', async () => {
    const { diagnostics } = await load(`${'a: "x" y z @ {\n'.repeat(3)}`);
    expect(new Set(diagnostics.map(({ place }) => place!.line)).size).toBe(diagnostics.length);
    const many = await load(Array.from({ length: 50 }, (_, index) => `k${index}: "x" y\n`).join(''));
    expect(many.diagnostics.map(({ place }) => place!.line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test.each([
    ['- a\n- b\n', 'a list', '- a'],
    ['just text\n', 'text', 'just text'],
    ['42\n', 'the number 42', '42'],
    ['version:1\n', 'text', 'version:1'],
    ['~\n', 'nothing', '~'],
  ])('%j is no plan', async (text, what, line) => {
    const { printed, value } = await load(text);
    expect(value).toBeUndefined();
    expect(printed).toBe(`plan.yaml:1:1 error yaml: a plan is a map, and this is ${what}
  1 | ${line}
    | ^${'~'.repeat(line.length - 1)}
  expected: a map of keys, which begins with \`version: 1\`

1 error
`);
  });
});

describe('keys', () => {
  test('a key that stands twice is told with both places; the first one counts', async () => {
    const { printed, value } = await load('a: 1\nb:\n  c: 1\n  "c": 2\n  c: 3\n');
    expect(printed).toBe(`plan.yaml:4:3 error yaml: the key "c" stands twice: already at line 3, column 3
  4 |   "c": 2
    |   ^~~

plan.yaml:5:3 error yaml: the key "c" stands twice: already at line 3, column 3
  5 |   c: 3
    |   ^

2 errors
`);
    expect(value).toEqual({ a: 1, b: { c: 1 } });
  });

  test('a key that is no text is told with how to write it', async () => {
    const { printed, value } = await load('1: a\ntrue: b\n~: c\n0600: d\n? [x]\n: e\n: f\nx: &x g\n? *x\n: h\n');
    expect(printed).toBe(`plan.yaml:1:1 error yaml: a key is a text, and this is the number 1
  1 | 1: a
    | ^
  expected: "1"

plan.yaml:2:1 error yaml: a key is a text, and this is the boolean true
  2 | true: b
    | ^~~~
  expected: "true"

plan.yaml:3:1 error yaml: a key is a text, and this is nothing
  3 | ~: c
    | ^
  expected: "~"

plan.yaml:4:1 error yaml: a key is a text, and this is the number 600
  4 | 0600: d
    | ^~~~
  expected: "0600"

plan.yaml:5:3 error yaml: a key is a text, and this is a list
  5 | ? [x]
    |   ^~~
  expected: a name

plan.yaml:7:1 error yaml: a key is a text, and this is nothing
  7 | : f
    | ^
  expected: a name

plan.yaml:9:3 error yaml: a key is a text, and this is an alias
  9 | ? *x
    |   ^~
  expected: a name

7 errors
`);
    expect(value).toEqual({ x: 'g' });
  });

  test('names that every object answers to are unknown keys, and no prototype is touched', async () => {
    const text = '__proto__: { polluted: 1 }\nbackups:\n  constructor: { source: a }\n  b: { "toString": 1 }\n';
    const { printed, value } = await load(text);
    expect(printed).toBe(`plan.yaml:1:1 error yaml: unknown key "__proto__"
  1 | __proto__: { polluted: 1 }
    | ^~~~~~~~~

plan.yaml:3:3 error yaml: unknown key "constructor"
  3 |   constructor: { source: a }
    |   ^~~~~~~~~~~

plan.yaml:4:8 error yaml: unknown key "toString"
  4 |   b: { "toString": 1 }
    |        ^~~~~~~~~~

3 errors
`);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(value).toEqual({ backups: { b: {} } });
    // A look-up by a name that comes from a plan finds nothing that the plan does not hold.
    expect((value as { backups: Record<string, unknown> }).backups.constructor).toBeUndefined();
  });

  test('`<<` with __proto__ in the merged map touches no prototype either', async () => {
    const { value } = await load('a: &a { "__proto__": { polluted: 1 }, b: 1 }\nc: { <<: *a }\n');
    expect(value).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
