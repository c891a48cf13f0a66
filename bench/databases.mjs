// Databases: `runner apply` and `runner restore` against what a careful person would type with the same programs, in turns.
// PostgreSQL 2 GB, MariaDB and Redis 1 GB, on sockets, zstd, one local copy. usage: node bench/databases.mjs [--runs 5] [--only postgres]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { cli, keep, median, option, promise, work } from './measure.mjs';
import { mariadb, postgres, redis, run, stopServers } from './servers.mjs';

const place = join(work, 'databases');
const copy = join(place, 'copy');
const log = join(work, 'databases.log');
const runs = option('runs', 5);
const only = process.argv[process.argv.indexOf('--only') + 1];
const wanted = (name) => !process.argv.includes('--only') || name === only;

/** A pipeline of the shell into the copy: hashed on the way, synced, as the runner does. */
const capture = `set -euo pipefail; umask 077; mkfifo "$0.fifo"; openssl dgst -sha256 <"$0.fifo" >"$0.sum" &
  "$@" | zstd -3 -T0 --check -q -c | tee "$0" >"$0.fifo"; wait; rm "$0.fifo"; sync "$0" "$0.sum" "$(dirname "$0")"`;

function timed(argv) {
  spawnSync('sync');
  const script = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >"$0" 2>&1';
  const { status, stderr } = spawnSync('bash', ['-c', script, log, ...argv], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.slice(0, 3).join(' ')} failed: see ${log}`);
  const [wall, user, system] = stderr.trim().split(' ').map(Number);
  return { wall, cpu: user + system };
}

function planFile(name, source, more = {}) {
  const plan = {
    version: 1,
    name: 'bench',
    destinations: { copy: { type: 'local', path: copy } },
    backups: { [name]: { source, transforms: ['zstd'], destinations: ['copy'], ...more } },
  };
  const file = join(work, `databases-${name}.yaml`);
  writeFileSync(file, JSON.stringify(plan, null, 2));
  return file;
}

const runner = (...words) => [process.execPath, cli, ...words, '--quiet'];

function empty() {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true, mode: 0o700 });
}

/** Both in turns; the first round warms the caches. `before` brings everything back to where a run begins. */
function race(title, contestants, before, most) {
  const taken = { shell: [], runner: [] };
  for (let round = -1; round < runs; round++) {
    for (const who of round % 2 === 0 ? ['shell', 'runner'] : ['runner', 'shell']) {
      before(who);
      const one = timed(contestants[who]);
      if (round >= 0) taken[who].push(one);
    }
  }
  const of = (who, what) => median(taken[who].map((one) => one[what]));
  for (const who of ['shell', 'runner'])
    console.log(`${title}, ${who}: wall ${of(who, 'wall').toFixed(2)} s, processor ${of(who, 'cpu').toFixed(2)} s`);
  promise(`${title}, wall, times the shell's`, of('runner', 'wall') / of('shell', 'wall'), most);
  const paired = median(taken.runner.map((one, index) => one.wall / taken.shell[index].wall));
  console.log(`       median of the ratios of neighbours: ${paired.toFixed(3)}`);
  return { title, taken };
}

const artifact = (ending) => {
  const found = readdirSync(copy, { recursive: true }).find((name) => name.endsWith(ending));
  return join(copy, found);
};

async function postgresRaces(results) {
  const rows = (table, count) => [
    'bench',
    `create table ${table} as select id, md5(id::text) as name, now() - id * interval '1 second' as at, (random() * 1e6)::numeric(12,2) as amount,
      repeat(md5((id * 7)::text), 3) || md5(random()::text) as note from generate_series(1, ${count}) id`,
  ];
  const server = await postgres([
    ['postgres', 'create database bench'],
    ...['a', 'b', 'c', 'd'].map((table) => rows(`orders_${table}`, 2_300_000)),
    ...['a', 'b', 'c', 'd'].map((table) => ['bench', `alter table orders_${table} add primary key (id)`]),
  ]);
  const { bin, host, psql } = server;
  const size = psql('bench', "select pg_size_pretty(pg_database_size('bench'))");
  console.log(`PostgreSQL: ${size} in the server`);
  const source = { type: 'postgres', host, user: 'postgres', database: 'bench' };
  const shell = [
    'bash',
    '-c',
    capture,
    join(copy, 'bench.dump.zst'),
    `${bin}/pg_dump`,
    '-h',
    host,
    '-U',
    'postgres',
    '-Fc',
    '-Z0',
    'bench',
  ];
  const custom = planFile('bench', source);
  const directory = planFile('parallel', { ...source, format: 'directory', jobs: 2 });
  results.push(race('postgres, custom', { shell, runner: runner('apply', custom) }, empty, 1.05));
  results.push(race('postgres, directory with two jobs', { shell, runner: runner('apply', directory) }, empty, 0.95));
  empty();
  timed(runner('apply', custom));
  const file = artifact('.dump.zst');
  console.log(`       artifact ${(statSync(file).size / 1e6).toFixed(0)} MB`);
  const restore = `set -euo pipefail; "$1/createdb" -h "$2" -U postgres restored; zstd -dcq "$3" | "$1/pg_restore" -h "$2" -U postgres --exit-on-error -d restored`;
  const drop = () => psql('postgres', 'drop database if exists restored');
  results.push(
    race(
      'postgres, restore',
      {
        shell: ['bash', '-c', restore, 'bash', bin, host, file],
        runner: runner('restore', custom, '--latest', '--to', 'restored', '--yes'),
      },
      drop,
      1.05,
    ),
  );
  drop();
  const proof = planFile('bench', source, { verify: [{ restore: { into: 'scratch' } }] });
  const { wall } = timed(runner('verify', proof, '--level', 'restore'));
  console.log(`postgres, verification by restore into scratch: ${wall.toFixed(1)} s`);
  results.push({ title: 'postgres, verification by restore', wall });
}

async function mariadbRaces(results) {
  const table = (name) => [
    'bench',
    `create table ${name} (id int primary key, name char(32), at datetime, amount decimal(12,2), note varchar(200));
     insert into ${name} select seq, md5(seq), now() - interval seq second, rand() * 1e6, concat(repeat(md5(seq * 7), 3), md5(rand())) from seq_1_to_2200000`,
  ];
  const { socket, sql } = await mariadb([[null, 'create database bench'], table('orders_a'), table('orders_b')]);
  const source = { type: 'mariadb', socket, user: 'root', database: 'bench' };
  const dump = [
    'mariadb-dump',
    '--no-defaults',
    '-S',
    socket,
    '-u',
    'root',
    '--single-transaction',
    '--quick',
    '--routines',
    '--triggers',
    '--events',
    '--hex-blob',
    'bench',
  ];
  const plan = planFile('bench', source);
  const shell = ['bash', '-c', capture, join(copy, 'bench.sql.zst'), ...dump];
  results.push(race('mariadb', { shell, runner: runner('apply', plan) }, empty, 1.05));
  empty();
  timed(runner('apply', plan));
  const file = artifact('.sql.zst');
  const restore = `set -euo pipefail; mariadb --no-defaults -S "$1" -u root -e 'create database restored'; zstd -dcq "$2" | mariadb --no-defaults -S "$1" -u root restored`;
  results.push(
    race(
      'mariadb, restore',
      {
        shell: ['bash', '-c', restore, 'bash', socket, file],
        runner: runner('restore', plan, '--latest', '--to', 'restored', '--yes'),
      },
      () => sql('drop database if exists restored'),
      1.05,
    ),
  );
  sql('drop database if exists restored');
}

async function redisRaces(results) {
  const fill = (cli) => {
    const script = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('SET', 'order:' .. i, string.rep(redis.sha1hex(tostring(i)), 12)) end`;
    for (let from = 0; from < 2_000_000; from += 20_000) cli('eval', script, '0', String(from), String(from + 19_999));
  };
  const { socket, directory } = await redis(fill);
  const source = { type: 'redis', socket };
  const plan = planFile('cache', source);
  const whole = `set -euo pipefail; redis-cli -s "$1" --rdb "$2" >&2; cat "$2"; rm "$2"`;
  const shell = [
    'bash',
    '-c',
    capture,
    join(copy, 'cache.rdb.zst'),
    'bash',
    '-c',
    whole,
    'bash',
    socket,
    join(directory, 'shell.rdb'),
  ];
  results.push(race('redis', { shell, runner: runner('apply', plan) }, empty, 1.05));
  empty();
  timed(runner('apply', plan));
  const file = artifact('.rdb.zst');
  const target = join(directory, 'restored.rdb');
  const restore = `set -euo pipefail; umask 077; zstd -dcq "$1" >"$2.new"; redis-check-rdb "$2.new" >&2; sync "$2.new"; mv "$2.new" "$2"`;
  results.push(
    race(
      'redis, restore',
      {
        shell: ['bash', '-c', restore, 'bash', file, target],
        runner: runner('restore', plan, '--latest', '--to', target, '--yes'),
      },
      () => rmSync(target, { force: true }),
      1.05,
    ),
  );
  rmSync(target, { force: true });
}

const loadBefore = loadavg()[0];
const results = [];
try {
  if (wanted('postgres')) await postgresRaces(results);
  if (wanted('mariadb')) await mariadbRaces(results);
  if (wanted('redis')) await redisRaces(results);
} finally {
  await stopServers();
}
rmSync(place, { recursive: true, force: true });
run(['sync']);
keep('databases', loadBefore, { results });
