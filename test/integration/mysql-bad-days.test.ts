/** What a person is told when something is wrong, by real servers; and what a killed run leaves at them. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Flavour, flavours, MysqlServer } from '../helpers/mysql.ts';
import { type MysqlPlan, makePlan } from '../helpers/mysql-plan.ts';
import { built, cli, start } from '../helpers/runner.ts';
import { makeShop } from '../kinds/mysql-case.ts';

describe.each(flavours)('%s', (flavour: Flavour) => {
  let server: MysqlServer;
  let plan: MysqlPlan;
  const routines = flavour === 'mysql' ? 'SHOW_ROUTINE ON *.*' : 'SELECT ON mysql.proc';
  beforeAll(async () => {
    server = await MysqlServer.start(flavour);
    makeShop(server, 'shop', 3);
    server.sql(`CREATE USER 'clerk'@'%' IDENTIFIED BY 'sesame'; CREATE DATABASE bare;
      CREATE DATABASE big; CREATE TABLE big.t (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB);`);
    // Nothing that compresses: xz takes many seconds for it, and a dump that is looked for cannot be over.
    for (let row = 0; row < 60; row += 1)
      server.sql(`INSERT INTO big.t (b) VALUES (x'${randomBytes(500_000).toString('hex')}')`);
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    plan = makePlan(server, 'sesame');
  });
  afterEach(() => plan.remove());

  const clerk = (more: object) => ({
    host: '127.0.0.1',
    port: server.port,
    user: 'clerk',
    password: { secret: 'password' },
    ...more,
  });
  const refused = async (source: object, code = 4) => {
    plan.write(source as Record<string, unknown>);
    const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
    expect(exitCode).toBe(code);
    expect(stderr).not.toContain('sesame');
    return stderr;
  };
  const granted = (...grants: string[]) =>
    server.sql(
      [
        "REVOKE ALL, GRANT OPTION FROM 'clerk'@'%'",
        ...grants.map((grant) => `GRANT ${grant} TO 'clerk'@'%'`),
        'FLUSH PRIVILEGES',
      ].join(';\n'),
    );

  it('says that the password is wrong', async () => {
    plan.env.PASSWORD = 'wrong';
    expect(await refused(clerk({ database: 'shop' }))).toMatch(
      /the source of "shop" does not answer: .*Access denied for user 'clerk'@'[\w.]+' \(using password: YES\)/,
    );
  });

  it('says that nobody listens', async () => {
    const stderr = await refused({ host: '127.0.0.1', port: 1, user: 'root', database: 'shop' });
    expect(stderr).toMatch(/the source of "shop" does not answer: .*Can't connect to (MySQL )?server on '127.0.0.1/);
  });

  it('says that there is no such database, and which one was meant', async () => {
    expect(await refused({ database: 'shoop' })).toMatch(
      /there is no database "shoop" at the server, or root@localhost may not see it; did you mean "shop"\?/,
    );
    expect(await refused({ database: { matching: ['x*'] } })).toMatch(
      /no database matches; root@localhost sees .*shop/,
    );
  });

  it('names each privilege that is missing, and what is to be typed', async () => {
    granted('SELECT ON shop.orders');
    expect(await refused(clerk({ database: 'shop' }))).toContain(
      `'clerk'@'%' lacks SELECT, TRIGGER, EVENT on the whole database "shop", and what a user may not see is left out of a dump without a word: GRANT SELECT, TRIGGER, EVENT ON \`shop\`.* TO 'clerk'@'%';`,
    );
    granted('SELECT, TRIGGER, EVENT ON shop.*');
    expect(await refused(clerk({ database: 'shop' }))).toContain(
      `'clerk'@'%' may not see procedures and functions, and the dump would lack them without a word: GRANT ${routines} TO 'clerk'@'%'; or write \`routines: false\``,
    );
    granted('SELECT, TRIGGER, EVENT ON shop.*', routines);
    expect(await refused(clerk({ database: 'shop' }))).toContain(
      'the views of "shop" cannot be dumped without SHOW VIEW: GRANT SHOW VIEW ON `shop`.*',
    );
    expect(await refused(clerk({ database: 'shop', globals: true }))).toContain('GRANT SELECT ON mysql.* TO');
  });

  it('names the one table that may not be read', async () => {
    granted('SELECT, TRIGGER ON shop.orders', 'TRIGGER ON shop.*');
    const stderr = await refused(clerk({ database: 'shop', tables: ['orders', 'audit'] }));
    expect(stderr).toContain(
      `'clerk'@'%' may not read the table "audit" of "shop": GRANT SELECT ON \`shop\`.\`audit\``,
    );
  });

  it('needs no more than what it asks for', async () => {
    granted('SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.*', routines);
    plan.write(clerk({ database: 'shop' }));
    const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
    expect(stderr).not.toMatch(/error|warning/);
    expect(exitCode).toBe(0);
  });

  it('says which table is not there', async () => {
    expect(await refused({ database: 'shop', tables: ['orders', 'order'] })).toContain(
      'there is no table "order" in "shop"',
    );
  });

  it('says which view is broken, and that one without its definer is read by nobody', async () => {
    server.sql(`CREATE DATABASE broken; USE broken; CREATE TABLE t (a INT); CREATE TABLE gone (a INT);
      CREATE VIEW v AS SELECT a FROM gone; DROP TABLE gone; CREATE USER left_; CREATE DEFINER = left_ VIEW orphan AS SELECT a FROM t;`);
    server.sql(
      flavour === 'mysql' ? "DELETE FROM mysql.user WHERE User = 'left_'; FLUSH PRIVILEGES" : 'DROP USER left_',
    );
    const stderr = await refused({ database: 'broken' });
    expect(stderr).toMatch(
      /the view broken\.v cannot be dumped: .*gone|the view broken\.v cannot be dumped: View 'broken\.v' references invalid/,
    );
    expect(stderr).toContain('mend it, drop it, or name it in exclude-tables');
    expect(stderr).toContain(
      "warning: preflight: nobody can read the view broken.orphan: The user specified as a definer ('left_'@'%') does not exist",
    );
    plan.write({ database: 'broken', 'exclude-tables': ['v'] });
    expect((await plan.run('apply', 'plan.yaml')).exitCode).toBe(0);
    server.sql('DROP DATABASE broken');
  });

  it('warns of an empty database and of tables that no transaction protects', async () => {
    plan.write({ database: 'bare' }, { verify: ['content'] });
    expect((await plan.run('apply', 'plan.yaml')).stderr).toContain(
      'warning: preflight: the database "bare" holds no tables',
    );
    server.sql('CREATE TABLE bare.old (a INT) ENGINE=MyISAM; CREATE TABLE bare.fast (a INT) ENGINE=MEMORY');
    const { stderr } = await plan.run('apply', 'plan.yaml');
    for (const [engine, table] of [
      ['MyISAM', 'old'],
      ['MEMORY', 'fast'],
    ])
      expect(stderr).toContain(
        `1 table of "bare" cannot be read in one moment with the others, since ${engine} knows no transactions: ${table};`,
      );
    server.sql('DROP TABLE bare.old, bare.fast');
  });

  it.runIf(flavours.length === 2)("says that the server is the other maker's", async () => {
    const other = flavour === 'mysql' ? 'mariadb' : 'mysql';
    plan.env.PATH = `${server.path}:/usr/bin`;
    const stderr = await refused({ type: other, database: 'shop' });
    expect(stderr).toContain(`write \`type: ${flavour}\` for the source`);
  });

  /** Until the dump reads its table. */
  const dumping = async (child: { exitCode: number | null }) => {
    while (!/SELECT [^\n]*`t`/.test(server.sql('SHOW FULL PROCESSLIST'))) {
      expect(child.exitCode).toBe(null);
      await sleep(1);
    }
  };
  const temporaries = () =>
    readdirSync(plan.directory, { recursive: true, encoding: 'utf8' }).filter((name) => /\.sql/.test(name));

  it('fails, and leaves nothing, when the server is killed in mid-dump', async () => {
    plan.write({ database: 'big' }, { transforms: ['xz'], verify: ['content'] });
    await built();
    const child = start(process.execPath, ['--', cli, 'apply', 'plan.yaml'], { cwd: plan.directory, env: plan.env });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await dumping(child);
    await server.kill();
    expect(await ended).toBe(2);
    await server.up();
    expect(said).toMatch(/(Lost connection|gone away|Can't connect|does not answer)/);
    expect(temporaries()).toEqual([]);
  });

  it('leaves no connection when the runner is killed', async () => {
    granted('SELECT, SHOW VIEW, TRIGGER, EVENT ON big.*', routines);
    plan.write(clerk({ database: 'big' }), { transforms: ['xz'] });
    await built();
    const child = start(process.execPath, ['--', cli, 'apply', 'plan.yaml'], { cwd: plan.directory, env: plan.env });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await dumping(child);
    expect(server.connections('clerk')).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await ended;
    for (let waited = 0; waited < 100 && server.connections('clerk') > 0; waited += 1) await sleep(100);
    expect(server.connections('clerk')).toBe(0);
  });
});
