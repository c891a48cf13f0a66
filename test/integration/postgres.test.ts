/** The whole flow by the built program, against real servers: backed up, proven in a throw-away server, brought back. */
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { compared, makeShop, type Shop } from '../helpers/postgres-plan.ts';
import { has } from '../helpers/programs.ts';
import { shop as data } from '../kinds/postgres-data.ts';
import { full } from '../proofs/support.ts';

/** Packets of one port of loopback are dropped: only root can do that, and not in every container. */
const canCut = has('iptables') && spawnSync('iptables', ['-S', 'INPUT']).status === 0;
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Whether `wanted` comes true within 30 seconds. */
const until = async (wanted: () => Promise<boolean>) => {
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(50)) {
    if (await wanted()) return true;
  }
  return false;
};

// Two cores may be shared by many: none of these is about time.
describe.skipIf(!hasPostgres())('postgres', () => {
  let server: Postgres;
  let shop: Shop;
  beforeAll(async () => {
    server = await Postgres.start({ settings: { max_prepared_transactions: '0', log_min_messages: 'fatal' } });
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    shop = makeShop(server, 'secret');
  });
  afterEach(() => shop.remove());

  const applied = async () => {
    const { exitCode, stdout, stderr } = await shop.run('apply', 'plan.yaml');
    expect(stderr + stdout).not.toMatch(/error|warning/);
    expect(exitCode).toBe(0);
  };

  const oddNames = [
    `-it's a "shop" $HOME; ü`,
    'postgresql://host/db?a=b',
    'dbname=other user=x',
    '--version',
    'back\\slash %x {y} `z`',
  ];
  it.each(oddNames)('backs up, proves and restores a database called %s', async (name) => {
    const role = `role ${name}`;
    await server.query(`create role ${quoted(role)} login superuser password ${literal(printable)}`);
    await server.create(name, data);
    await server.query(
      `create table ${quoted(name)} (${quoted(name)} int); insert into ${quoted(name)} values (1), (2)`,
      name,
    );
    const before = server.dump(name);
    shop.env.PASSWORD = printable;
    shop.write({ database: name, user: role });
    await applied();
    await server.query('delete from orders; drop table logs; drop view big_totals', name);
    const restored = await shop.run('restore', 'plan.yaml', 'orders', '--latest', '--yes', '--no-safety-backup');
    expect(restored.stderr).not.toContain('error');
    expect(restored.exitCode).toBe(0);
    expect(server.dump(name)).toBe(before);
    expect(await until(async () => (await server.sessions()) === 0)).toBe(true);
    const databases = (await server.query('select datname from pg_database')).split('\n');
    expect(databases.filter((one) => one.includes('runner'))).toEqual([]);
  });

  it('keeps what belongs to the database itself when it is restored beside and swapped', async () => {
    await server.query(`create role keeper; create database kept owner keeper; alter database kept set work_mem = '7MB';
      alter database kept set search_path = audit, "$user", public; comment on database kept is 'it''s kept';
      revoke connect on database kept from public; grant connect on database kept to keeper with grant option`);
    await server.query(data, 'kept');
    shop.write({ database: 'kept' });
    await applied();
    const looks = `select datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
        shobj_description(oid, 'pg_database'), (select array_agg(a::text order by a::text) from aclexplode(datacl) a),
        (select setconfig from pg_db_role_setting s where s.setdatabase = d.oid)
      from pg_database d where datname = 'kept'`;
    const before = await server.query(looks);
    const { exitCode, stderr } = await shop.run(
      'restore',
      'plan.yaml',
      'orders',
      '--latest',
      '--yes',
      '--no-safety-backup',
    );
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(await server.query(looks)).toBe(before);
  });

  it('backs up all databases and the roles, and brings back one of them', async () => {
    await server.create('first', 'create table a (i int); insert into a values (1)');
    await server.create('second', 'create table b (i int); insert into b values (2)');
    await server.query(`create role "glo bal" login password 'x'`);
    shop.write({ database: ['first', 'second'], globals: true });
    await applied();
    await server.query('drop table b', 'second');
    const { exitCode, stderr } = await shop.run(
      'restore',
      'plan.yaml',
      'orders',
      '--latest',
      '--only',
      'second',
      '--yes',
      '--no-safety-backup',
    );
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(await server.query('select i from b', 'second')).toBe('2');
    expect(await server.query('select i from a', 'first')).toBe('1');
  });

  it('replaces one table, and puts the keys of others on again', async () => {
    await server.create('partly', data);
    shop.write({ database: 'partly' }, { verify: ['content'] });
    await applied();
    await server.query(
      `drop view big_totals; drop view totals; drop materialized view counted; update customers set name = 'lost ' || id`,
      'partly',
    );
    const restore = () =>
      shop.run(
        'restore',
        'plan.yaml',
        'orders',
        '--latest',
        '--only',
        'public.customers',
        '--yes',
        '--no-safety-backup',
      );
    const { exitCode, stderr } = await restore();
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(await server.query(`select count(*) from customers where name like 'Größe%'`, 'partly')).toBe('500');
    expect(await server.query(`select count(*) from orders`, 'partly')).toBe('1000');
    expect(
      await server.query(`select count(*) from pg_constraint where conname = 'orders_customer_fkey'`, 'partly'),
    ).toBe('1');
    // A row that the restored table does not have any more: the key cannot hold, and nothing has changed.
    await server.query(
      `insert into customers (id, name) values (9999, 'new'); insert into orders (customer, total) values (9999, 1)`,
      'partly',
    );
    expect((await restore()).exitCode).toBe(2);
    expect(await server.query('select count(*) from customers', 'partly')).toBe('501');
  });

  it.each(['plain', 'directory'])('restores what was dumped as %s', async (format) => {
    const name = `as_${format}`;
    await server.create(name, data);
    const before = server.dump(name);
    shop.write({ database: name, format, ...(format === 'directory' ? { jobs: 2 } : {}) });
    await applied();
    await server.query('drop table orders cascade', name);
    expect((await shop.run('restore', 'plan.yaml', 'orders', '--latest', '--yes', '--no-safety-backup')).exitCode).toBe(
      0,
    );
    expect(server.dump(name)).toBe(before);
  });

  it('connects by a URL and by a service, with settings that are read back', async () => {
    await server.create('linked', data);
    shop.env.PASSWORD = `postgresql://postgres:secret@127.0.0.1:${server.port}/linked?sslmode=disable`;
    shop.write({ url: { secret: 'password' }, settings: { work_mem: '64MB' } });
    await applied();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${shop.directory}/services`, `[there]\nhost=127.0.0.1\nport=${server.port}\nuser=postgres\n`);
    shop.env.PASSWORD = 'secret';
    shop.write({ service: 'there', 'service-file': 'services', password: { secret: 'password' }, database: 'linked' });
    await applied();
  });

  it('connects by TLS, to a server that its authority vouches for', async () => {
    const files = server.certificate();
    shop.write({ database: 'postgres', host: 'localhost', tls: { ca: files.ca } }, { verify: ['content'] });
    const { stderr } = await shop.run('apply', 'plan.yaml');
    expect(stderr).toMatch(/server does not support SSL/);
    await server.query('alter system set ssl = on; select pg_reload_conf()');
    expect(await until(async () => (await server.query('show ssl')) === 'on')).toBe(true);
    await server.query('create table here (a int)');
    await applied();
    shop.write({ database: 'postgres', host: '127.0.0.1', tls: { ca: files.ca } }, { verify: ['content'] });
    expect((await shop.run('apply', 'plan.yaml')).stderr).toMatch(
      /certificate for "localhost".*does not match host name "127.0.0.1"/,
    );
  });

  it('keeps encodings, locales and extensions', async () => {
    await server.query(`create database latin template template0 encoding 'LATIN1' locale 'C'`);
    await server.query(
      `create table "größe" (t text); insert into "größe" values ('Straße'); create role "Müller"; alter table "größe" owner to "Müller"`,
      'latin',
    );
    await server.query(
      `create database raw template template0 encoding 'SQL_ASCII' locale 'C'; create database german template template0 locale_provider icu icu_locale 'de-DE' locale 'C.UTF-8'`,
    );
    await server.query(`create table t (b text); insert into t values (E'\\xff\\xfe')`, 'raw', {
      PGCLIENTENCODING: 'SQL_ASCII',
    });
    await server.query(
      `create extension hstore; create extension pg_trgm; create schema ext; create extension pgcrypto schema ext;
      create table t (h hstore, s text, l text generated always as (lower(s)) stored); insert into t (h, s) values ('a=>1', 'ÄÖ');
      create index on t using gin (s gin_trgm_ops)`,
      'german',
    );
    for (const name of ['latin', 'raw', 'german']) {
      shop.write({ database: name });
      await applied();
      const before = server.dump(name);
      const { exitCode, stderr } = await shop.run(
        'restore',
        'plan.yaml',
        'orders',
        '--latest',
        '--yes',
        '--no-safety-backup',
      );
      expect(stderr).not.toContain('error');
      expect(exitCode).toBe(0);
      expect(server.dump(name)).toBe(before);
    }
    expect(
      await server.query(`select datlocprovider::text || daticulocale from pg_database where datname = 'german'`),
    ).toBe('ide-DE');
  });

  it('takes only what the plan asks for, and compares no more than that', async () => {
    await server.create('chosen', data);
    shop.write({
      database: 'chosen',
      schemas: ['public'],
      'exclude-tables': ['types'],
      'exclude-table-data': ['public.ord*'],
    });
    await applied();
    shop.write({ database: 'chosen', tables: ['public.cycle_?', '"odd -- ""name"" $x; ü"'] });
    await applied();
  });

  it('sees one moment, however much is written', async () => {
    await server.create(
      'busy',
      `create table a (n int); create table b (n int); insert into a values (0); insert into b values (0);
      create table log (id serial primary key, t text)`,
    );
    shop.write({ database: 'busy' });
    const writing = spawn(`${server.bin}/psql`, ['-X', '-q', '-f', '-'], {
      env: server.env('busy'),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const pump = setInterval(() => {
      writing.stdin.write(
        `begin; update a set n = n + 1; update b set n = n - 1; insert into log (t) values ('x'); commit;\n`.repeat(5),
      );
    }, 20);
    for (let round = 0; round < (full ? 4 : 2); round += 1) await applied();
    // A fast machine is done before much was written; what counts is that it was written all the time.
    expect(await until(async () => Number(await server.query('select count(*) from log', 'busy')) > 500)).toBe(true);
    clearInterval(pump);
    writing.stdin.end();
    await new Promise((resolve) => writing.once('close', resolve));
  });

  it('leaves no session behind when it is killed', async () => {
    await server.create(
      'large',
      `create table t as select i, md5(i::text) as a, md5((i + 1)::text) as b from generate_series(1, 400000) i`,
    );
    shop.write({ database: 'large' }, { transforms: ['xz'] });
    const { cli } = await import('../helpers/runner.ts');
    const child = spawn(process.execPath, ['--', cli, 'apply', 'plan.yaml'], {
      cwd: shop.directory,
      env: { ...shop.env, HOME: '/tmp' },
      stdio: 'ignore',
    });
    expect(await until(() => server.dumping())).toBe(true);
    child.kill('SIGKILL');
    expect(await until(async () => (await server.sessions()) === 0)).toBe(true);
  });

  it.skipIf(!canCut)('leaves no session behind when the network is cut, and says so', async () => {
    await server.create(
      'far',
      `create table t as select i, md5(i::text) as a, md5((i + 1)::text) as b from generate_series(1, 400000) i`,
    );
    shop.write({ database: 'far' }, { transforms: ['xz'], verify: ['content'] });
    const running = shop.run('apply', 'plan.yaml');
    // Cut before that and it is the client's own time to connect that runs out, which is another case.
    expect(await until(() => server.dumping())).toBe(true);
    const rules = ['--dport', '--sport'].map((end) => [
      'INPUT',
      '-i',
      'lo',
      '-p',
      'tcp',
      end,
      String(server.port),
      '-j',
      'DROP',
    ]);
    // Whatever becomes of this test, the rules leave.
    const undo = rules.map((rule) => `iptables -D ${rule.join(' ')}`).join('; ');
    spawn('sh', ['-c', `sleep 240; ${undo}`], { detached: true, stdio: 'ignore' }).unref();
    for (const rule of rules) expect(spawnSync('iptables', ['-w', '10', '-I', ...rule]).status).toBe(0);
    try {
      const cut = Date.now();
      while ((await server.sessions()) > 0 && Date.now() - cut < 30_000) await sleep(100);
      expect(await server.sessions()).toBe(0);
      const { exitCode, stderr } = await running;
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/Connection timed out|server closed the connection/);
    } finally {
      for (const rule of rules) spawnSync('iptables', ['-D', ...rule]);
    }
  });

  it('verifies in a database of a given server, and drops it again', async () => {
    await server.create('proven', data);
    shop.write(
      { database: 'proven' },
      { verify: [{ restore: { into: { url: { secret: 'there' } }, assert: [compared] } }] },
    );
    const { readFileSync, writeFileSync } = await import('node:fs');
    const path = `${shop.directory}/plan.yaml`;
    const plan = JSON.parse(readFileSync(path, 'utf8'));
    plan.secrets.there = { env: 'THERE' };
    writeFileSync(path, JSON.stringify(plan));
    shop.env.THERE = `postgresql://postgres:secret@127.0.0.1:${server.port}/postgres`;
    await applied();
    expect(await server.query(`select count(*) from pg_database where datname like 'runner%'`)).toBe('0');
  });

  // A thousand and 40 MB without `PROOF=full`: still more than fits into one argument, one batch and one pipe.
  const [tables, megabytes] = full ? [5000, 200] : [1000, 40];
  it(`backs up ${tables} tables and a value of ${megabytes} MB`, async () => {
    await server.create(
      'wide',
      `select format('create table t%s (id int primary key, v text)', i) from generate_series(1, ${tables}) i \\gexec`,
    );
    await server.create(
      'deep',
      `create table big (b bytea, t text); alter table big alter b set storage external;
      insert into big select decode(repeat('00ff10805c0a09', ${megabytes * 75_000}), 'hex'), repeat('x', ${megabytes * 500_000})`,
    );
    shop.write({ database: ['wide', 'deep'] }, { transforms: [] });
    await applied();
  });
});
