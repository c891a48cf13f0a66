import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { sqlite } from '../../src/sources/sqlite/index.ts';
import { describeSource } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { has } from '../helpers/programs.ts';
import { dump, makeShop } from './sqlite-data.ts';
import { temporary } from './temporary.ts';

const oddName = `-it's a "shop" $HOME; ü\\x.db`;

function makeCase(mode: string, without: string[] = []) {
  const directory = temporary();
  const path = makeShop(join(directory, oddName), mode);
  const empty = join(directory, 'empty.db');
  writeFileSync(empty, '');
  return {
    kind: sqlite,
    spec: { type: 'sqlite' as const, path },
    missing: { type: 'sqlite' as const, path: join(directory, 'none.db') },
    empty: { type: 'sqlite' as const, path: empty },
    without,
    fingerprint: (place: string | null) => dump(place ?? path),
    manualResult: 'restored.sqlite',
    elsewhere: makeShop(join(directory, 'aside.db'), mode, 7),
    query: {
      sql: '-- how many\nselect count(*) from customers',
      answer: '500',
      harmful: ['delete from customers', 'select 1; delete from customers', 'drop table orders', '.shell touch pwned'],
    },
  };
}

const program = describe.skipIf(!has('sqlite3'));
program('with sqlite3, WAL', () => describeSource('sqlite', () => makeCase('wal')));
program('with sqlite3, rollback journal', () => describeSource('sqlite', () => makeCase('delete')));
describe('without sqlite3, WAL', () => describeSource('sqlite', () => makeCase('wal', ['sqlite3'])));
describe('without sqlite3, rollback journal', () => describeSource('sqlite', () => makeCase('delete', ['sqlite3'])));

const ways: [string, string[]][] = [
  ...(has('sqlite3') ? [['sqlite3', []] as [string, string[]]] : []),
  ['libsql', ['sqlite3']],
];

describe.each(ways)('by %s', (_way, without) => {
  const start = () => Machine.start({ programs: ['sqlite3'], without });

  it('copies one moment of a database that never stands still', async () => {
    const path = makeShop(join(temporary(), 'busy.db'), 'wal', 20_000);
    const writer = spawn(process.execPath, [fileURLToPath(new URL('./sqlite-writer.mjs', import.meta.url)), path]);
    const done = new Promise<string>((resolve) => {
      let text = '';
      writer.stdout.on('data', (chunk) => {
        text += chunk;
      });
      writer.once('close', () => resolve(text));
    });
    await new Promise((resolve) => writer.stdout.once('data', resolve));
    const machine = await start();
    for (let round = 0; round < 5; round += 1) {
      const task = machine.task();
      const plan = sqlite.capture({ type: 'sqlite', path }, machine.facts);
      const { bytes } = await task.capture(plan);
      await task.take(sqlite.content({ type: 'sqlite', path }, machine.facts), bytes);
      const copy = new Database(join(task.work, 'content.sqlite'));
      // The writer moves money between two tables in one transaction, so their sum never changes.
      expect(copy.prepare('select (select sum(n) from a) + (select sum(n) from b)').raw().get()).toEqual([0]);
      copy.close();
    }
    writer.stdin.end();
    const { transactions, errors } = JSON.parse((await done).trim().split('\n').at(-1)!);
    expect(errors).toBe(0);
    expect(transactions).toBeGreaterThan(0);
    machine.end();
  });

  it('keeps the journal mode and the version of the application', async () => {
    const path = makeShop(join(temporary(), 'shop.db'));
    const machine = await start();
    const task = machine.task();
    const { bytes } = await task.capture(sqlite.capture({ type: 'sqlite', path }, machine.facts));
    expect(bytes.subarray(0, 16).toString()).toBe('SQLite format 3\0');
    // Bytes 18 and 19 of the header are 2 in WAL mode.
    expect([...bytes.subarray(18, 20)]).toEqual([2, 2]);
    machine.end();
  });

  it('finds a damaged page', async () => {
    const path = makeShop(join(temporary(), 'shop.db'), 'delete', 5000);
    const machine = await start();
    const { bytes } = await machine.task().capture(sqlite.capture({ type: 'sqlite', path }, machine.facts));
    bytes.fill(0xa5, 8192, 8192 + 4096);
    const check = machine.task().take(sqlite.content({ type: 'sqlite', path }, machine.facts), bytes);
    await expect(check).rejects.toThrow();
    machine.end();
  });

  it('runs no command and writes no file for the sql of a plan', async () => {
    const directory = temporary();
    const path = makeShop(join(directory, 'shop.db'));
    const machine = await start();
    const before = readdirSync(directory).filter((name) => !/-(wal|shm)$/.test(name));
    const file = join(directory, 'written');
    for (const sql of [
      `.shell touch ${file}`,
      `.output ${file}`,
      `vacuum into '${file}'`,
      `attach '${file}' as other`,
      `select writefile('${file}', 'x')`,
      `--cmd`,
    ]) {
      await machine
        .task()
        .run(sqlite.ask!({ type: 'sqlite', path }, { sql }, null, machine.facts))
        .catch(() => {});
      expect(existsSync(file), sql).toBe(false);
    }
    expect(readdirSync(directory).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before);
    machine.end();
  });

  it('prints one row a line, whole numbers as they are', async () => {
    const path = makeShop(join(temporary(), 'shop.db'));
    const machine = await start();
    const ask = (sql: string) =>
      machine.task().run(sqlite.ask!({ type: 'sqlite', path }, { sql }, null, machine.facts));
    expect(await ask('select id, name from customers order by id limit 2')).toBe('1|Größe 1\n2|Größe 2\n');
    expect(await ask("select 9007199254740993, null, 'x', 1.5")).toBe('9007199254740993||x|1.5\n');
    expect((await ask('pragma integrity_check')).trim()).toBe('ok');
    machine.end();
  });
});

describe('sqlite', () => {
  it('wants a file that begins like a database', () => {
    expect(sqlite.requirements({ type: 'sqlite', path: '/srv/shop.db' }, { programs: {} })).toMatchObject([
      { need: 'path', path: '/srv/shop.db', what: 'file', header: 'SQLite format 3\0', notEmpty: true },
    ]);
  });

  it('uses the safe mode of the program where it has one', () => {
    const facts = (version: string) => ({ programs: { sqlite3: { path: '/usr/bin/sqlite3', version } } });
    const argv = (version: string) =>
      sqlite.ask!({ type: 'sqlite', path: '/x' }, { sql: 'select 1' }, null, facts(version)).argv;
    expect(argv('3.40.1 2022-12-28')).toContain('-safe');
    expect(argv('3.34.1 2021-01-20')).not.toContain('-safe');
  });
});
