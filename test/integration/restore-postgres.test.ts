/** Restores of real PostgreSQL databases, as a user types them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { remember, runner, temporaryDirectory } from '../helpers/runner.ts';
import { carriers, killIfThere, launch, waitFor } from '../proofs/support.ts';

const password = `p:a\\s's"w $o;r#d%`;

describe.skipIf(!hasPostgres())('a restore of a PostgreSQL database', () => {
  let server: Postgres;
  let place: ReturnType<typeof temporaryDirectory>;
  let saved: string;
  let changed: string;
  const env = { DB_PASSWORD: password, READER_PASSWORD: 'may only read' };

  const plan = (more = '', database: unknown = 'orders') => `version: 1
name: shop
secrets: { db: { env: DB_PASSWORD } }
destinations: { disk: { type: local, path: store } }
backups:
  orders:
    source: { type: postgres, host: 127.0.0.1, port: ${server.port}, user: admin, password: { secret: db }, database: ${JSON.stringify(database)} }
    transforms: [gzip]
    destinations: [disk]
${more}`;

  /** The program on a plan of its own text. */
  const run = async (words: string[], text = plan()) => {
    writeFileSync(join(place.path, 'plan.yaml'), text);
    return await runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: place.path, env });
  };
  const restore = (words: string[], text?: string) => run(['restore', ...words], text);
  const names = () => server.query(`select datname from pg_database where datname like '%orders%' order by 1`);
  const sessions = () =>
    server.query(
      `select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
    );

  /** Brings the store back as it was with no more than the backup. */
  let restock: () => void;

  const fresh = async () => {
    for (const name of (await names()).split('\n').filter(Boolean))
      await server.query(`drop database "${name.replaceAll('"', '""')}" with (force)`);
    await server.create('orders');
    await server.query(
      `create table customers (id serial primary key, name text unique, photo bytea);
       create table invoices (id int references customers, amount numeric);
       insert into customers (name, photo) select 'c' || n, decode(md5(n::text), 'hex') from generate_series(1, 2000) n;
       insert into invoices select n, n * 1.5 from generate_series(1, 2000) n;
       create view big as select * from invoices where amount > 100;
       alter table invoices owner to "the shop"; grant select on customers to "the shop";`,
      'orders',
    );
    await server.query(
      `comment on database orders is 'the shop''s own'; alter database orders set work_mem = '5MB'; alter database orders owner to "the shop"`,
    );
  };

  beforeAll(async () => {
    place = temporaryDirectory();
    server = await Postgres.start();
    await server.query(`create role admin superuser login password $x$${password}$x$; create role "the shop"`);
    await server.query(`create role reader login password 'may only read'; grant pg_read_all_data to reader`);
    await fresh();
    const made = await run(['apply', '-q']);
    expect(made, made.stderr).toMatchObject({ exitCode: 0 });
    saved = server.dump('orders');
    restock = remember(join(place.path, 'store'));
  });
  afterAll(async () => {
    await server?.stop();
    place?.remove();
  });

  beforeEach(async () => {
    restock();
    await fresh();
    await server.query(
      `update customers set name = 'lost' where id = 7; delete from invoices where id > 1000; create table late (id int)`,
      'orders',
    );
    changed = server.dump('orders');
  });

  it('replaces the live one, with its owner, settings and comment, and keeps a copy that comes back', async () => {
    const asked = await restore(['orders', '--latest']);
    expect(asked).toMatchObject({ exitCode: 4 });
    expect(asked.stderr).toContain(
      `this needs --yes: replace the live data in database "orders" of the postgres server at 127.0.0.1:${server.port} by orders-`,
    );
    expect(server.dump('orders')).toBe(changed);
    const done = await restore(['orders', '--latest', '--yes']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders')).toBe(saved);
    expect(await names()).toBe('orders');
    expect(
      await server.query(
        `select shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba), (select setconfig from pg_db_role_setting where setdatabase = d.oid) from pg_database d where datname = 'orders'`,
      ),
    ).toBe(`the shop's own|the shop|{work_mem=5MB}`);
    const list = await run(['list', '--json']);
    const rows = JSON.parse(list.stdout).backups as { id: string; pinned?: unknown }[];
    expect(rows.length, list.stdout).toBeGreaterThan(1);
    const back = await restore([
      'orders',
      '--id',
      rows[0]!.id > rows[1]!.id ? rows[0]!.id : rows.at(-1)!.id,
      '--yes',
      '--no-safety-backup',
    ]);
    expect(back, back.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders')).toBe(changed);
  });

  it('is made by a user who may only read, and restored by the other whom the plan names', async () => {
    const reader = (more: string) =>
      plan(more)
        .replace('user: admin, password: { secret: db }', 'user: reader, password: { secret: read }')
        .replace('secrets: { ', 'secrets: { read: { env: READER_PASSWORD }, ');
    const asAdmin = '    restore: { as: { user: admin, password: { secret: db } } }\n';
    expect(await run(['apply', '-q'], reader(asAdmin))).toMatchObject({ exitCode: 0 });
    await server.query('drop table late; delete from invoices', 'orders');
    const left = server.dump('orders');
    const refused = await restore(['orders', '--latest', '--yes'], reader(''));
    expect(refused.exitCode, refused.stderr).not.toBe(0);
    expect(refused.stderr).toMatch(/permission denied|must be owner/);
    expect(server.dump('orders')).toBe(left);
    const done = await restore(['orders', '--latest', '--yes'], reader(asAdmin));
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders')).toBe(changed);
    expect(await names()).toBe('orders');
    expect(done.stderr + done.stdout).not.toContain(password);
  });

  it('goes beside the live one under another name, at this server or at one of a URL', async () => {
    const odd = `orders "q" $x; é -- 'y' \\z`;
    const done = await restore(['orders', '--latest', '--to', odd]);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump(odd)).toBe(saved);
    const url = `postgresql://admin@127.0.0.1:${server.port}/orders_url`;
    const there = await restore(['orders', '--latest', '--to', url]);
    expect(there, there.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders_url')).toBe(saved);
    expect(server.dump('orders')).toBe(changed);
    const refused = await restore(['orders', '--latest', '--to', url.replace('admin@', 'admin:hunter2@')]);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('holds a password') });
    expect(refused.stderr).not.toContain('hunter2');
  });

  it('takes one table out of it', async () => {
    const done = await restore(['orders', '--latest', '--yes', '--only', 'invoices', 'big']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(await server.query('select count(*) from invoices', 'orders')).toBe('2000');
    expect(await server.query('select name from customers where id = 7', 'orders')).toBe('lost');
    expect(await server.query(`select count(*) from pg_class where relname = 'late'`, 'orders')).toBe('1');
    expect(await names()).toBe('orders');
    const missing = await restore(['orders', '--latest', '--yes', '--only', 'nothing such']);
    expect(missing.exitCode, missing.stderr).toBe(2);
    expect(await names()).toBe('orders');
  });

  it('asserts on the copy, and comes back when what follows fails', async () => {
    const wrong = plan(`    restore: { assert: [{ sql: "select count(*) from late", equals: 0 }] }\n`);
    const refused = await restore(['orders', '--latest', '--yes'], wrong);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(server.dump('orders')).toBe(changed);
    const failing = plan(
      `    restore: { assert: [{ sql: "select count(*) from invoices", equals: 2000 }], after: [{ run: ["false"] }] }\n`,
    );
    const back = await restore(['orders', '--latest', '--yes'], failing);
    expect(back.exitCode, back.stderr).toBe(1);
    expect(server.dump('orders')).toBe(changed);
    expect(await names()).toBe('orders');
  });

  it('changes names although the application is connected all the time', async () => {
    let going = true;
    const client = (async () => {
      while (going) await server.query('select count(*) from customers', 'orders').catch(() => {});
    })();
    const done = await restore(['orders', '--latest', '--yes']);
    going = false;
    await client;
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders')).toBe(saved);
  });

  it('says what a server that is down says, and a password that is wrong', async () => {
    const port = plan().replace(String(server.port), '1');
    const down = await restore(['orders', '--latest', '--yes'], port);
    expect(down).toMatchObject({ exitCode: 4 });
    expect(down.stderr).toMatch(
      /the postgres server at 127\.0\.0\.1:1 cannot be asked what lies in the database "orders".*refused/is,
    );
    writeFileSync(join(place.path, 'plan.yaml'), plan());
    const wrong = await runner(['restore', 'plan.yaml', 'orders', '--latest', '--yes'], {
      cwd: place.path,
      env: { DB_PASSWORD: 'no' },
    });
    expect(wrong).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('password authentication failed') });
  });

  /** Kills a restore when it has said this, and waits until nothing of it is left. */
  const killAt = async (text: string, delay = 0) => {
    writeFileSync(join(place.path, 'plan.yaml'), slow(text.includes('assert')));
    const words = ['restore', 'plan.yaml', 'orders', '--latest', '--yes', '--json'];
    const running = await launch(words, { cwd: place.path, env });
    expect(await running.until(text)).toBe(text);
    await sleep(delay);
    // The last of its tasks may be done by then.
    killIfThere(running.pid, 'SIGKILL');
    await running.ended;
    const run = running.run()!;
    expect(await waitFor(() => carriers(run).length === 0, 60_000, 50), 'processes of a killed run').toBe(true);
    for (let tries = 0; tries < 1000 && (await sessions()) !== '0'; tries++) await sleep(50);
    expect(await sessions()).toBe('0');
  };
  const slow = (isSlow: boolean) =>
    isSlow ? plan(`    restore: { assert: [{ sql: "select count(pg_sleep(30))", at-least: 0 }] }\n`) : plan();

  it('killed while it restores beside, leaves the live one, and the next one cleans up', {
    timeout: 60_000,
  }, async () => {
    await killAt('"event":"task-started","task":"assert"', 300);
    expect(server.dump('orders')).toBe(changed);
    expect(await names()).toBe('orders\norders_runner_new');
    const next = await restore(['orders', '--latest', '--yes']);
    expect(next, next.stderr).toMatchObject({ exitCode: 0 });
    expect(next.stderr).toContain('"orders_runner_new" of the postgres server');
    expect(server.dump('orders')).toBe(saved);
    expect(await names()).toBe('orders');
  });

  it.each([
    ['unpack', 60],
    ['swap', 0],
    ['swap', 15],
    ['safety', 0],
    ['discard', 10],
  ])('killed in %s after %i ms, leaves a whole database and the old one', async (task, delay) => {
    await killAt(`"event":"task-started","task":"${task}"`, delay);
    const [live, left] = [server.dump('orders'), await names()];
    expect([saved, changed]).toContain(live);
    // What was live is there, under its own name or aside, or in a copy that was committed.
    const ids = JSON.parse((await run(['list', '--json'])).stdout).backups as object[];
    if (live === saved && left.includes('orders_runner_old')) expect(server.dump('orders_runner_old')).toBe(changed);
    else if (live === saved) expect(ids.length).toBeGreaterThan(1);
    const next = await restore(['orders', '--latest', '--yes']);
    expect(next, next.stderr).toMatchObject({ exitCode: 0 });
    expect(server.dump('orders')).toBe(saved);
    // Killed between its making and its mark it is nobody's, and empty.
    const nobodys = (await names()).includes('orders_runner_new');
    if (nobodys)
      expect(
        await server.query(
          `select count(*) from pg_class where relnamespace = 'public'::regnamespace`,
          'orders_runner_new',
        ),
      ).toBe('0');
    const rest = [...(nobodys ? ['orders_runner_new'] : []), ...(left.includes('_old') ? ['orders_runner_old'] : [])];
    expect(await names()).toBe(['orders', ...rest].join('\n'));
  });

  it('interrupted while it restores beside, leaves nothing', async () => {
    writeFileSync(
      join(place.path, 'plan.yaml'),
      plan(`    restore: { assert: [{ sql: "select count(pg_sleep(30))", at-least: 0 }] }\n`),
    );
    const running = await launch(['restore', 'plan.yaml', 'orders', '--latest', '--yes', '--json'], {
      cwd: place.path,
      env,
    });
    await running.until('"event":"task-started","task":"assert"');
    process.kill(running.pid, 'SIGINT');
    expect((await running.ended).exitCode).toBe(130);
    expect(server.dump('orders')).toBe(changed);
    expect(await names()).toBe('orders');
  });

  it('from a damaged artifact touches nothing', async () => {
    const { stdout } = await run(['list', '--json']);
    const [{ id }] = JSON.parse(stdout).backups;
    const shown = JSON.parse((await run(['show', id, '--json'])).stdout);
    const key = JSON.stringify(shown).match(/"key":"([^"]+)"/)![1]!;
    const file = join(place.path, 'store', key);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(file, bytes);
    const done = await restore(['orders', '--id', id, '--yes']);
    expect(done).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is not what was backed up') });
    expect(server.dump('orders')).toBe(changed);
    expect(await names()).toBe('orders');
  });
});
