/** What `contents` sees: nothing in fifty equal copies, and by name everything that a copy can lack. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSource } from '../../src/registry.ts';
import { Machine } from '../contracts/machine.ts';
import { type Flavour, flavours, MysqlServer } from '../helpers/mysql.ts';
import { full } from '../proofs/support.ts';
import { makeShop } from './mysql-case.ts';

describe.each(flavours)('contents of %s', (flavour: Flavour) => {
  let server: MysqlServer;
  let machine: Machine;
  const kind = findSource(flavour);
  const spec = (more: object = {}) => ({
    type: flavour,
    socket: server.socket,
    user: 'root',
    database: 'shop',
    ...more,
  });
  beforeAll(async () => {
    server = await MysqlServer.start(flavour);
    machine = await Machine.start({ programs: kind.programs({}), environment: { PATH: server.path } });
    makeShop(server, 'shop', 6);
  });
  afterAll(async () => {
    machine?.end();
    await server?.stop();
  });

  const ask = async (database: string | null, contents: 'counts' | 'checksums' = 'checksums', more: object = {}) => {
    const target = database === null ? null : { path: database };
    return await machine.task().run(kind.ask!(spec(more), { contents }, target, machine.facts));
  };
  const copy = async (name: string) => {
    for (const command of [
      ...kind.databases!.drop(spec(), name, machine.facts),
      ...kind.databases!.create(spec(), name, 'shop', machine.facts),
    ])
      await machine.task().run(command);
    const { bytes } = await machine.task().capture(kind.capture(spec(), machine.facts));
    await machine.task().take(kind.restore(spec(), { path: name }, machine.facts), bytes);
  };
  /** Names of the lines in which two answers differ. */
  const differing = (one: string, other: string) => {
    const lines = (text: string) =>
      new Map(
        text
          .trim()
          .split('\n')
          .map((line) => line.split('\t') as [string, string]),
      );
    const [before, after] = [lines(one), lines(other)];
    return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
  };

  it('are sorted bytewise, one line a part, and the same for a copy', async () => {
    await copy('same');
    for (const contents of ['counts', 'checksums'] as const) {
      const answer = await ask(null, contents);
      const lines = answer.trimEnd().split('\n');
      expect(lines).toEqual([...lines].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      expect(lines).toContainEqual(
        expect.stringMatching(contents === 'counts' ? /^table orders\t6$/ : /^table orders\t6:\d+$/),
      );
      expect(await ask('same', contents)).toBe(answer);
    }
  });

  const losses: [string, string, string][] = [
    ['a table', 'DROP TABLE keyless', 'table keyless'],
    ['a row', 'DELETE FROM orders WHERE id = 1000', 'table orders'],
    ['one of two equal rows', 'DELETE FROM keyless WHERE n = 1 LIMIT 1', 'table keyless'],
    [
      'a changed value',
      "SET SESSION sql_mode = ''; UPDATE types SET bl = x'00', made = made WHERE id = 2",
      'table types',
    ],
    ['a value that became null', 'UPDATE orders SET customer = NULL WHERE id = 1000', 'table orders'],
    [
      'a time',
      "SET SESSION sql_mode = ''; UPDATE types SET ti6 = '00:00:00.000002', made = made WHERE id = 2",
      'table types',
    ],
    ['an index', 'DROP INDEX by_text ON types', 'indexes of table types'],
    ['a foreign key', 'ALTER TABLE a DROP FOREIGN KEY a_to_b', 'foreign key a_to_b'],
    [
      'a rule of a foreign key',
      'ALTER TABLE a DROP FOREIGN KEY a_to_b; ALTER TABLE a ADD CONSTRAINT a_to_b FOREIGN KEY (b_id) REFERENCES b (id)',
      'foreign key a_to_b',
    ],
    ['the next number', 'ALTER TABLE audit AUTO_INCREMENT = 5000', 'auto_increment of table audit'],
    ['a trigger', 'DROP TRIGGER noted', 'trigger noted'],
    ['a view', 'DROP VIEW a_richest', 'view a_richest'],
    ['the text of a view', 'CREATE OR REPLACE VIEW a_richest AS SELECT * FROM rich WHERE total > 11', 'view a_richest'],
    ['a procedure', 'DROP PROCEDURE pay', 'routine pay'],
    ['a function', 'DROP FUNCTION twice', 'routine twice'],
    ['an event', 'DROP EVENT nightly', 'event nightly'],
    ['a default', "ALTER TABLE types ALTER COLUMN no_default SET DEFAULT 'its'", 'columns of table types'],
    ['a partition', 'ALTER TABLE parted REMOVE PARTITIONING', 'partitions of table parted'],
    ['a collation', 'ALTER TABLE orders MODIFY customer VARCHAR(40) COLLATE latin1_bin', 'columns of table orders'],
    ...(flavour === 'mariadb'
      ? [['the number of a sequence', 'SELECT NEXTVAL(numbers)', 'sequence numbers'] as [string, string, string]]
      : []),
  ];
  it.each(losses)('show that %s is lost', async (_what, sql, line) => {
    await copy('lossy');
    server.sql(sql, 'lossy');
    expect(differing(await ask(null), await ask('lossy'))).toContain(line);
  });

  it('speak of chosen tables alone', async () => {
    const some = await ask(null, 'counts', { tables: ['orders', 'a'] });
    expect(some).toBe('table a\t1\ntable orders\t6\n');
    const others = await ask(null, 'checksums', { 'exclude-tables': ['orders', 'rich', 'a_richest'] });
    expect(others).not.toMatch(/orders|rich/);
    expect(others).toContain('table types\t3:');
  });

  it.runIf(full)('never differ where nothing is lost', { timeout: 900_000 }, async () => {
    const answer = await ask(null);
    for (let run = 0; run < 50; run += 1) {
      await copy('lossy');
      expect(await ask('lossy')).toBe(answer);
    }
  });
});
