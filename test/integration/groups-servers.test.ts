/**
 * An application that writes to PostgreSQL, to Redis and to files, one after another, all the time. A set holds the same of each;
 * without holding it still it does not.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Options } from '../../src/commands/command.ts';
import { freePort } from '../helpers/port.ts';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { has } from '../helpers/programs.ts';
import { hasRedis, RedisServer } from '../helpers/redis.ts';
import { built } from '../helpers/runner.ts';
import { command } from '../proofs/in-process.ts';

const able = hasPostgres() && hasRedis() && has('tar');
beforeAll(built);
let root: string;
let postgres: Postgres;
let redis: RedisServer;
let application: ChildProcess;

/** Writes number after number, to each of the three; a pause only between them. `frozen` is asked before each. */
const work = `
n=0
while :; do
  while [ -e frozen ]; do touch still; sleep 0.01; done
  rm -f still
  n=$((n + 1))
  printf 'insert into orders values (%s);\\n' $n >&3
  redis-cli -s "$1" set "order:$n" x > /dev/null
  touch uploads/$n
done`;

beforeAll(async () => {
  if (!able) return;
  root = mkdtempSync(join(tmpdir(), 'runner-servers-'));
  for (const name of ['store', 'tmp', 'uploads']) mkdirSync(join(root, name));
  postgres = await Postgres.start();
  await postgres.create('orders', 'create table orders (n int)');
  redis = await RedisServer.start({ port: await freePort() });
  const session = `${join(postgres.bin, 'psql')} -X -q -v ON_ERROR_STOP=1`;
  application = spawn('bash', ['-c', `cd ${root}; exec 3> >(exec ${session}); ${work}`, 'sh', redis.socket], {
    env: { ...postgres.env('orders'), PATH: process.env.PATH },
    stdio: 'ignore',
    detached: true,
  });
});
afterAll(async () => {
  if (!able) return;
  if (application) process.kill(-application.pid!, 'SIGKILL');
  await redis?.end();
  await postgres?.stop();
  rmSync(root, { recursive: true, force: true });
});

/** What psql was sent is in the database when there are as many rows as files: the file is the last of the three. */
const hold = () => `touch frozen; until [ -e still ]; do sleep 0.01; done
rows() { '${postgres.bin}/psql' -X -A -t -h '${postgres.directory}' -p ${postgres.port} -U postgres -d orders -c 'select count(*) from orders'; }
until [ "$(rows)" = "$(ls uploads | wc -l)" ]; do sleep 0.05; done
`;

function write(quiesce: boolean): string {
  writeFileSync(join(root, 'hold.sh'), hold());
  const file = join(root, `${quiesce ? 'still' : 'running'}.yaml`);
  const group = {
    together: ['orders', 'sessions', 'uploads'],
    ...(quiesce
      ? {
          quiesce: {
            before: [{ run: ['sh', 'hold.sh'] }],
            after: [{ run: ['rm', '-f', 'frozen'] }],
            'max-hold': '1m',
          },
        }
      : {}),
  };
  const plan = {
    version: 1,
    name: quiesce ? 'still' : 'running',
    secrets: { password: { env: 'PASSWORD' } },
    destinations: { disk: { type: 'local', path: 'store' } },
    defaults: { destinations: ['disk'] },
    backups: {
      orders: {
        source: {
          type: 'postgres',
          host: '127.0.0.1',
          port: postgres.port,
          user: 'postgres',
          password: { secret: 'password' },
          database: 'orders',
          format: 'plain',
        },
      },
      sessions: { source: { type: 'redis', socket: redis.socket } },
      uploads: { source: { type: 'files', base: 'uploads', paths: ['.'] } },
    },
    groups: { shop: group },
  };
  writeFileSync(file, JSON.stringify(plan));
  return file;
}

const run = (plan: string, verb: string, words: string[], options: Options = {}) =>
  command(verb, plan, words, options, {
    PASSWORD: 'secret',
    PATH: `${postgres.bin}:${process.env.PATH}`,
    TMPDIR: join(root, 'tmp'),
  });

/** The highest number, and how many there are, in what a backup of each kind holds. */
function counts(name: string): Record<string, number> {
  const folder = join(root, 'store', name);
  const found: Record<string, number> = {};
  for (const path of readdirSync(folder, { recursive: true }).map(String)) {
    const file = join(folder, path);
    if (path.endsWith('.sql'))
      found.orders = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => /^\d+$/.test(line)).length;
    if (path.endsWith('.rdb'))
      found.sessions = Number(
        /(\d+) keys read/.exec(execFileSync('redis-check-rdb', [file], { encoding: 'utf8' }))?.[1],
      );
    if (path.endsWith('.tar'))
      found.uploads = execFileSync('tar', ['--list', '--file', file], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => /\/\d+$/.test(line)).length;
  }
  return found;
}

async function until(what: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!what()) {
    if (Date.now() > end) throw new Error('it did not come to that');
    await sleep(20);
  }
}

it.skipIf(!able)('a set is of one moment in all three, while the application goes on with its work', async () => {
  await until(() => readdirSync(join(root, 'uploads')).length > 50);
  const plan = write(true);
  const made = await run(plan, 'apply', []);
  expect([made.exitCode, made.stderr]).toEqual([0, made.stderr]);
  const { orders, sessions, uploads } = counts('still');
  expect(orders).toBeGreaterThan(50);
  expect([sessions, uploads]).toEqual([orders, orders]);
  const now = readdirSync(join(root, 'uploads')).length;
  await until(() => readdirSync(join(root, 'uploads')).length > now + 5);
  const listed = JSON.parse((await run(plan, 'list', [], { json: true })).stdout).backups;
  expect(listed.map((row: { set: { state: string } }) => row.set.state)).toEqual(['whole', 'whole', 'whole']);
});

it.skipIf(!able)('without holding it still they differ: what is compared here can fail', async () => {
  const made = await run(write(false), 'apply', []);
  expect([made.exitCode, made.stderr]).toEqual([0, made.stderr]);
  const { orders, sessions, uploads } = counts('running');
  expect(orders === sessions && sessions === uploads).toBe(false);
});
