/** What goes wrong in the night, each with a real server, and the sentence that a tired person reads about it. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasPostgres, Postgres, programsOf } from '../helpers/postgres.ts';
import { compared, makeShop, type Shop } from '../helpers/postgres-plan.ts';
import { cli } from '../helpers/runner.ts';
import { shop as data } from '../kinds/postgres-data.ts';

describe.skipIf(!hasPostgres())('a bad day of postgres', () => {
  let server: Postgres;
  let shop: Shop;
  beforeAll(async () => {
    server = await Postgres.start({ settings: { log_min_messages: 'fatal' } });
    await server.create('orders', data);
    await server.query(`create role reader login password 'rd-7'`);
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    shop = makeShop(server, 'secret');
  });
  afterEach(() => shop.remove());

  /** What apply says; nothing of it may be a stack trace. */
  const fails = async (exitCode = 4) => {
    const said = await shop.run('apply', 'plan.yaml');
    const text = said.stderr + said.stdout;
    expect(text).not.toMatch(/\n\s+at .*\(|TypeError|unexpected fault/);
    expect(said.exitCode, text).toBe(exitCode);
    return text;
  };

  it('a wrong password', async () => {
    shop.env.PASSWORD = 'wrong$pass word';
    shop.write({ database: 'orders' });
    const said = await fails();
    expect(said).toContain('password authentication failed for user "postgres"');
    expect(said).not.toContain('wrong$pass');
  });

  it('an unknown database', async () => {
    shop.write({ database: 'oders' });
    const said = await fails();
    expect(said).toContain('there is no database oders; did you mean orders?');
  });

  it('a server that is not there', async () => {
    shop.write({ database: 'orders', port: 1 });
    expect(await fails()).toMatch(/port 1 failed: Connection refused/);
  });

  it('no privilege on one table, on a sequence, on a schema, on a large object, rows that are hidden', async () => {
    await server.query(`grant pg_read_all_data to reader; revoke pg_read_all_data from reader`);
    shop.env.PASSWORD = 'rd-7';
    shop.write({ database: 'orders', user: 'reader' });
    const none = await fails();
    expect(none).toContain(
      'the role reader may not use the schema "Mixed ""Case"" $; ü", audit; type: GRANT USAGE ON SCHEMA',
    );
    expect(none).toMatch(/the role reader may not read .* and \d+ more; type: GRANT pg_read_all_data TO reader/);
    expect(none).toContain(
      'the role reader may not read the large object 4711, 4712; type: GRANT SELECT ON LARGE OBJECT 4711, 4712 TO reader',
    );
    await server.query(
      `grant usage on schema public, audit, "Mixed ""Case"" $; ü" to reader; grant select on all tables in schema public, audit, "Mixed ""Case"" $; ü" to reader;
      grant select on all sequences in schema public to reader; grant select on large object 4711, 4712 to reader; revoke select on orders from reader`,
      'orders',
    );
    const one = await fails();
    expect(one).toContain(
      'the role reader may not read public.orders; type: GRANT SELECT ON TABLE public.orders TO reader',
    );
    expect(one).toContain(
      'row-level security would hide rows of public.secret_rows from the role reader; type as a superuser: ALTER ROLE reader BYPASSRLS',
    );
    await server.query('grant select on orders to reader; alter role reader bypassrls', 'orders');
    expect((await shop.run('apply', 'plan.yaml')).exitCode).toBe(0);
  });

  it('what the plan names is not there', async () => {
    shop.write({ database: 'orders', schemas: ['audti'] });
    expect(await fails()).toContain('there is no schema audti; did you mean audit?');
    shop.write({ database: 'orders', tables: ['public.custmers'] });
    expect(await fails()).toContain('there is no table public.custmers; did you mean public.customers?');
  });

  it('settings that pg_dump overrules, and ways to connect that contradict each other', async () => {
    shop.write({ database: 'orders', settings: { statement_timeout: '5min' } });
    expect(await fails()).toContain('pg_dump sets statement_timeout itself');
    shop.write({ url: { secret: 'password' }, host: 'elsewhere' });
    shop.env.PASSWORD = `postgresql://postgres:secret@127.0.0.1:${server.port}/orders`;
    expect(await fails()).toContain('`url` says how to connect: leave out `host`');
  });

  it('a table that somebody has locked', async () => {
    const holder = spawn(`${server.bin}/psql`, ['-X', '-q', '-f', '-'], {
      env: server.env('orders'),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    holder.stdin.write('begin; lock table customers in access exclusive mode;\n');
    const held = `select count(*) from pg_locks where granted and mode = 'AccessExclusiveLock' and relation = 'customers'::regclass`;
    while ((await server.query(held, 'orders')) !== '1') await sleep(20);
    shop.write({ database: 'orders', 'lock-timeout': '1s' }, { verify: ['content'] });
    const said = await fails(2);
    holder.stdin.end();
    expect(said).toMatch(/canceling statement due to (lock|statement) timeout/);
    expect(said).toContain('customers');
  });

  it('a server that is killed in the middle of a dump', async () => {
    const other = await Postgres.start({ settings: { log_min_messages: 'fatal' } });
    try {
      await other.create(
        'large',
        'create table t as select i, md5(i::text) as a, md5((i + 1)::text) as b from generate_series(1, 600000) i',
      );
      const place = makeShop(other, 'secret');
      place.write({ database: 'large' }, { transforms: ['xz'], verify: ['content'] });
      const child = spawn(process.execPath, ['--', cli, 'apply', 'plan.yaml'], {
        cwd: place.directory,
        env: { ...place.env, HOME: '/tmp' },
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
      const dumping = `select count(*) from pg_stat_activity where query like 'COPY public.t %'`;
      while ((await other.query(dumping)) !== '1') await sleep(20);
      const closed = new Promise((resolve) => child.once('close', resolve));
      await other.kill();
      const exitCode = await closed;
      expect(exitCode).toBe(2);
      expect(said).toMatch(/server terminated abnormally|terminating connection|server closed the connection/);
      await other.up();
      const { stdout } = await place.run('list', 'plan.yaml', '--json');
      expect(JSON.parse(stdout).backups).toEqual([]);
      place.remove();
    } finally {
      await other.stop();
    }
  });

  it('a dump with an object that cannot be read', async () => {
    await server.create('torn', 'create table good (a int); create table bad (a int); insert into bad values (1)');
    const file = await server.query(`select pg_relation_filepath('bad')`, 'torn');
    await server.query('checkpoint', 'torn');
    const { writeFileSync } = await import('node:fs');
    await server.kill();
    writeFileSync(`${server.directory}/data/${file}`, Buffer.alloc(8192, 0xa5));
    await server.up();
    shop.write({ database: 'torn' }, { verify: ['content'] });
    const said = await fails(2);
    expect(said).toMatch(/invalid page in block 0/);
    expect(said).toContain('bad');
  });

  it('an empty database is a warning, and no failure', async () => {
    await server.create('empty');
    shop.write({ database: 'empty' });
    const { exitCode, stderr } = await shop.run('apply', 'plan.yaml');
    expect(stderr).toContain('the database empty holds no table that is backed up');
    expect(exitCode).toBe(0);
  });

  it('a restore to a server that lacks the roles', async () => {
    shop.write({ database: 'orders' }, { verify: ['content'] });
    await fails(0);
    const other = await Postgres.start({ settings: { log_min_messages: 'fatal' } });
    try {
      const place = [
        'restore',
        'plan.yaml',
        'orders',
        '--latest',
        '--yes',
        '--to',
        `postgresql://postgres@127.0.0.1:${other.port}/copy`,
      ];
      const { exitCode, stderr } = await shop.run(...place);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(
        'these roles own or may use what is restored and are not on this server: "app ""user""", reader, reporting. Restore the globals first',
      );
      shop.write(
        { database: 'orders' },
        { verify: ['content'], restore: { options: { owner: false, privileges: false } } },
      );
      expect((await shop.run(...place)).exitCode).toBe(0);
      expect(await other.query('select count(*) from orders', 'copy')).toBe('1000');
    } finally {
      await other.stop();
    }
  });
});

describe.skipIf(!hasPostgres(15, 17))('two versions of postgres side by side', () => {
  let newer: Postgres;
  let shop: Shop;
  beforeAll(async () => {
    newer = await Postgres.start({ major: 17, settings: { log_min_messages: 'fatal' } });
    await newer.create('orders', data);
  });
  afterAll(() => newer?.stop());
  beforeEach(() => {
    shop = makeShop(newer, 'secret');
    shop.write({ database: 'orders' });
  });
  afterEach(() => shop.remove());
  const path = (...majors: number[]) => [...majors.map((one) => programsOf(one)), '/usr/bin', '/bin'].join(':');

  it('takes the version of the dump for the throw-away server', async () => {
    shop.env.PATH = path(15, 17);
    const { exitCode, stderr } = await shop.run('apply', 'plan.yaml');
    expect(stderr).not.toMatch(/error|warning/);
    expect(exitCode).toBe(0);
    shop.write(
      { database: 'orders' },
      {
        verify: [
          {
            restore: {
              into: 'scratch',
              assert: [{ sql: `select current_setting('server_version_num')::int`, 'at-least': 170000 }, compared],
            },
          },
        ],
      },
    );
    const said = await shop.run('verify', 'plan.yaml');
    expect(said.stderr).not.toMatch(/error|warning/);
  });

  it('refuses before anything starts where the server is newer than the client', async () => {
    shop.env.PATH = path(15);
    const { exitCode, stderr } = await shop.run('apply', 'plan.yaml');
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(
      /the server is PostgreSQL 17\S*.*, and the newest pg_dump here is of version 15, which cannot read it; apt-get install postgresql-client-17/,
    );
  });

  it('counts a backup as unproven where its version is not here', async () => {
    // Clients of 17 alone: what dumps is there, what serves is not.
    const { mkdirSync, symlinkSync } = await import('node:fs');
    const clients = `${shop.directory}/clients`;
    mkdirSync(clients);
    for (const name of ['pg_dump', 'pg_restore', 'psql'])
      symlinkSync(`${programsOf(17)}/${name}`, `${clients}/${name}`);
    shop.env.PATH = `${clients}:${path(15)}`;
    const { exitCode, stderr, stdout } = await shop.run('apply', 'plan.yaml');
    expect(stderr + stdout).toMatch(/unproven: PostgreSQL 17 is not installed here in full \(postgres, initdb/);
    expect(exitCode).toBe(1);
    expect((await shop.run('list', 'plan.yaml')).stdout).toContain('unproven');
  });
});
