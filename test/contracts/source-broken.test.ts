/** The suite must bite: each of these drivers is broken in one way, and the check that is meant to find it does. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/command.ts';
import type { SourceKind } from '../../src/kind.ts';
import { command } from '../../src/sources/command/index.ts';
import { files } from '../../src/sources/files/index.ts';
import { sqlite } from '../../src/sources/sqlite/index.ts';
import { describeTree, makeTree } from '../kinds/files-data.ts';
import { dump, makeShop } from '../kinds/sqlite-data.ts';
import { temporary } from '../kinds/temporary.ts';
import { failingSourceChecks, type SourceCase } from './source.ts';

const root = makeTree(join(temporary(), 'tree'));
const tree: SourceCase = {
  kind: files,
  spec: { type: 'files', paths: [root], base: root },
  missing: { type: 'files', paths: [join(root, 'missing')], base: root },
  fingerprint: (place) => describeTree(place ?? root),
  manualResult: 'restored',
  member: { name: './deep/er/file', bytes: 'x'.repeat(100_000) },
  elsewhere: makeTree(join(temporary(), 'aside')),
};

const directory = temporary();
const shop = makeShop(join(directory, 'shop.db'), 'delete');
const database: SourceCase = {
  kind: sqlite,
  spec: { type: 'sqlite', path: shop },
  missing: { type: 'sqlite', path: join(directory, 'none.db') },
  fingerprint: (place) => dump(place ?? shop),
  manualResult: 'restored.sqlite',
  elsewhere: makeShop(join(directory, 'aside.db'), 'delete', 7),
  query: { sql: 'select count(*) from customers', answer: '500', harmful: ["update customers set name = 'x'"] },
};

const dumped = join(directory, 'dumped');
writeFileSync(dumped, 'some data');
const secret = 'a very secret password';
const program: SourceCase = {
  kind: command,
  spec: { type: 'command', run: ['cat', dumped], environment: { PASSWORD: { secret: 'password' } } },
  missing: { type: 'command', run: ['cat', join(directory, 'none')] },
  empty: { type: 'command', run: ['true'] },
  secrets: { password: secret },
  fingerprint: (place) => readFileSync(place ?? dumped, 'utf8'),
  manualResult: 'restored.bin',
};

const shell = (script: string, ...words: string[]): Command => ({ argv: ['sh', '-c', script, 'sh', ...words] });
function breaking<Spec>(kind: SourceKind<Spec>, part: Partial<SourceKind<Spec>>): SourceKind<object> {
  const programs = (given: Spec) => [...kind.programs(given), 'sh', process.execPath];
  return { ...kind, programs, ...part } as SourceKind<object>;
}

/** Runs SQL on a database with nothing held back. */
const unprotected = `
  const database = new (require('libsql'))(process.argv[1]);
  const statement = database.prepare(process.argv[2]);
  if (statement.reader) console.log(statement.raw().all().join());
  else statement.run();
`;

let calls = 0;
const streaming = (produce: Command, rest = {}) => ({
  capture: () => ({ prepare: [], produce, cleanup: [], plain: { unknown: true } as const, ...rest }),
});

const broken: [string, SourceCase, string][] = [
  [
    'counts its calls in its arguments',
    {
      ...program,
      kind: breaking(command, { capture: () => streaming(shell(`cat "$1" # ${++calls}`, dumped)).capture() }),
    },
    'is pure',
  ],
  [
    'hands the password over as an argument',
    { ...program, kind: breaking(command, streaming(shell('cat "$1"', dumped, secret))) },
    'shows no secret',
  ],
  [
    'does not ask for the secret that it needs',
    { ...program, kind: breaking(command, { requirements: () => [] }) },
    'requires the secrets',
  ],
  [
    'archives links as what they point to',
    {
      ...tree,
      kind: breaking(
        files,
        streaming(shell('rm -f "$1/dangling"; tar -chf - -C "$1" --exclude=fifo .; ln -s nowhere "$1/dangling"', root)),
      ),
    },
    'brings the data back',
  ],
  [
    'goes on where a path is missing',
    {
      ...tree,
      kind: breaking(files, {
        capture: (given, facts) => {
          const plan = files.capture(given, facts);
          return { ...plan, produce: { ...shell('"$@"; exit 0', ...plan.produce.argv.map(String)) } };
        },
      }),
    },
    'fails where the source does not exist',
  ],
  [
    'says nothing about an empty source',
    {
      ...program,
      kind: breaking(command, {
        capture: (given, facts) => {
          const { counter: _counter, ...plan } = command.capture(given, facts);
          return { ...plan, plain: { unknown: true } };
        },
        content: () => ({ intake: { discard: true } }),
      }),
    },
    'fails where the source holds nothing',
  ],
  [
    'trusts a tar that was cut at the end of a member',
    { ...tree, kind: breaking(files, { content: () => ({ intake: { consume: shell('tar -t || true') } }) }) },
    'content finds',
  ],
  [
    'takes any file for a database',
    { ...database, kind: breaking(sqlite, { content: () => ({ intake: { file: { work: 'content' } } }) }) },
    'content finds',
  ],
  [
    'counts wrongly',
    {
      ...tree,
      kind: breaking(files, {
        capture: (given, facts) => ({ ...files.capture(given, facts), plain: { stderr: 'written: (\\d{3})' } }),
      }),
    },
    'knows the plain size',
  ],
  [
    'changes the source while it reads it',
    {
      ...database,
      kind: breaking(
        sqlite,
        streaming(
          shell(
            '"$1" -e "$2" "$3" "insert into customers (name) values (1)"; cat "$3"',
            process.execPath,
            unprotected,
            join(directory, 'shop.db'),
          ),
        ),
      ),
    },
    'leaves the source as it was',
  ],
  [
    'lets a query write',
    {
      ...database,
      kind: breaking(sqlite, {
        ask: (given, question, target) => ({
          argv: [
            process.execPath,
            '-e',
            unprotected,
            target?.path ?? given.path,
            'sql' in question ? question.sql : '',
          ],
        }),
      }),
    },
    'answers queries',
  ],
  [
    'describes another format in its manual',
    { ...tree, kind: breaking(files, { manual: () => 'mkdir restored && cpio -i' }) },
    'restores by its manual',
  ],
  [
    'stays at its old place when it is sent to another',
    { ...database, kind: breaking(sqlite, { relocate: (given) => given }) },
    'takes the same data elsewhere',
  ],
];

describe('the contract of sources', () => {
  it.each([
    ['files', tree],
    ['sqlite', database],
    ['command', program],
  ])('finds nothing wrong with %s', async (_name, given) => {
    expect(await failingSourceChecks(given)).toEqual([]);
  });

  it('is tried on eight broken drivers at least', () => {
    expect(broken.length).toBeGreaterThanOrEqual(8);
  });

  it.each(broken)('finds a driver that %s', async (_what, given, check) => {
    const failures = await failingSourceChecks(given);
    expect(failures.map((line) => line.slice(0, check.length))).toContain(check);
  });
});
