/** What was found with real servers, and can be told without one. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../src/kind.ts';
import { privilegeProblems } from '../../src/sources/mysql/privileges.ts';
import type { MysqlSpec } from '../../src/sources/mysql/spec.ts';
import { databases } from '../../src/sources/postgres/databases.ts';
import { part } from '../../src/sources/postgres/parts.ts';
import { scratch } from '../../src/sources/redis/dump.ts';

describe('databases that the user of a MySQL source does not see', () => {
  const problems = (database: MysqlSpec['database'], grants: string[]) => {
    const data = {
      ...{ flavour: 'mariadb', account: 'clerk@%', current: '', encrypted: false, variables: {}, databases: [] },
      grants: grants.map((grant) => `GRANT ${grant} TO \`clerk\`@\`%\``),
    };
    const facts = { programs: {}, survey: { version: '10.11.0', data } } as unknown as Facts;
    return privilegeProblems({ type: 'mariadb', database, routines: false } as MysqlSpec, [], facts).join();
  };

  it('would be missing in a backup of all, or of a pattern, without a word', () => {
    const missing = /does not see databases .* GRANT SHOW DATABASES ON \*\.\*/;
    expect(problems('all', ['ALL PRIVILEGES ON `shop`.*'])).toMatch(missing);
    expect(problems({ matching: ['shop_*', '*_eu'] }, ['ALL PRIVILEGES ON `shop\\_%`.*'])).toMatch(missing);
  });

  it('cannot be there where the privileges are as wide as what is asked for', () => {
    expect(problems('all', ['SELECT ON *.*'])).toBe('');
    expect(problems('all', ['SHOW DATABASES ON *.*', 'SELECT ON `shop`.*'])).toBe('');
    expect(problems({ matching: ['shop_*'] }, ['SELECT ON `shop\\_%`.*'])).toBe('');
    expect(problems(['shop'], ['SELECT ON `shop`.*'])).toBe('');
  });
});

describe('the database of a PostgreSQL server that one connects to for the others', () => {
  const facts = { programs: {} } as unknown as Facts;
  const swapped = (spec: Parameters<typeof part>[0], target: string) =>
    databases.swap!(spec, { beside: 'new', target, aside: 'old' }, facts)[0]!.env!.PGDATABASE;

  it('changes its name from another', () => {
    expect(swapped({ type: 'postgres', database: 'postgres' }, 'postgres')).toBe('template1');
    expect(swapped({ type: 'postgres', database: 'orders' }, 'orders')).toBe('postgres');
    expect(swapped({ type: 'postgres', 'maintenance-database': 'admin', database: 'admin' }, 'admin')).toBe(
      'template1',
    );
  });

  it('is left by everything that is restored together with it', () => {
    const orders = { name: 'orders', purpose: 'data' as const };
    expect(swapped(part({ type: 'postgres', database: 'all' }, orders), 'orders')).toBe('template1');
    expect(swapped(part({ type: 'postgres', database: ['orders', 'postgres'] }, orders), 'orders')).toBe('template1');
    expect(swapped(part({ type: 'postgres', database: ['orders', 'shop'] }, orders), 'orders')).toBe('postgres');
    expect(
      swapped(part({ type: 'postgres', database: { matching: ['*'], except: ['post*'] } }, orders), 'orders'),
    ).toBe('postgres');
  });

  it('is no template: those are refused as targets', () => {
    const text = (name: string) =>
      JSON.stringify(databases.look({ type: 'postgres', database: 'orders' }, name, facts));
    expect(text('template1')).toContain('cannot be replaced');
    expect(text('orders')).not.toContain('cannot be replaced');
  });
});

describe('a throw-away Redis', () => {
  it('names no address that a plan may name', () => {
    const made = scratch({ type: 'redis', host: '127.0.0.1' }, { programs: {} } as unknown as Facts);
    expect(JSON.stringify(made)).not.toContain('127.0.0.1');
  });
});
