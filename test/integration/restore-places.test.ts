/** Restores into servers that are reached from elsewhere only: in a container, behind ssh. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { hasPostgres, major, Postgres, programsOf } from '../helpers/postgres.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';

type Place = {
  source: Record<string, unknown>;
  env: Record<string, string>;
  /** Asks the server itself. */
  query(sql: string, database?: string): Promise<string>;
  stop(): Promise<void>;
};

const engine = dockerEngine();

/** A server that listens on a socket inside of a container, and nowhere else. */
async function inDocker(): Promise<Place> {
  const bin = programsOf(major!)!;
  const tools = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_restore'].map((name) => join(bin, name));
  const image = engine!.image('restore-postgres', tools, [`/usr/share/postgresql/${major}`, join(dirname(bin), 'lib')]);
  const script = `initdb -D /tmp/data -U admin --auth=trust --no-sync >/dev/null && exec postgres -D /tmp/data -k /tmp -c listen_addresses= -c fsync=off`;
  const container: Container = engine!.run(image, ['sh', '-c', `PATH=${bin}:$PATH; ${script}`], {
    user: '65534:65534',
  });
  const query = async (sql: string, database = 'postgres') => {
    const said = container.exec([join(bin, 'psql'), '-h', '/tmp', '-U', 'admin', '-XqAt', '-c', sql, database]);
    if (said.status !== 0) throw new Error(said.stderr);
    return said.stdout.trim();
  };
  for (let tries = 0; ; tries++) {
    try {
      await query('select 1');
      break;
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    source: { host: '/tmp', user: 'admin', 'run-in': { docker: container.name } },
    env: engine!.env,
    query,
    stop: async () => container.remove(),
  };
}

async function bySsh(): Promise<Place> {
  const place = temporaryDirectory();
  const server = await Postgres.start();
  const sshd: Sshd = await startSshd(place.path);
  return {
    source: { host: server.directory, port: server.port, user: 'postgres', 'run-in': sshd.runIn },
    env: {},
    query: (sql, database) => server.query(sql, database),
    stop: async () => {
      await sshd.stop();
      await server.stop();
      place.remove();
    },
  };
}

describe.each([
  ['a container', inDocker, engine !== null && hasPostgres()],
  ['another host', bySsh, hasPostgres() && hasSshd()],
] as const)('into a PostgreSQL server in %s', (_, start, able) => {
  describe.skipIf(!able)('there', () => {
    const place = temporaryDirectory();
    let there: Place;
    beforeAll(async () => {
      there = await start();
    });
    afterAll(async () => {
      await there?.stop();
      place.remove();
    });

    const run = async (words: string[], after = 'true') => {
      mkdirSync(place.path, { recursive: true });
      const plan = {
        version: 1,
        name: 'shop',
        destinations: { disk: { type: 'local', path: 'store' } },
        backups: {
          orders: {
            source: { type: 'postgres', ...there.source, database: 'orders' },
            destinations: ['disk'],
            restore: { assert: [{ sql: 'select count(*) from customers', equals: 3 }], after: [{ run: [after] }] },
          },
        },
      };
      writeFileSync(join(place.path, 'plan.yaml'), JSON.stringify(plan));
      return await runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: place.path, env: there.env });
    };
    const names = () =>
      there.query(`select string_agg(datname, ' ' order by datname) from pg_database where datname like 'orders%'`);
    const rows = () => there.query('select count(*) from customers', 'orders');

    it('the live database is replaced, rolled back, and one is made beside it', async () => {
      await there.query('create database orders');
      await there.query('create table customers as select generate_series(1, 3) id', 'orders');
      const made = await run(['apply', '-q']);
      expect(made, made.stderr).toMatchObject({ exitCode: 0 });
      await there.query('insert into customers values (4)', 'orders');

      const failed = await run(['restore', 'orders', '--latest', '--yes'], 'false');
      expect(failed.exitCode, failed.stderr).toBe(1);
      expect([await names(), await rows()]).toEqual(['orders', '4']);

      const beside = await run(['restore', 'orders', '--latest', '--to', 'orders "2" $x']);
      expect(beside, beside.stderr).toMatchObject({ exitCode: 0 });
      expect(await names()).toBe('orders orders "2" $x');

      const done = await run(['restore', 'orders', '--latest', '--yes']);
      expect(done, done.stderr).toMatchObject({ exitCode: 0 });
      expect([await names(), await rows()]).toEqual(['orders orders "2" $x', '3']);

      await there.query('drop database orders');
      const lost = await run(['restore', 'orders', '--latest', '--yes']);
      expect(lost, lost.stderr).toMatchObject({ exitCode: 0 });
      expect(await rows()).toBe('3');
    });
  });
});

describe.skipIf(!hasSshd())('files that lie elsewhere', () => {
  it('are restored here to a path that is named, and there only where the plan lets them be replaced', async () => {
    const place = temporaryDirectory();
    const sshd = await startSshd(place.path);
    mkdirSync(join(place.path, 'data'));
    writeFileSync(join(place.path, 'data', 'a'), 'a');
    const plan = {
      version: 1,
      name: 'shop',
      destinations: { disk: { type: 'local', path: 'store' } },
      backups: {
        data: {
          source: { type: 'files', base: join(place.path, 'data'), paths: ['.'], 'run-in': sshd.runIn },
          destinations: ['disk'],
        },
      },
    };
    writeFileSync(join(place.path, 'plan.yaml'), JSON.stringify(plan));
    const run = (...words: string[]) => runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: place.path });
    try {
      expect(await run('apply', '-q')).toMatchObject({ exitCode: 0 });
      const refused = await run('restore', 'data', '--latest', '--yes');
      expect(refused).toMatchObject({
        exitCode: 4,
        stderr: expect.stringContaining(
          'data (ssh root@127.0.0.1) exists and is not empty; restore "data" into a fresh directory here with --to',
        ),
      });
      const done = await run('restore', 'data', '--latest', '--to', 'out');
      expect(done, done.stderr).toMatchObject({ exitCode: 0 });
      expect(execFileSync('cat', [join(place.path, 'out', 'a')], { encoding: 'utf8' })).toBe('a');
    } finally {
      await sshd.stop();
      place.remove();
    }
  });
});
