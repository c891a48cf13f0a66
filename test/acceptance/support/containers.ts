/** The customers' containers: PostgreSQL and Redis as their official images run them, made of this machine's programs. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerEngine, Said } from '../../helpers/docker.ts';
import { major, programsOf } from '../../helpers/postgres.ts';

/** Starts a container under its own name, whatever a killed test left of it. */
function run(engine: DockerEngine, name: string, image: string, args: string[], argv: string[]): void {
  remove(engine, name);
  const fixed = ['--detach', '--init', '--network=none', '--pull=never', `--name=${name}`];
  const { status, stderr } = engine.docker(['run', ...fixed, ...args, '--', image, ...argv]);
  if (status !== 0) throw new Error(`${name} does not start: ${stderr}`);
}

export const remove = (engine: DockerEngine, name: string): Said => engine.docker(['rm', '--force', '--volumes', name]);

/** Asks again and again until what it prints is right. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 300_000; Date.now() < end; await sleep(100)) if (isSo()) return;
  throw new Error(`${what} did not come within five minutes`);
}

export type Sql = (query: string, database?: string) => Said;

/** A PostgreSQL server whose superuser and database have one name; `password` is asked for on its socket. */
export async function provisionPostgres(
  engine: DockerEngine,
  name: string,
  user: string,
  password: string,
): Promise<Sql> {
  const bin = programsOf(major!)!;
  const programs = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_dumpall', 'pg_restore'].map((one) => join(bin, one));
  const folders = [`/usr/share/postgresql/${major}`, join(dirname(bin), 'lib'), '/usr/share/zoneinfo'];
  const image = engine.image('served-postgres', programs, folders.filter(existsSync));
  const server = `initdb -D /tmp/d -U ${user} --pwfile=/tmp/pw --auth=scram-sha-256 --no-sync --encoding=UTF8 --locale=C.UTF-8 >/dev/null &&
    exec postgres -D /tmp/d -k /run/postgresql -c listen_addresses= -c fsync=off`;
  const script = `mkdir -p /run/postgresql; [ -e /var/run ] || ln -s /run /var/run; chown postgres /run/postgresql
    printf '%s\\n' "$PASSWORD" >/tmp/pw; chmod 644 /tmp/pw
    exec setpriv --reuid=postgres --regid=postgres --init-groups sh -c "cd /tmp; PATH=${bin}:$PATH; $SERVER"`;
  const variables = ['--env', `PASSWORD=${password}`, '--env', `SERVER=${server}`];
  run(engine, name, image, variables, ['sh', '-c', script]);
  const sql: Sql = (query, database = user) =>
    engine.docker(
      [
        'exec',
        '-i',
        '-u',
        'postgres',
        '-e',
        `PGPASSWORD=${password}`,
        name,
        'psql',
        '-XAtq',
        '-U',
        user,
        '-d',
        database,
      ],
      query,
    );
  await until(`${name}`, () => sql('select 1', 'postgres').stdout === '1\n');
  sql(`create database ${user}`, 'postgres');
  return sql;
}

/** A Redis server with an append-only file, whose `/data` is `folder` here; it works as the user redis. */
export function provisionRedis(engine: DockerEngine, name: string, folder: string, password: string): void {
  const image = engine.image('redis', ['redis-server', 'redis-cli', 'redis-check-rdb']);
  const line = ['redis-server', '--dir', '/data', '--requirepass', password, '--appendonly', 'yes'];
  const near = ['--unixsocket', '/data/s', '--unixsocketperm', '777', '--repl-diskless-sync-delay', '0'];
  run(engine, name, image, ['--user=redis', `--volume=${folder}:/data`], [...line, ...near]);
}

/** A container that does nothing: an application that can be stopped and started. */
export function provisionApplication(engine: DockerEngine, name: string): void {
  run(engine, name, engine.image('redis', ['redis-server', 'redis-cli', 'redis-check-rdb']), [], ['sleep', '100000']);
}

export const isRunning = (engine: DockerEngine, name: string): boolean =>
  engine.docker(['inspect', '--format', '{{.State.Running}}', name]).stdout.trim() === 'true';
