// Real servers for the benchmarks, each in a directory below bench/runs/work with its data, which stay for the next time.
// They need root: PostgreSQL and MariaDB refuse to run as root and are started as their own users.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { work } from './measure.mjs';

const running = [];

/** Runs a program; throws with what it said when it fails. */
export function run(argv, options = {}) {
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), {
    encoding: 'utf8',
    maxBuffer: 1e9,
    ...options,
  });
  if (status !== 0) throw new Error(`${argv.join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

const as = (user) => ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--'];

function directoryOf(name, user) {
  const directory = join(work, name);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (let path = directory; path.startsWith(join(work, '..', '..')); path = join(path, '..')) chmodSync(path, 0o755);
  run(['chown', user, directory]);
  return directory;
}

async function start(argv, ready, directory) {
  const child = spawn(argv[0], argv.slice(1), { cwd: directory, stdio: 'ignore' });
  running.push(child);
  for (let tries = 0; tries < 300; tries++) {
    if (spawnSync(ready[0], ready.slice(1), { stdio: 'ignore' }).status === 0) return;
    if (child.exitCode !== null) break;
    await sleep(100);
  }
  throw new Error(`${argv.at(-1)} did not start`);
}

export async function stopServers() {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
}

/** PostgreSQL on a socket; `fill` is asked for the statements of an empty server. */
export async function postgres(fill) {
  const versions = readdirSync('/usr/lib/postgresql').sort();
  const bin = `/usr/lib/postgresql/${versions.at(-1)}/bin`;
  const directory = directoryOf('postgres', 'postgres');
  const data = join(directory, 'data');
  const psql = (database, sql) =>
    run([
      `${bin}/psql`,
      '-X',
      '-At',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      directory,
      '-U',
      'postgres',
      '-d',
      database,
      '-c',
      sql,
    ]);
  const isNew = !existsSync(data);
  if (isNew)
    run([...as('postgres'), `${bin}/initdb`, '-D', data, '-U', 'postgres', '--auth=trust', '--no-sync'], {
      cwd: directory,
    });
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${directory}`,
    'fsync=off',
    'shared_buffers=512MB',
    'max_wal_size=4GB',
    'autovacuum=off',
  ];
  const server = [...as('postgres'), `${bin}/postgres`, '-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  await start(server, [`${bin}/pg_isready`, '-h', directory], directory);
  if (isNew) for (const [database, sql] of fill) psql(database, sql);
  return { bin, host: directory, psql };
}

/** MariaDB on a socket. */
export async function mariadb(fill) {
  const directory = directoryOf('mariadb', 'mysql');
  const data = join(directory, 'data');
  const socket = join(directory, 's');
  const isNew = !existsSync(data);
  if (isNew)
    run(
      [
        ...as('mysql'),
        'mariadb-install-db',
        '--no-defaults',
        `--datadir=${data}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ],
      { cwd: directory },
    );
  const tuned = [
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=1G',
    '--skip-log-bin',
    '--innodb-log-file-size=1G',
  ];
  const server = [
    ...as('mysql'),
    'mariadbd',
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${socket}`,
    '--skip-networking',
    ...tuned,
  ];
  await start(server, ['mariadb-admin', '--no-defaults', '-S', socket, '-u', 'root', 'ping'], directory);
  const sql = (text, database) =>
    run([
      'mariadb',
      '--no-defaults',
      '-N',
      '-B',
      '-S',
      socket,
      '-u',
      'root',
      ...(database ? [database] : []),
      '-e',
      text,
    ]);
  if (isNew) for (const [database, text] of fill) sql(text, database);
  return { socket, sql };
}

/** Redis on a socket, in memory only; `fill` is a Lua script. */
export async function redis(fill) {
  const directory = directoryOf('redis', 'root');
  const socket = join(directory, 's');
  const server = [
    'redis-server',
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const cli = (...words) => run(['redis-cli', '-s', socket, ...words]);
  await start(server, ['redis-cli', '-s', socket, 'ping'], directory);
  while (cli('ping') !== 'PONG') await sleep(100);
  if (cli('dbsize') === '0') fill(cli);
  return { socket, directory, cli };
}
