import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../src/kind.ts';
import { type Grant, may, readGrant } from '../../../src/sources/mysql/grants.ts';
import { mysql } from '../../../src/sources/mysql/index.ts';
import { databasesOf, partsOf } from '../../../src/sources/mysql/parts.ts';
import { findProgram, findServer, readVersion } from '../../../src/sources/mysql/programs.ts';
import type { Surveyed } from '../../../src/sources/mysql/spec.ts';
import { account, grantScope, identifier, literal } from '../../../src/sources/mysql/sql.ts';

const grants = (...lines: string[]) => lines.map(readGrant).filter((grant): grant is Grant => grant !== null);

const mysqld = (version: string, path = `/opt/${version}/mysqld`) => ({
  path,
  version: `mysqld  Ver ${version} for Linux on x86_64 ((Debian))`,
});
const mariadbd = (version: string, path: string) => ({
  path,
  version: `mariadbd  Ver ${version}-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`,
});
const surveyed = (names: string[]): Facts => ({
  programs: {},
  survey: {
    version: '9.7.4',
    data: { databases: names.map((name) => ({ name, collation: 'utf8mb4_bin' })) } as Partial<Surveyed>,
  },
});

describe('grants', () => {
  it('hold for a database as a whole, or for everything', () => {
    const some = grants(
      'GRANT USAGE ON *.* TO `b`@`%`',
      'GRANT SELECT, SHOW VIEW ON `shop`.* TO `b`@`%`',
      'GRANT SELECT ON `other`.`t` TO `b`@`%`',
      'GRANT SELECT (`a`, `b`) ON `third`.`t` TO `b`@`%`',
      'GRANT RELOAD ON *.* TO `b`@`%`',
      'GRANT `role`@`%` TO `b`@`%`',
      'GRANT PROXY ON ``@`%` TO `b`@`%` WITH GRANT OPTION',
    );
    expect(may(some, 'SELECT', 'shop')).toBe(true);
    expect(may(some, 'SHOW VIEW', 'shop')).toBe(true);
    expect(may(some, 'TRIGGER', 'shop')).toBe(false);
    expect(may(some, 'SELECT', 'other')).toBe(false);
    expect(may(some, 'SELECT', 'other', 't')).toBe(true);
    expect(may(some, 'SELECT', 'third', 't')).toBe(false);
    expect(may(some, 'RELOAD', null)).toBe(true);
    expect(may(some, 'SELECT', null)).toBe(false);
  });

  it('know wildcards, escapes and odd names', () => {
    const some = grants(
      String.raw`GRANT ALL PRIVILEGES ON \`a\_b\`.* TO \`b\`@\`%\``.replaceAll(String.raw`\``, '`'),
      'GRANT EVENT ON `tenant_%`.* TO `b`@`%`',
      'GRANT TRIGGER ON `it``s (x).*`.* TO `b`@`%`',
    );
    expect(may(some, 'SELECT', 'a_b')).toBe(true);
    expect(may(some, 'SELECT', 'axb')).toBe(false);
    expect(may(some, 'EVENT', 'tenants of x')).toBe(true);
    expect(may(some, 'TRIGGER', 'it`s (x).*')).toBe(true);
    expect(may(some, 'TRIGGER', 'it`s (x)y')).toBe(false);
  });

  it('are taken away in part', () => {
    const some = grants('GRANT SELECT ON *.* TO `b`@`%`', 'REVOKE SELECT ON `secret`.* FROM `b`@`%`');
    expect(may(some, 'SELECT', 'shop')).toBe(true);
    expect(may(some, 'SELECT', 'secret')).toBe(false);
  });
});

describe('programs', () => {
  it('are told apart by what they say of themselves', () => {
    const read = (line: string) => {
      const found = readVersion(line);
      return found && `${found.flavour} ${found.version.major}.${found.version.minor}`;
    };
    expect(read('mysqldump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)')).toBe('mariadb 10.11');
    expect(read('mariadb from 11.4.2-MariaDB, client 15.2 for debian-linux-gnu (x86_64)')).toBe('mariadb 11.4');
    expect(read('mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))')).toBe('mysql 9.7');
    expect(read('mysql  Ver 14.14 Distrib 5.7.44, for Linux (x86_64)')).toBe('mysql 5.7');
    expect(read('usage: mysql')).toBe(null);
  });

  it('are of the right maker, and not older than the server where one is there', () => {
    const programs = { mysqldump: { path: '/usr/bin/mysqldump', version: 'Ver 10.19 Distrib 10.11.19-MariaDB' } };
    const other = { path: '/opt/mysql/bin/mysqldump', version: 'mysqldump  Ver 8.4.1 for Linux' };
    const facts = { programs, installed: { mysqldump: [programs.mysqldump, other] } };
    expect(findProgram(facts, 'dump', 'mysql')?.command).toBe('/opt/mysql/bin/mysqldump');
    expect(findProgram(facts, 'dump', 'mariadb')?.command).toBe('mysqldump');
    expect(findProgram({ programs }, 'dump', 'mysql')).toBe(null);
  });

  it('serve a copy in the same series, else a later one of the same major version', () => {
    const installed = {
      mysqld: [mysqld('8.0.36'), mysqld('9.1.0'), mysqld('9.7.4'), mariadbd('10.11.19', '/usr/sbin/mysqld')],
      mariadbd: [mariadbd('10.6.1', '/opt/a/mariadbd'), mariadbd('10.11.19', '/usr/sbin/mariadbd')],
    };
    const facts = { programs: {}, installed };
    const path = (flavour: 'mysql' | 'mariadb', major: number, minor: number) =>
      findServer(facts, flavour, { major, minor })?.path;
    expect(path('mysql', 8, 0)).toBe('/opt/8.0.36/mysqld');
    expect(path('mysql', 9, 3)).toBe('/opt/9.7.4/mysqld');
    expect(path('mysql', 8, 4)).toBe(undefined);
    expect(path('mariadb', 10, 6)).toBe('/opt/a/mariadbd');
    expect(path('mariadb', 10, 11)).toBe('/usr/sbin/mariadbd');
    expect(path('mariadb', 11, 4)).toBe(undefined);
    expect(findServer(facts, 'mysql', null)?.path).toBe('/opt/9.7.4/mysqld');
  });

  it('that are missing are named with their version, and where they can be had', () => {
    const facts = { programs: {}, made: { extension: '.sql', version: '8.4.2', facts: {} } };
    const scratch = mysql.scratch!({ type: 'mysql', database: 'shop' }, 'here', facts);
    expect(scratch).toEqual({
      missing:
        'no server of MySQL 8.4 (mysqld) was found on this machine, neither in PATH nor where installers put it: install it, or write `into: { docker: mysql:8.4 }`',
    });
  });
});

describe('databases', () => {
  const facts = surveyed(['information_schema', 'mysql', 'orders', 'other', 'sys', 'a*', 'ab']);
  it('are those that are named, or match', () => {
    const of = (database: 'all' | string | string[] | { matching: string[]; except?: string[] }) =>
      databasesOf({ type: 'mysql', database } as never, facts);
    expect(of('all')).toEqual(['orders', 'other', 'a*', 'ab']);
    expect(of('mysql')).toEqual(['mysql']);
    expect(of(['all', 'x'])).toEqual(['all', 'x']);
    expect(of({ matching: ['o*', 'a?'], except: ['oth*'] })).toEqual(['orders', 'a*', 'ab']);
  });

  it('make one artifact each, or one where only one is named', () => {
    const parts = (spec: object, known = facts) =>
      partsOf({ type: 'mysql', ...spec } as never, known)?.map(({ name, purpose }) => `${purpose} ${name}`);
    expect(parts({ database: 'orders' })).toBe(undefined);
    expect(parts({ database: ['orders'] })).toEqual(['data orders']);
    expect(parts({ database: 'orders', globals: true })).toEqual(['globals globals', 'data orders']);
    expect(() => parts({ database: { matching: ['o*'] } }, { programs: {}, survey: null } as never)).toThrow(
      'which databases match o* cannot be known, since the server did not answer',
    );
  });
});

it('names and texts are written so that they mean themselves', () => {
  expect(identifier('a`b')).toBe('`a``b`');
  expect(literal("it's")).toBe("'it''s'");
  expect(literal('a\\b')).toBe("_utf8mb4 X'615c62'");
  expect(literal('ü\n')).toBe("_utf8mb4 X'c3bc0a'");
  expect(grantScope('my_shop%')).toBe(String.raw`\`my\_shop\%\``.replaceAll(String.raw`\``, '`'));
  expect(account('b@ck@10.0.%')).toBe("'b@ck'@'10.0.%'");
});
