/** The whole flow by the built program, against real servers: backed up, proven in a throw-away server, brought back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Flavour, flavours, MysqlServer } from '../helpers/mysql.ts';
import { type MysqlPlan, makePlan } from '../helpers/mysql-plan.ts';
import { canonical, makeShop, makeUser, password, tick } from '../kinds/mysql-case.ts';
import { full } from '../proofs/support.ts';

// Two cores may be shared by many: none of these is about time.
describe.each(flavours)('%s', (flavour: Flavour) => {
  /** What their programs have in common is asked of one of them. */
  const whole = full || flavour === flavours[0];
  let server: MysqlServer;
  let plan: MysqlPlan;
  beforeAll(async () => {
    server = await MysqlServer.start(flavour, [
      '--log-bin=binlog',
      '--server-id=1',
      '--log-bin-trust-function-creators=1',
    ]);
    makeUser(server, 'b"a\\c k\'up', password);
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    plan = makePlan(server, password);
  });
  afterEach(() => plan.remove());

  const applied = async () => {
    const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
    expect(stderr).not.toMatch(/error|warning/);
    expect(exitCode).toBe(0);
  };
  const byPassword = () => ({
    host: '127.0.0.1',
    port: server.port,
    user: 'b"a\\c k\'up',
    password: { secret: 'password' },
  });

  const names = [...(whole ? ['-x; drop $HOME é`'] : []), ...(flavour === 'mysql' ? [`it's a "shop" \\`] : [])];
  it.each(names)('backs up, proves and restores everything in a database called %s', async (name) => {
    makeShop(server, name);
    plan.write({ ...byPassword(), database: name });
    await applied();
    const before = canonical(server, name);
    server.sql(
      "DELETE FROM orders; DROP TABLE parted; DROP VIEW rich; UPDATE types SET vc = 'other' WHERE id = 3",
      name,
    );
    const restored = await plan.run('restore', 'plan.yaml', 'shop', '--latest', '--yes', '--no-safety-backup');
    expect(restored.stderr).not.toContain('error');
    expect(restored.exitCode).toBe(0);
    expect(canonical(server, name)).toBe(before);
    expect(server.sql('SHOW DATABASES')).not.toContain('runner');
    server.sql(`DROP DATABASE ${tick(name)}`);
  });

  it.runIf(flavour === 'mariadb')(
    'takes tables of a database whose name holds quotes, and says what it cannot',
    async () => {
      const name = `it's "\\`;
      server.sql(`CREATE DATABASE ${tick(name)}`);
      server.sql('CREATE TABLE `it\'s "` (a INT); INSERT INTO `it\'s "` VALUES (1)', name);
      plan.write({ database: name });
      await applied();
      server.sql('CREATE PROCEDURE p() SELECT 1', name);
      const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
      expect(exitCode).toBe(4);
      expect(stderr).toContain('mariadb-dump cannot dump routines and events of the database');
      server.sql(`DROP DATABASE ${tick(name)}`);
    },
  );

  it('keeps version, collation and place in the binary log in the manifest', async () => {
    makeShop(server, 'shop', 2);
    plan.write({ database: 'shop' }, { verify: ['content'] });
    await applied();
    const { source } = plan.manifest() as { source: { version: string; facts: Record<string, string> } };
    expect(server.sql('SELECT VERSION()')).toContain(source.version);
    expect(source.facts).toMatchObject({ collation: 'latin1_german2_ci', 'lower-case-table-names': '0' });
    expect(source.facts['binary-log']).toMatch(/^binlog\.0\d+\s+\d+/);
  });

  it('takes all databases, each for itself, and the users', async () => {
    for (const name of ['one', 'two', 'not-this']) {
      server.sql(`DROP DATABASE IF EXISTS ${tick(name)}; CREATE DATABASE ${tick(name)}`);
      server.sql(`CREATE TABLE t (a INT); INSERT INTO t VALUES (1)`, name);
    }
    server.sql("CREATE USER IF NOT EXISTS 'clerk'@'%' IDENTIFIED BY 'sesame'; GRANT SELECT ON one.* TO 'clerk'@'%'");
    plan.write({ database: { matching: ['one', 't*', 'not*'], except: ['not-*'] }, globals: true });
    await applied();
    const { artifacts } = plan.manifest() as { artifacts: { name: string; purpose: string }[] };
    expect(artifacts.map(({ name, purpose }) => `${purpose} ${name}`)).toEqual([
      'globals globals',
      'data one',
      'data two',
    ]);
    server.sql("DROP DATABASE one; DROP USER 'clerk'@'%'");
    const { exitCode, stderr } = await plan.run(
      'restore',
      'plan.yaml',
      'shop',
      '--latest',
      '--yes',
      '--no-safety-backup',
    );
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(server.sql('SELECT * FROM one.t').trim()).toBe('1');
    expect(server.sql("SHOW GRANTS FOR 'clerk'@'%'")).toContain('GRANT SELECT ON `one`.*');
    // Nobody knows his password: he comes back locked.
    expect(server.sql("SHOW CREATE USER 'clerk'@'%'")).toContain('ACCOUNT LOCK');
    server.sql("DROP DATABASE one; DROP DATABASE two; DROP DATABASE `not-this`; DROP USER 'clerk'@'%'");
  });

  it.runIf(whole)('takes the server from a secret URL', async () => {
    makeShop(server, 'shop', 2);
    const [user, word] = ['b"a\\c k\'up', password].map(encodeURIComponent);
    plan.env.PASSWORD = `${flavour}://${user}:${word}@127.0.0.1:${server.port}/shop`;
    plan.write({ url: { secret: 'password' } });
    await applied();
    const restored = await plan.run('restore', 'plan.yaml', 'shop', '--latest', '--to', 'copied', '--yes');
    expect(restored.stderr).not.toContain('error');
    expect(canonical(server, 'copied')).toBe(canonical(server, 'shop'));
    server.sql('DROP DATABASE copied');
  });

  it('verifies in a database of a given server, and leaves nothing there', async () => {
    makeShop(server, 'shop', 2);
    plan.env.GIVEN = `${flavour}://root@localhost/?socket=${encodeURIComponent(server.socket)}`;
    plan.write(
      { database: 'shop' },
      {
        verify: [
          { restore: { into: { url: { secret: 'given' } }, assert: [{ contents: 'checksums', compare: 'source' }] } },
        ],
      },
    );
    await applied();
    expect(server.sql('SHOW DATABASES')).not.toContain('runner');
  });

  it('encrypts where it is told to, and says when that cannot be', async () => {
    makeShop(server, 'shop', 2);
    plan.write({ ...byPassword(), database: 'shop', tls: { mode: 'require' } }, { verify: ['content'] });
    const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
    if (flavour === 'mariadb') {
      expect(exitCode).toBe(4);
      expect(stderr).toContain('the plan wants an encrypted connection (`tls`), and the server gives none');
      return;
    }
    expect(exitCode).toBe(0);
    const ca = join(server.directory, 'data', 'ca.pem');
    plan.write({ ...byPassword(), database: 'shop', tls: { mode: 'verify-ca', ca } }, { verify: ['content'] });
    await applied();
    const other = join(server.directory, 'data', 'public_key.pem');
    plan.write({ ...byPassword(), database: 'shop', tls: { mode: 'verify-ca', ca: other } }, { verify: ['content'] });
    const refused = await plan.run('apply', 'plan.yaml');
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/the source of "shop" does not answer: .*SSL/);
  });

  it("does not read the client's own files", async () => {
    makeShop(server, 'shop', 2);
    plan.env.HOME = plan.directory;
    writeFileSync(join(plan.directory, '.my.cnf'), '[client]\nuser=nobody\npassword=wrong\n');
    plan.write({ database: 'shop' });
    await applied();
  });

  it.runIf(full)('takes a value of 200 MB and 5,000 tables', { timeout: 3_600_000 }, async () => {
    server.sql(`DROP DATABASE IF EXISTS big; CREATE DATABASE big; USE big; CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB);
      INSERT INTO t VALUES (1, REPEAT(x'00ff27', 70000000)), (2, x'00');`);
    const tables = Array.from(
      { length: 5000 },
      (_, n) => `CREATE TABLE x${n} (id INT PRIMARY KEY); INSERT INTO x${n} VALUES (${n});`,
    );
    server.sql(tables.join('\n'), 'big');
    plan.write({ database: 'big' });
    await applied();
    server.sql('DROP DATABASE big');
  });
});
