/**
 * Losses that are planted into a dump behind the back of everybody: a pg_dump that lies. Ten kinds, five of each, and the check
 * that caught each of them; then good runs, of which none may be blamed.
 */
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { makeShop, type Shop } from '../helpers/postgres-plan.ts';
import { full, printTable, proofTimeout } from './support.ts';

/** A version that lies in no folder of installers: the false pg_dump is found behind the true one, and the last is taken. */
const version = 17;
const tables = [0, 1, 2, 3, 4];

const schema = `create role app; ${tables
  .map(
    (n) => `create table t${n} (id serial primary key, name text, amount numeric);
insert into t${n} (name, amount) select 'row ' || i, i * 1.25 from generate_series(1, ${200 + n}) i;
create index i${n} on t${n} (name); create sequence s${n}; select setval('s${n}', 100);
create function f${n}() returns trigger language plpgsql as 'begin return new; end';
create trigger g${n} before update on t${n} for each row execute function f${n}(); grant select on t${n} to app;`,
  )
  .join('\n')}`;

/** What is lost in the data that is dumped, in table `n`; and what must be said of it. */
const losses: Record<string, { sql(n: number): string; said(n: number): RegExp }> = {
  'a table': {
    sql: (n) => `drop table t${n}`,
    said: (n) => new RegExp(`rows public\\.t${n} is missing|constraint public\\.t${n} `),
  },
  'a row': {
    sql: (n) => `delete from t${n} where id = ${n + 7}`,
    said: (n) => new RegExp(`rows public\\.t${n} holds other data`),
  },
  'a changed value': {
    sql: (n) =>
      `alter table t${n} disable trigger user; update t${n} set amount = amount + 0.01 where id = ${n + 3}; alter table t${n} enable trigger user`,
    said: (n) => new RegExp(`rows public\\.t${n} holds other data`),
  },
  'an index': { sql: (n) => `drop index i${n}`, said: (n) => new RegExp(`index public\\.i${n} is missing`) },
  "a sequence's value": {
    sql: (n) => `select setval('${n % 2 === 0 ? `s${n}` : `t${n}_id_seq`}', ${n + 1})`,
    said: (n) =>
      new RegExp(
        `value public\\.${n % 2 === 0 ? `s${n}` : `t${n}_id_seq`} holds other data|value public\\.\\S+: ${n + 1} instead of`,
      ),
  },
  'a trigger': {
    sql: (n) => (n % 2 === 0 ? `drop trigger g${n} on t${n}` : `alter table t${n} disable trigger g${n}`),
    said: (n) => new RegExp(`trigger public\\.t${n} g${n} (is missing|holds other data)`),
  },
  'a grant': {
    sql: (n) => `revoke select on t${n} from app`,
    said: (n) => new RegExp(`grant public\\.t${n} holds other data`),
  },
};

describe.skipIf(!hasPostgres(version))('planted losses', () => {
  let server: Postgres;
  let shop: Shop;
  let lie: (script: string) => void;
  /** A file that is there once the false pg_dump was asked. */
  let told: string;
  const caught: Record<string, string | number>[] = [];
  const count = full ? 5 : 1;

  beforeAll(async () => {
    server = await Postgres.start({ major: version, settings: { log_min_messages: 'fatal' } });
    await server.create('orders', schema);
    await server.create('other', schema.replace('create role app;', '').replaceAll('1.25', '2.5'));
    shop = makeShop(server, 'secret');
    const folder = join(shop.directory, 'false');
    mkdirSync(folder);
    told = join(folder, 'told');
    lie = (script) => {
      const path = join(folder, 'pg_dump');
      writeFileSync(
        path,
        `#!/bin/sh\nreal='${server.bin}/pg_dump'\n[ "$1" = --version ] && exec "$real" --version\n: >'${told}'\n${script}\n`,
      );
      chmodSync(path, 0o755);
    };
    lie('exec "$real" "$@"');
    shop.env.PATH = `${server.bin}:${process.env.PATH}:${folder}`;
    shop.write({ database: 'orders' });
  });
  afterAll(async () => {
    if (caught.length > 0) printTable('planted losses', caught);
    shop?.remove();
    await server?.stop();
  });

  /** Dumps another database than the one that is asked for, without the moment that does not belong to it. */
  const instead = (database: string) =>
    `for word; do shift; case $word in --snapshot=*) ;; *) set -- "$@" "$word" ;; esac; done\nPGDATABASE=${database} exec "$real" "$@"`;

  const found = async (kind: string, n: number, expected: RegExp) => {
    rmSync(told, { force: true });
    let { exitCode, stderr } = await shop.run('apply', 'plan.yaml');
    // On a machine that is too busy the false program does not tell its version in time, and the true one is taken: no loss.
    for (let tries = 0; tries < 5 && !existsSync(told); tries += 1)
      ({ exitCode, stderr } = await shop.run('apply', 'plan.yaml'));
    expect(existsSync(told), stderr).toBe(true);
    const problem = /error: verify (\w+) of orders: .*? did not pass \w+ at "disk": (.*)/.exec(stderr);
    expect(exitCode, `${kind} ${n}: ${stderr}`).toBe(2);
    expect(problem, stderr).not.toBeNull();
    expect(problem![2]).toMatch(expected);
    caught.push({ planted: kind, number: n + 1, 'caught by': problem![1]!, saying: problem![2]!.slice(0, 110) });
  };

  for (const [kind, { sql, said }] of Object.entries(losses))
    it(
      `finds ${kind} that was lost`,
      async () => {
        shop.write({ database: 'orders' });
        for (const n of tables.slice(0, count)) {
          await server.query('drop database if exists planted');
          await server.query('create database planted template orders');
          await server.query(sql(n), 'planted');
          lie(instead('planted'));
          await found(kind, n, said(n));
        }
      },
      proofTimeout,
    );

  it(
    'finds a dump that was cut between tables',
    async () => {
      for (const n of tables.slice(0, count)) {
        const format = n % 2 === 0 ? 'plain' : 'custom';
        shop.write({ database: 'orders', format });
        // SQL is cut in front of the n-th table's rows; an archive at a sixth of its length and so on.
        lie(
          format === 'plain'
            ? `"$real" "$@" | sed '/^COPY public.t${n} /,$d'`
            : `"$real" "$@" > "$TMPDIR/whole.$$" && head -c $(($(wc -c < "$TMPDIR/whole.$$") * ${n + 1} / 6)) "$TMPDIR/whole.$$"; rm "$TMPDIR/whole.$$"`,
        );
        await found(
          'a cut dump',
          n,
          /its end lacks the mark|could not read from input file|unexpected end|end of file/,
        );
      }
      shop.write({ database: 'orders' });
    },
    proofTimeout,
  );

  it(
    'finds an old dump',
    async () => {
      for (const n of tables.slice(0, count)) {
        await server.query('drop database if exists planted');
        await server.query('create database planted template orders');
        await server.query(`insert into t${n} (name, amount) values ('new', 1)`, 'orders');
        lie(instead('planted'));
        await found('an old dump', n, new RegExp(`rows public\\.t${n} holds other data`));
      }
    },
    proofTimeout,
  );

  it(
    'finds the dump of a wrong database',
    async () => {
      for (const n of tables.slice(0, count)) {
        await server.query(`update t${n} set name = 'other ' || id`, 'other');
        lie(instead('other'));
        await found('a wrong database', n, /rows public\.t\d holds other data/);
      }
    },
    proofTimeout,
  );

  it(
    'blames no good run',
    async () => {
      lie('exec "$real" "$@"');
      let blamed = 0;
      const runs = full ? 50 : 4;
      for (let run = 0; run < runs; run += 1) {
        const n = run % 5;
        await server.query(
          `insert into t${n} (name) values ('run ${run}'); update t${n} set amount = ${run} where id = 1; select nextval('s${n}')`,
          'orders',
        );
        shop.write({ database: 'orders', format: ['custom', 'plain', 'directory'][run % 3] });
        const { exitCode, stderr } = await shop.run('apply', 'plan.yaml');
        if (exitCode !== 0) blamed += 1;
        expect(exitCode, stderr).toBe(0);
      }
      caught.push({ planted: 'nothing', number: runs, 'caught by': `${blamed} blamed`, saying: '' });
    },
    proofTimeout,
  );
});
