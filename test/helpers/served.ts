/** Real servers at each place where a source may run: here, in a container (a socket inside of it only), behind ssh. */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Container, dockerEngine } from './docker.ts';
import { hasServer, MysqlServer } from './mysql.ts';
import { hasPostgres, major, Postgres, programsOf } from './postgres.ts';
import { hasRedis, RedisServer } from './redis.ts';
import { temporaryDirectory } from './runner.ts';
import { hasSshd, type Sshd, type SshdOptions, startSshd } from './ssh.ts';

export const kinds = ['postgres', 'mariadb', 'redis'] as const;
export type Kind = (typeof kinds)[number];
export const places = ['here', 'docker', 'ssh'] as const;
export type Place = (typeof places)[number];

type Servers = { postgres: Postgres; mariadb: MysqlServer; redis: RedisServer };

export type Served<K extends Kind = Kind> = {
  server: Servers[K];
  /** What a plan says of it: the user `keeper`, whose password is the secret `password`, and where it runs. */
  source: Record<string, unknown>;
  env: Record<string, string>;
  /** The container or the ssh server that leads there. */
  container?: Container;
  sshd?: Sshd;
  stop(): Promise<void>;
};

const engine = dockerEngine();

/** Whether it can be had here. Says why not. */
export function canServe(kind: Kind, place: Place): boolean {
  const able = { postgres: () => hasPostgres(), mariadb: () => hasServer('mariadb'), redis: () => hasRedis() }[kind]();
  return able && { here: () => true, docker: () => engine !== null, ssh: () => hasSshd() }[place]();
}

/** Starts one whose user `keeper` may do everything and must give this password; `options` are those of its ssh server. */
export async function serve<K extends Kind>(
  kind: K,
  place: Place,
  password: string,
  options: SshdOptions = {},
): Promise<Served<K>> {
  const folder = temporaryDirectory('srv-');
  // Users of every number have their sockets in it.
  chmodSync(folder.path, 0o777);
  const container = place === 'docker' ? contain(kind, folder.path) : undefined;
  const ends: (() => unknown)[] = [() => folder.remove(), () => container?.remove()];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    const server = container ? await inside(kind, folder.path) : await local(kind);
    if (!container) ends.push(() => (server instanceof RedisServer ? server.end() : server.stop()));
    await addKeeper(server, password);
    const keys = join(folder.path, 'ssh');
    if (place === 'ssh') mkdirSync(keys, { mode: 0o700 });
    const sshd = place === 'ssh' ? await startSshd(keys, {}, options) : undefined;
    if (sshd) ends.push(() => sshd.stop());
    const away = container ? { docker: container.name } : sshd?.runIn;
    const common = { type: kind, user: 'keeper', password: { secret: 'password' } };
    const source = { ...common, ...address(server, container), ...(away ? { 'run-in': away } : {}) };
    const path = server instanceof RedisServer ? {} : { PATH: pathOf(server) };
    const reached = { ...(container ? { container } : {}), ...(sshd ? { sshd } : {}) };
    return { server: server as Servers[K], source, env: { ...path, ...engine?.env }, ...reached, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const pathOf = (server: Postgres | MysqlServer) =>
  server instanceof Postgres ? `${server.bin}:${process.env.PATH}` : server.path;

async function local(kind: Kind): Promise<Servers[Kind]> {
  if (kind === 'postgres') return await Postgres.start({ settings: { log_min_messages: 'fatal' } });
  return kind === 'mariadb' ? await MysqlServer.start('mariadb') : await RedisServer.start();
}

function address(server: Servers[Kind], container: Container | undefined): Record<string, unknown> {
  if (server instanceof Postgres)
    return container ? { host: '/sock', port: 5432 } : { host: '127.0.0.1', port: server.port };
  if (server instanceof RedisServer) return { socket: container ? '/sock/s' : server.socket };
  return container ? { socket: '/sock/s' } : { host: '127.0.0.1', port: server.port };
}

async function addKeeper(server: Servers[Kind], password: string): Promise<void> {
  const literal = `'${password.replaceAll("'", "''")}'`;
  if (server instanceof Postgres) await server.query(`create role keeper login superuser password ${literal}`);
  else if (server instanceof RedisServer)
    await server.with((send) => send('ACL', 'SETUSER', 'keeper', 'on', `>${password}`, '~*', '&*', '+@all'));
  else
    for (const host of ['%', 'localhost']) {
      const user = `keeper@'${host}'`;
      const word = literal.replaceAll('\\', '\\\\');
      server.sql(`CREATE USER ${user} IDENTIFIED BY ${word}; GRANT ALL ON *.* TO ${user} WITH GRANT OPTION`);
    }
}

/** Programs that mariadb-install-db wants. */
const mariadb = ['mariadbd', 'mariadb', 'mariadb-dump', 'mariadb-install-db', 'my_print_defaults', 'resolveip'];
const words = 'hostname dirname basename id sed grep sort cat uname mkdir chown chmod rm touch ls tr'.split(' ');

/** The folder of its socket is this machine's too, so that a test may look at the server without the container. */
function contain(kind: Kind, folder: string): Container {
  const options = { user: '65534:65534', args: [`--volume=${folder}:/sock`] };
  const shell = (image: string, script: string) => engine!.run(image, ['sh', '-c', script], options);
  if (kind === 'redis') {
    const image = engine!.image('redis', ['redis-server', 'redis-cli', 'redis-check-rdb']);
    const line = 'exec redis-server --port 0 --unixsocket /sock/s --unixsocketperm 777 --dir /tmp --save ""';
    return shell(image, `${line} --repl-diskless-sync-delay 0`);
  }
  if (kind === 'mariadb') {
    const image = engine!.image('served-mariadb', [...mariadb, ...words], ['/usr/share/mysql', '/usr/lib/mysql']);
    const install = 'mariadb-install-db --no-defaults --datadir=/tmp/d --auth-root-authentication-method=normal';
    const start = 'exec mariadbd --no-defaults --datadir=/tmp/d --socket=/sock/s --skip-networking';
    return shell(image, `cd /tmp && ${install} --skip-test-db --force >/dev/null && ${start} --max-allowed-packet=1G`);
  }
  const bin = programsOf(major!)!;
  const programs = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_dumpall', 'pg_restore'].map((name) => join(bin, name));
  // Without its time zones a server knows no UTC.
  const folders = [`/usr/share/postgresql/${major}`, join(dirname(bin), 'lib'), '/usr/share/zoneinfo'];
  const image = engine!.image('served-postgres', programs, folders.filter(existsSync));
  const rules = `printf 'local all keeper scram-sha-256\\nlocal all all trust\\n' > /tmp/d/pg_hba.conf`;
  const init = 'initdb -D /tmp/d -U postgres --no-sync --encoding=UTF8 --locale=C.UTF-8 >/dev/null';
  const start = 'exec postgres -D /tmp/d -k /sock -c listen_addresses= -c fsync=off';
  return shell(image, `PATH=${bin}:$PATH; ${init} && ${rules} && ${start}`);
}

/** The server in the container, as far as its socket goes. */
async function inside(kind: Kind, directory: string): Promise<Servers[Kind]> {
  const path = `${process.env.PATH}:/usr/sbin`;
  const [server, ask] = {
    postgres: () => {
      const one: Postgres = Object.assign(Object.create(Postgres.prototype), {
        ...{ major, bin: programsOf(major!)!, directory, port: 5432 },
      });
      return [one, async () => await one.query('select 1')] as const;
    },
    mariadb: () => {
      const one: MysqlServer = Object.assign(Object.create(MysqlServer.prototype), {
        ...{ flavour: 'mariadb', directory, port: 0, path },
      });
      return [one, async () => one.sql('SELECT 1')] as const;
    },
    redis: () => {
      const one: RedisServer = Object.assign(Object.create(RedisServer.prototype), { directory, options: {} });
      return [one, async () => one.cli('PING')] as const;
    },
  }[kind]();
  for (let tries = 0; ; tries += 1) {
    try {
      await ask();
      return server;
    } catch (error) {
      if (tries > 1800) throw error;
      await sleep(100);
    }
  }
}
