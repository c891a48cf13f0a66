/** Restores of real MySQL and MariaDB databases, which cannot be renamed: loaded over a copy that is kept. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Flavour, flavours, MysqlServer } from '../helpers/mysql.ts';
import { remember, runner, temporaryDirectory } from '../helpers/runner.ts';
import { full, launch } from '../proofs/support.ts';

describe.each(flavours)('a restore of a %s database', (flavour: Flavour) => {
  /** What goes the same way at both is asked of one of them. */
  const whole = full || flavour === flavours[0];
  let server: MysqlServer;
  let place: ReturnType<typeof temporaryDirectory>;
  let saved: string;
  let changed: string;

  const plan = (more = '') => `version: 1
name: shop
secrets: { db: { env: DB_PASSWORD } }
destinations: { disk: { type: local, path: store } }
backups:
  orders:
    source: { type: ${flavour}, host: 127.0.0.1, port: ${server.port}, user: admin, password: { secret: db }, database: orders }
    transforms: [gzip]
    destinations: [disk]
${more}`;
  const env = () => ({ DB_PASSWORD: 'a"b\\c d', PATH: server.path });
  const run = async (words: string[], text = plan()) => {
    writeFileSync(join(place.path, 'plan.yaml'), text);
    return await runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: place.path, env: env() });
  };
  const restore = (words: string[], text?: string) => run(['restore', ...words], text);
  const names = () =>
    server
      .sql(`select schema_name from information_schema.schemata where schema_name like '%orders%' order by 1`)
      .trim();
  /** A canonical text of a database. */
  const dump = (name: string) =>
    execFileSync(
      flavour === 'mariadb' ? 'mariadb-dump' : 'mysqldump',
      [
        '--no-defaults',
        `--socket=${server.socket}`,
        '--user=root',
        '--skip-dump-date',
        '--skip-comments',
        '--routines',
        '--triggers',
        '--order-by-primary',
        ...(flavour === 'mysql' ? ['--set-gtid-purged=OFF'] : []),
        name,
      ],
      { env: { PATH: server.path }, encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] },
    );
  const safetyId = async () => {
    const rows = JSON.parse((await run(['list', '--json'])).stdout).backups as { id: string }[];
    return rows
      .map(({ id }) => id)
      .sort()
      .at(-1)!;
  };

  const fresh = () => {
    for (const name of names().split('\n').filter(Boolean))
      server.sql(`drop database \`${name.replaceAll('`', '``')}\``);
    server.sql('create database orders character set latin1 collate latin1_german1_ci');
    server.sql(
      `create table customers (id int primary key auto_increment, name varchar(60) character set utf8mb4, photo blob);
       insert into customers (name, photo) values ('Ünï "q"', x'00ff27'), ('b', null);
       create table invoices (id int primary key, customer int, amount decimal(9,2), foreign key (customer) references customers (id));
       insert into invoices values (1, 1, 1.5), (2, 2, 2.5);
       create view big as select * from invoices where amount > 2;
       create trigger t before insert on invoices for each row set new.amount = new.amount + 1;
       create procedure p() select 1;`,
      'orders',
    );
  };
  /** Backs it up; what is returned brings the store back as it was with no more than that. */
  const backedUp = async () => {
    const made = await run(['apply', '-q']);
    expect(made, made.stderr).toMatchObject({ exitCode: 0 });
    return remember(join(place.path, 'store'));
  };
  let restock: () => void;

  beforeAll(async () => {
    place = temporaryDirectory();
    server = await MysqlServer.start(flavour);
    server.sql(
      `create user admin@'127.0.0.1' identified by 'a"b\\\\c d'; grant all on *.* to admin@'127.0.0.1' with grant option`,
    );
    fresh();
    restock = await backedUp();
    saved = dump('orders');
  });
  afterAll(async () => {
    await server?.stop();
    place?.remove();
  });

  beforeEach(() => {
    restock();
    fresh();
    server.sql(
      `delete from invoices; update customers set name = 'lost'; create table late (id int primary key)`,
      'orders',
    );
    changed = dump('orders');
  });

  it('replaces the live one and keeps a copy that comes back', async () => {
    const asked = await restore(['orders', '--latest']);
    expect(asked).toMatchObject({ exitCode: 4 });
    expect(asked.stderr).toContain(
      'it is loaded over the old, of which a safety copy is kept and put back should that fail',
    );
    const done = await restore(['orders', '--latest', '--yes']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(dump('orders')).toBe(saved);
    expect(names()).toBe('orders');
    expect(
      server.sql(`select default_collation_name from information_schema.schemata where schema_name = 'orders'`).trim(),
    ).toBe('latin1_german1_ci');
    const back = await restore(['orders', '--id', await safetyId(), '--yes', '--no-safety-backup']);
    expect(back, back.stderr).toMatchObject({ exitCode: 0 });
    expect(dump('orders')).toBe(changed);
  });

  it('goes to another name without a question', async () => {
    const odd = 'orders `q` $x; é -- \'y\' "z"';
    const done = await restore(['orders', '--latest', '--to', odd]);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(dump(odd)).toBe(saved);
    expect(dump('orders')).toBe(changed);
  });

  it.runIf(whole)('puts the copy back when what follows fails', async () => {
    const done = await restore(['orders', '--latest', '--yes'], plan(`    restore: { after: [{ run: ["false"] }] }\n`));
    expect(done.exitCode, done.stderr).toBe(1);
    expect(dump('orders')).toBe(changed);
    expect(names()).toBe('orders');
  });

  it.runIf(whole)('touches nothing when the copy beside is not what the plan asserts', async () => {
    const wrong = plan(`    restore: { assert: [{ sql: "select count(*) from invoices", equals: 0 }] }\n`);
    const done = await restore(['orders', '--latest', '--yes'], wrong);
    expect(done.exitCode, done.stderr).toBe(2);
    expect(dump('orders')).toBe(changed);
    expect(names()).toBe('orders');
  });

  it('takes one table out of it', async () => {
    const done = await restore(['orders', '--latest', '--yes', '--only', 'invoices']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(server.sql('select count(*) from invoices', 'orders').trim()).toBe('2');
    expect(server.sql('select name from customers where id = 2', 'orders').trim()).toBe('lost');
    expect(names()).toBe('orders');
  });

  describe('while much is loaded', () => {
    let restockMuch: () => void;
    beforeAll(async () => {
      fresh();
      server.sql(
        `create table filler (id int primary key, text varchar(200));
         insert into filler (id, text) with recursive n (i) as (select 1 union all select i + 1 from n where i < 900) select i, repeat(sha2(i, 256), 3) from n;
         insert into filler select id + 1000 * m, text from filler, (with recursive k (m) as (select 1 union all select m + 1 from k where m < 120) select m from k) x;`,
        'orders',
      );
      restockMuch = await backedUp();
    });
    beforeEach(() => restockMuch());

    const start = async () => {
      writeFileSync(join(place.path, 'plan.yaml'), plan());
      const running = await launch(['restore', 'plan.yaml', 'orders', '--latest', '--yes', '--json'], {
        cwd: place.path,
        env: env(),
      });
      await running.until('"event":"task-started","task":"load"');
      const loading = () =>
        server
          .sql(`select count(*) from information_schema.tables where table_schema = 'orders' and table_name = 'filler'`)
          .trim() === '1';
      for (let tries = 0; tries < 500 && !loading(); tries++) await sleep(10);
      return running;
    };

    it.runIf(whole)('an interruption puts the copy back', async () => {
      const running = await start();
      process.kill(running.pid, 'SIGINT');
      const end = await running.ended;
      expect(end.exitCode, end.stderr).toBe(130);
      expect(dump('orders')).toBe(changed);
      expect(names()).toBe('orders');
    });

    it('a kill leaves the copy, which comes back by its id', async () => {
      const running = await start();
      process.kill(running.pid, 'SIGKILL');
      await running.ended;
      // It takes back what was half inserted before it looks at its client again.
      for (let tries = 0; tries < 2000 && server.connections('admin') > 0; tries++) await sleep(50);
      expect(server.connections('admin')).toBe(0);
      expect(dump('orders')).not.toBe(changed);
      const back = await restore(['orders', '--id', await safetyId(), '--yes', '--no-safety-backup']);
      expect(back, back.stderr).toMatchObject({ exitCode: 0 });
      expect(dump('orders')).toBe(changed);
    });
  });
});
