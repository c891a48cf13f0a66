// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the plan language has the same syntax
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPlan } from '../../../src/plan/load.ts';
import { printDiagnostics } from '../../../src/plan/print.ts';
import { load, shorten, spot, temporaryDirectory } from './helpers.ts';

const merged = async (base: string, plan: string) =>
  load({ 'plan.yaml': `extends: base.yaml\n${plan}`, 'base.yaml': base });

describe('a plan laid over its base', () => {
  test('maps merge by name to any depth, plain values and lists are replaced, and `extends` is gone', async () => {
    const { value, diagnostics } = await merged(
      `version: 1
name: base
objectives: { rpo: 25h, rto: 1h }
sources:
  orders: { type: postgres, host: old, tls: { mode: require, ca: a.pem } }
  files: { type: files, paths: [a, b] }
`,
      `name: shop
objectives: { rpo: 6h }
sources:
  orders: { host: new, tls: { mode: verify } }
  files: { paths: [c] }
  extra: { type: sqlite, path: x.db }
`,
    );
    expect(diagnostics).toEqual([]);
    expect(value).toEqual({
      version: 1,
      name: 'shop',
      objectives: { rpo: '6h', rto: '1h' },
      sources: {
        orders: { type: 'postgres', host: 'new', tls: { mode: 'verify', ca: 'a.pem' } },
        files: { type: 'files', paths: ['c'] },
        extra: { type: 'sqlite', path: 'x.db' },
      },
    });
  });

  test('retention merges by policy, each policy is replaced whole', async () => {
    const { value } = await merged(
      'retention:\n  standard: { daily: 7, weekly: 4 }\n  long: { yearly: 7 }\n',
      'retention:\n  standard: { daily: 30 }\n',
    );
    expect(value).toEqual({ retention: { standard: { daily: 30 }, long: { yearly: 7 } } });
  });

  test('a secret is one reference and is replaced whole', async () => {
    const { value } = await merged(
      'secrets: { a: { file: /x, optional: true }, b: { env: B } }\n',
      'secrets: { a: { env: A } }\n',
    );
    expect(value).toEqual({ secrets: { a: { env: 'A' }, b: { env: 'B' } } });
  });

  test('retention, verify, schedule and hooks of a backup, of defaults and of the plan are replaced whole', async () => {
    const says =
      '{ retention: { main: a }, hooks: { before: [1] }, verify: [x], schedule: "1", restore: { to: /a, options: { owner: true } } }';
    const { value } = await merged(
      `hooks: { before: [1], after: [2] }\ndefaults: ${says}\nbackups:\n  orders: ${says}\n`,
      'hooks: { after: [3] }\ndefaults: { retention: { nas: b } }\nbackups:\n  orders: { hooks: { after: [3] }, retention: { nas: b }, restore: { options: { privileges: false } } }\n',
    );
    expect(value).toEqual({
      hooks: { after: [3] },
      defaults: {
        retention: { nas: 'b' },
        hooks: { before: [1] },
        verify: ['x'],
        schedule: '1',
        restore: { to: '/a', options: { owner: true } },
      },
      backups: {
        orders: {
          retention: { nas: 'b' },
          hooks: { after: [3] },
          verify: ['x'],
          schedule: '1',
          restore: { to: '/a', options: { owner: true, privileges: false } },
        },
      },
    });
  });

  test('a backup may be called hooks, a source run-in: names are no keys', async () => {
    const { value } = await merged(
      'backups: { hooks: { source: a, require: 1 } }\nsources: { run-in: { type: files, base: / } }\ndefaults: { expect: { schedule: { a: 1 } } }\n',
      'backups: { hooks: { require: 2 } }\nsources: { run-in: { base: /x } }\ndefaults: { expect: { schedule: { b: 2 } } }\n',
    );
    expect(value).toEqual({
      backups: { hooks: { source: 'a', require: 2 } },
      sources: { 'run-in': { type: 'files', base: '/x' } },
      defaults: { expect: { schedule: { a: 1, b: 2 } } },
    });
  });

  test('another type, and another place to run in, keep nothing of the base', async () => {
    const { value } = await merged(
      'sources: { a: { type: postgres, host: x, run-in: { docker: pg } }, b: { type: postgres, run-in: { ssh: h } } }\nbackups: { c: { source: { type: files, paths: [a] } } }\n',
      'sources: { a: { type: sqlite, path: y }, b: { run-in: { docker: pg } } }\nbackups: { c: { source: { type: sqlite, path: z } } }\n',
    );
    expect(value).toEqual({
      sources: { a: { type: 'sqlite', path: 'y' }, b: { type: 'postgres', 'run-in': { docker: 'pg' } } },
      backups: { c: { source: { type: 'sqlite', path: 'z' } } },
    });
  });

  test('a map replaces a text, and a text a map', async () => {
    const { value } = await merged(
      'backups: { a: { source: x }, b: { source: { type: files } } }\n',
      'backups: { a: { source: { type: files } }, b: { source: x } }\n',
    );
    expect(value).toEqual({ backups: { a: { source: { type: 'files' } }, b: { source: 'x' } } });
  });

  test('null removes a name, and only one that is there', async () => {
    const { value, printed } = await merged(
      'backups: { old: { source: a }, new: { source: b, schedule: "1" } }\nsigning: { public: x }\n',
      'backups:\n  old: null\n  new: { schedule: ~, tags: ~ }\n  odl: null\nsigning: null\n',
    );
    expect(value).toEqual({ backups: { new: { source: 'b' } } });
    expect(printed).toBe(`plan.yaml:4:23 error extends: the base has no "tags" here that null could remove
  4 |   new: { schedule: ~, tags: ~ }
    |                       ^~~~

plan.yaml:5:3 error extends: the base has no "odl" here that null could remove
  5 |   odl: null
    |   ^~~
  did you mean "old"?

2 errors
`);
  });

  test('a null in what the plan itself adds, or in a plan without a base, stays for the validator', async () => {
    expect((await merged('name: a\n', 'backups: { x: { schedule: null } }\n')).value).toEqual({
      name: 'a',
      backups: { x: { schedule: null } },
    });
    expect((await load('backups: null\n')).value).toEqual({ backups: null });
  });
});

describe('places and paths', () => {
  test('each value and key has the place and the file in which it is written', async () => {
    const loaded = await merged(
      'sources:\n  orders:\n    host: old\n    key: keys/a\n',
      'sources:\n  orders: { host: new }\n',
    );
    expect(spot(loaded, '/sources/orders/host')).toBe('3:19+3');
    expect(spot(loaded, '/sources/orders/key')).toBe('base.yaml:4:10+6');
    expect(loaded.place('/sources/orders/key').file).toBe(join(loaded.directory, 'base.yaml'));
    expect(spot(loaded, '/sources/orders', true)).toBe('3:3+6');
    expect(loaded.file).toBe(join(loaded.directory, 'plan.yaml'));
  });

  test('a base is found relative to the file that names it, and a chain is merged from its end', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'shared/deep'), { recursive: true });
    writeFileSync(join(directory, 'plan.yaml'), 'extends: shared/middle.yaml\na: 1\n');
    writeFileSync(join(directory, 'shared/middle.yaml'), 'extends: ./deep/base.yaml\na: 2\nb: 2\nd: null\n');
    writeFileSync(join(directory, 'shared/deep/base.yaml'), 'a: 3\nb: 3\nc: 3\nd: 3\n');
    const loaded = await loadPlan(join(directory, 'plan.yaml'), { environment: {} });
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.value).toEqual({ a: 1, b: 2, c: 3 });
    expect(dirname(loaded.place('/c').file)).toBe(join(directory, 'shared/deep'));
  });

  test('the path of a base may hold variables, and ~ is the home directory', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'base.yaml'), 'a: 1\n');
    const byVariable = await load('extends: ${BASES}/base.yaml\n', { BASES: directory });
    expect(byVariable.value).toEqual({ a: 1 });
    expect((await load('extends: ~/base.yaml\n', { HOME: directory })).value).toEqual({ a: 1 });
  });

  test('anchors end with their file', async () => {
    const { diagnostics } = await merged('a: &x 1\n', 'b: *x\n');
    expect(diagnostics.map(({ message }) => message)).toEqual(['no anchor &x stands above this alias']);
  });
});

describe('mistakes', () => {
  test('variables of a value that was replaced or removed are not asked for; others are, in every file', async () => {
    const { printed } = await merged('a: ${GONE}\nb: ${GONE}\nc: ${MISSING}\n', 'a: 1\nb: null\nd: ${TOO}\n');
    expect(printed).toBe(`base.yaml:3:4 error interpolation: the variable MISSING is not set
  3 | c: \${MISSING}
    |    ^~~~~~~~~~
  expected: a value in the environment, or a default: \${MISSING:-default}

plan.yaml:4:4 error interpolation: the variable TOO is not set
  4 | d: \${TOO}
    |    ^~~~~~
  expected: a value in the environment, or a default: \${TOO:-default}

2 errors
`);
  });

  test('a base that is not there', async () => {
    const { printed, value, directory } = await load('extends: bse.yaml\n');
    expect(value).toBeUndefined();
    expect(printed).toBe(`plan.yaml:1:10 error file: there is no file ${shorten(`${directory}/bse.yaml`, directory)}
  1 | extends: bse.yaml
    |          ^~~~~~~~

1 error
`);
  });

  test('a base that is no YAML is told in its own place', async () => {
    const { printed, value } = await merged('a: "x\n', 'b: 1\n');
    expect(value).toBeUndefined();
    expect(printed).toBe(`base.yaml:1:4 error yaml: a text is not closed
  1 | a: "x
    |    ^
  expected: a closing "

1 error
`);
  });

  test.each(['', '~', '3', '[a.yaml]', '{ file: a.yaml }', '""'])('extends: %s names no file', async (written) => {
    const { diagnostics, value } = await load(`extends: ${written}\n`);
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      { rule: 'extends', message: 'extends names no file', expected: 'the path of one base plan', place: { line: 1 } },
    ]);
  });

  test('a variable in it that is not set', async () => {
    expect((await load('extends: ${BASES}/a.yaml\n')).diagnostics).toMatchObject([
      { rule: 'extends', message: 'the variable BASES is not set', place: { line: 1, column: 10 } },
    ]);
  });

  test('a circle, also by way of a link', async () => {
    const own = await load('extends: ./plan.yaml\n');
    expect(own.printed).toBe(`plan.yaml:1:10 error extends: this goes in a circle: plan.yaml extends plan.yaml
  1 | extends: ./plan.yaml
    |          ^~~~~~~~~~~

1 error
`);
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'a.yaml'), 'extends: b.yaml\n');
    writeFileSync(join(directory, 'b.yaml'), 'extends: c.yaml\n');
    writeFileSync(join(directory, 'c.yaml'), 'extends: link.yaml\n');
    symlinkSync('b.yaml', join(directory, 'link.yaml'));
    const loaded = await loadPlan(join(directory, 'a.yaml'), { environment: {} });
    expect(
      shorten(printDiagnostics(loaded.diagnostics), directory),
    ).toBe(`c.yaml:1:10 error extends: this goes in a circle: b.yaml extends c.yaml extends b.yaml
  1 | extends: link.yaml
    |          ^~~~~~~~~

1 error
`);
  });

  test('a chain of ten files is the longest', async () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, index) => [
          `${index}.yaml`,
          index === length - 1 ? 'a: 1\n' : `extends: ${index + 1}.yaml\n`,
        ]),
      );
    // Object keys that look like numbers would be sorted; these do not.
    expect((await load(chain(10))).value).toEqual({ a: 1 });
    expect((await load(chain(11))).diagnostics).toMatchObject([
      { rule: 'extends', message: 'more than 10 plans extend each other' },
    ]);
  });
});
