import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunFacts } from '../../src/compile/facts.ts';
import { compileApply } from '../../src/compile/index.ts';
import type { CaptureAction } from '../../src/execute/actions/context.ts';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { isRoot } from '../helpers/programs.ts';
import { carriers, launch, waitFor } from '../proofs/support.ts';
import { makeScratchWorld, type ScratchWorld } from './scratch-world.ts';

describe.skipIf(!hasPostgres())('a restore of PostgreSQL into a throw-away server', () => {
  let server: Postgres;
  let world: ScratchWorld;

  const source = (more = 'database: orders') =>
    `{ type: postgres, host: 127.0.0.1, port: ${server.port}, user: postgres, password: { secret: db }, ${more} }`;
  const plan = (
    verify: string,
    of = source(),
  ) => `secrets: { db: { env: DB_PASSWORD }, given: { env: GIVEN, optional: true } }
backups:
  orders:
    source: ${of}
    transforms: [gzip]
    destinations: [disk]
    verify: [${verify}]
`;
  const restored = (...assert: string[]) => plan(`{ restore: { assert: [${assert.join(', ')}] } }`);
  const rows = '{ sql: "select count(*) from items", equals: 500 }';
  const task = 'verify:orders:restore';
  const message = (outcome: Awaited<ReturnType<ScratchWorld['apply']>>) => outcome.backups[0]?.message ?? '';

  beforeAll(async () => {
    server = await Postgres.start();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    world = makeScratchWorld({ DB_PASSWORD: 'secret' });
    await server.query('drop database if exists orders with (force)');
    await server.create(
      'orders',
      'create table items (id serial primary key, name text); insert into items (name) select md5(n::text) from generate_series(1, 500) n; create table empty (id int)',
    );
    return () => world.remove();
  });

  it('proves the backup and leaves nothing', async () => {
    const outcome = await world.apply(restored(rows));
    expect(outcome.results.get(task)).toMatchObject({ outcome: 'ok' });
    expect(outcome.exitCode).toBe(0);
    expect(world.findings()).toContain('restore-pass');
    expect(world.left()).toEqual([]);
    expect(carriers(outcome.run)).toEqual([]);
    expect(await server.sessions()).toBe(0);
  });

  it.skipIf(!isRoot)('runs as a user that owns nothing, without network and new privileges', async () => {
    const status = (line: string) =>
      `(regexp_match(pg_read_file('/proc/self/status'), '(?n)^${line}:[[:blank:]]*(.*)$$'))[1]`;
    const outcome = await world.apply(
      restored(
        `{ sql: "select ${status('Uid')} ~ '^65534[[:space:]]65534[[:space:]]'", equals: t }`,
        `{ sql: "select coalesce(${status('Groups')}, '') = ''", equals: t }`,
        `{ sql: "select ${status('NoNewPrivs')}", equals: 1 }`,
        // Two lines of titles, and the interface of the machine itself.
        `{ sql: "select count(*) from regexp_matches(pg_read_file('/proc/self/net/dev'), '(?n)^.+$$', 'g')", equals: 3 }`,
      ),
    );
    expect(message(outcome)).toBe('');
    expect(outcome.exitCode).toBe(0);
  });

  it('compares with what the source held at that moment, whatever it holds later', async () => {
    const text = restored(
      '{ contents: checksums, compare: source }',
      '{ contents: counts, compare: source }',
      '{ sql: "select sum(id) from items", compare: source }',
    );
    const first = await world.apply(text);
    expect([message(first), first.exitCode]).toEqual(['', 0]);
    expect(Object.keys(world.manifest().answers!)).toEqual([
      'contents checksums',
      'contents counts',
      'sql select sum(id) from items',
    ]);
    await server.query('delete from items where id > 100; drop table empty', 'orders');
    expect((await world.verify(text, 'restore')).exitCode).toBe(0);
  });

  it('is asked in the snapshot of the dump while others write', async () => {
    let writing = true;
    const writer = (async () => {
      while (writing)
        await server.query('insert into items (name) values (1); delete from items where id % 7 = 0', 'orders');
    })();
    try {
      for (const _ of [1, 2, 3]) {
        const outcome = await world.apply(restored('{ contents: checksums, compare: source }'));
        expect([message(outcome), outcome.exitCode]).toEqual(['', 0]);
      }
    } finally {
      writing = false;
      await writer;
    }
  });

  it('names what differs, and keeps that it failed', async () => {
    const planned = await world.plan(restored('{ contents: counts, compare: source }'));
    const graph = structuredClone(compileApply(planned, await world.facts(planned)));
    const action = graph.tasks.find(({ id }) => id === 'capture:orders')!.action as CaptureAction;
    // The source says what a dump that lost something would lack.
    action.parts[0]!.ask![0]!.command = { argv: ['printf', 'public.gone\\t3\\npublic.items\\t501\\n'] };
    const outcome = await world.run(planned, graph);
    expect(message(outcome)).toMatch(
      /public.gone is missing; public.items: 500 instead of 501; public.empty is not in the source/,
    );
    expect(outcome.exitCode).toBe(2);
    expect(world.findings()).toContain('restore-fail');
  });

  it('without a server of that version proves nothing: exit 1, and nothing is written down', async () => {
    const without = (facts: RunFacts): RunFacts => ({
      ...facts,
      installed: { ...facts.installed, postgres: [], initdb: [] },
    });
    const outcome = await world.apply(restored(rows), without);
    expect(message(outcome)).toMatch(/is unproven: PostgreSQL \d+ is not installed here/);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.backups).toMatchObject([{ outcome: 'partial' }]);
    expect(world.findings().filter((one) => one.startsWith('restore'))).toEqual([]);
    expect((await world.verify(restored(rows), 'restore', without)).exitCode).toBe(1);
    expect((await world.verify(restored(rows), 'restore')).exitCode).toBe(0);
  });

  it('that says nothing of its source when it was made is not compared with it', async () => {
    await world.apply(plan(''));
    const outcome = await world.verify(restored('{ contents: counts, compare: source }'), 'restore');
    expect(message(outcome)).toMatch(/its manifest does not say what the source held/);
    expect(outcome.exitCode).toBe(1);
  });

  it('into a given server makes a database there, which leaves again', async () => {
    world.environment.GIVEN = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
    const text = plan(`{ restore: { into: { url: { secret: given } }, assert: [${rows}] } }`);
    const outcome = await world.apply(text);
    expect([message(outcome), outcome.exitCode]).toEqual(['', 0]);
    expect(await server.query("select datname from pg_database where datname like 'runner%'")).toBe('');
    const failing = await world.apply(text.replace('equals: 500', 'equals: 7'));
    expect(message(failing)).toMatch(/it is 500, expected 7/);
    expect(await server.query("select datname from pg_database where datname like 'runner%'")).toBe('');
  });

  it('proves each of several databases, one after another', async () => {
    const text = plan('{ restore: { assert: [{ contents: counts, compare: source }] } }', source('database: all'));
    const outcome = await world.apply(text);
    expect([message(outcome), outcome.exitCode]).toEqual(['', 0]);
    expect(world.findings()).toContain('restore-pass');
    expect((await world.verify(text, 'restore')).exitCode).toBe(0);
    expect(world.left()).toEqual([]);
  });

  it('is told before it starts when the source does not answer', async () => {
    world.environment.DB_PASSWORD = 'wrong';
    const outcome = await world.apply(restored(rows));
    expect(outcome.exitCode).toBe(4);
    expect(outcome.results.get('preflight')?.message).toMatch(
      /^the source of "orders" does not answer: .*password authentication failed for user "postgres"/,
    );
    expect(outcome.results.get('preflight')?.message?.split('\n')).toHaveLength(1);
  });

  it('is thrown away when the runner is killed', async () => {
    const slow = plan('{ restore: { assert: [{ sql: "select pg_sleep(60)", equals: "" }] } }');
    await world.plan(slow);
    const running = await launch(['apply', 'plan.yaml', '--json'], { cwd: world.root, env: world.environment });
    await running.until('"event":"run-started"');
    const run = running.run()!;
    const sleeping = () =>
      carriers(run).some((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pg_sleep');
        } catch {
          return false;
        }
      });
    expect(await waitFor(sleeping, 120_000, 50)).toBe(true);
    expect(world.left().length).toBeGreaterThan(0);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    expect(await waitFor(() => carriers(run).length === 0 && world.left().length === 0, 60_000, 50)).toBe(true);
  });
});
