/** Several databases of a real server, each an artifact of its own, as a person meets them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Options } from '../../src/commands/command.ts';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { has } from '../helpers/programs.ts';
import { built } from '../helpers/runner.ts';
import { command } from '../proofs/in-process.ts';

const able = hasPostgres() && has('gzip', 'sha256sum');
const odd = `It's "a" $(shop); é`;
beforeAll(built);
let root: string;
let plan: string;
let postgres: Postgres;

beforeAll(async () => {
  if (!able) return;
  root = mkdtempSync(join(tmpdir(), 'runner-parts-'));
  for (const name of ['store', 'tmp', 'hand']) mkdirSync(join(root, name));
  postgres = await Postgres.start();
  await postgres.create('orders', 'create table t as select generate_series(1, 500) as n');
  await postgres.create('globals', 'create table t as select 7 as n');
  await postgres.create(odd, 'create table t as select 9 as n');
  await postgres.query('create role keeper');
  plan = join(root, 'plan.yaml');
  write([odd, 'globals', 'orders']);
});
afterAll(async () => {
  if (!able) return;
  await postgres.stop();
  rmSync(root, { recursive: true, force: true });
});

function write(database: string[], port = postgres.port): void {
  const text = JSON.stringify({
    version: 1,
    name: 'shop',
    secrets: { password: { env: 'PASSWORD' } },
    destinations: { disk: { type: 'local', path: 'store' } },
    defaults: { destinations: ['disk'], retention: { last: 2 } },
    backups: {
      server: {
        source: {
          type: 'postgres',
          host: '127.0.0.1',
          port,
          user: 'postgres',
          password: { secret: 'password' },
          database,
          globals: true,
        },
        transforms: [{ gzip: {} }],
        verify: ['content'],
      },
      text: { source: { type: 'command', run: ['echo', 'text'] } },
    },
  });
  writeFileSync(
    plan,
    text.replaceAll('$', () => '$$'),
  );
}

const run = (verb: string, words: string[] = [], options: Options = {}) =>
  command(verb, plan, words, options, {
    PASSWORD: 'secret',
    PATH: `${postgres.bin}:${process.env.PATH}`,
    TMPDIR: join(root, 'tmp'),
  });
const artifacts = () =>
  readdirSync(join(root, 'store'), { recursive: true })
    .map(String)
    .filter((name) => /server-.*\.gz$/.test(name))
    .sort();

it.skipIf(!able)('is one backup: listed by the sum, shown and looked into part by part', async () => {
  const made = await run('apply');
  expect([made.exitCode, made.stderr]).toEqual([0, made.stderr]);
  expect(artifacts()).toHaveLength(4);
  const [row] = JSON.parse((await run('list', ['server'], { json: true })).stdout).backups;
  const sizes = artifacts().map((name) => statSync(join(root, 'store', name)).size);
  expect(row.size).toBe(sizes.reduce((sum, size) => sum + size, 0));
  const shown = (await run('show', [row.id])).stdout;
  for (const part of ['orders', 'globals', odd]) expect(shown).toContain(`part:        ${part}\n`);
  expect(shown).toMatch(/source: +postgres 1\d/);
  const listed = await run('ls', [row.id]);
  expect(listed.stdout.split('\n').filter(Boolean).sort()).toEqual([odd, 'globals', 'globals', 'orders'].sort());
  const unknown = await run('ls', [row.id], { part: 'order' });
  expect([unknown.exitCode, unknown.stderr]).toEqual([4, expect.stringContaining('there is no part "order" in it')]);
  expect((await run('doctor')).stdout).toMatch(/newest +server +.*opens; good/);
});

it.skipIf(!able)('comes back by hand with the commands of RECOVERY.md, each part by its own', async () => {
  const page = readFileSync(join(root, 'store/shop/RECOVERY.md'), 'utf8');
  const [, script] = /## server[\s\S]*?```sh\n([\s\S]*?)```/.exec(page)!;
  const blocks = script!.split(/\n(?=# )/).filter((block) => /^# (fetch|every)/.test(block));
  // Fetched, and whole, as the page says; what opens them is looked at without a server to load them into.
  for (const block of blocks)
    execFileSync('sh', ['-e', '-c', block], { cwd: join(root, 'hand'), stdio: ['ignore', 'ignore', 'pipe'] });
  expect(readdirSync(join(root, 'hand')).sort()).toEqual(artifacts().map((name) => name.split('/').at(-1)));
  const [roles] = readdirSync(join(root, 'hand')).filter((name) => name.includes('.=globals.'));
  expect(spawnSync('gzip', ['-dc', roles!], { cwd: join(root, 'hand'), encoding: 'utf8' }).stdout).toContain('keeper');
});

it.skipIf(!able)('of a server that is down is unfit; the others are made', async () => {
  write([odd, 'orders'], 1);
  const made = await run('apply');
  expect(made.exitCode).toBe(1);
  expect(made.stdout + made.stderr).toMatch(/server +failed +.*does not answer/);
  expect(made.stderr).not.toContain('could not be acquired');
  const rows = JSON.parse((await run('list', [], { json: true })).stdout).backups;
  expect(rows.map((row: { backup: string }) => row.backup).sort()).toEqual(['server', 'text', 'text']);
});

it.skipIf(!able)('of databases that have left is verified and pruned as a whole', async () => {
  write(['orders']);
  const [first] = JSON.parse((await run('list', ['server'], { json: true })).stdout).backups;
  const checked = await run('verify', ['server'], { id: first.id });
  expect([checked.exitCode, checked.stderr]).toEqual([0, checked.stderr]);
  for (let turn = 0; turn < 2; turn += 1) expect((await run('apply', ['server'])).exitCode).toBe(0);
  expect(artifacts().filter((name) => name.includes(first.id))).toEqual([]);
  expect((await run('list', ['server'])).stdout).not.toContain('without a manifest');
});
