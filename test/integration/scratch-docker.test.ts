import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dockerEngine } from '../helpers/docker.ts';
import { hasPostgres, major, Postgres, programsOf } from '../helpers/postgres.ts';
import { launch, waitFor } from '../proofs/support.ts';
import { makeScratchWorld, type ScratchWorld } from './scratch-world.ts';

const engine = dockerEngine();

describe.skipIf(!engine || !hasPostgres())('a restore into a throw-away container', () => {
  let server: Postgres;
  let world: ScratchWorld;
  let image: string;

  const plan = (assert: string, of = image) => `secrets: { db: { env: DB_PASSWORD } }
backups:
  orders:
    source: { type: postgres, host: 127.0.0.1, port: ${server.port}, user: postgres, password: { secret: db }, database: orders }
    destinations: [disk]
    verify: [restore: { into: { docker: "${of}" }, assert: [${assert}] }]
`;
  const containers = () =>
    engine!
      .docker(['ps', '--all', '--format={{.Names}}', '--filter=name=runner-2', `--filter=ancestor=${image}`])
      .stdout.trim();
  const message = (outcome: Awaited<ReturnType<ScratchWorld['apply']>>) => outcome.backups[0]?.message ?? '';

  beforeAll(async () => {
    const bin = programsOf(major!)!;
    const programs = ['postgres', 'initdb', 'psql', 'pg_restore'].map((name) => `${bin}/${name}`);
    const folders = [bin.replace(/bin$/, 'lib'), `/usr/share/postgresql/${major}`, '/usr/share/zoneinfo'];
    image = engine!.image(`scratch-postgres-${major}`, programs, folders);
    server = await Postgres.start();
    await server.create('orders', 'create table items (id int); insert into items select generate_series(1, 500)');
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    world = makeScratchWorld({ DB_PASSWORD: 'secret', ...engine!.env });
    return () => world.remove();
  });

  it('proves the backup there, as a user that owns nothing, and the container leaves', async () => {
    const outcome = await world.apply(
      plan(
        `{ contents: checksums, compare: source }, { sql: "select count(*) from items", equals: 500 },
         { sql: "select pg_read_file('/proc/self/status') ~ '(?n)^Uid:[[:blank:]]*65534[[:blank:]]'", equals: t }`,
      ),
    );
    expect([message(outcome), outcome.exitCode]).toEqual(['', 0]);
    expect(world.findings()).toContain('restore-pass');
    expect(world.events.flatMap((event) => (event.event === 'notice' ? [event.message] : []))).toEqual([]);
    expect(containers()).toBe('');
    expect(world.left()).toEqual([]);
  });

  it('with an image that is not to be had proves nothing: exit 1', async () => {
    const outcome = await world.apply(plan('{ sql: select 1, equals: 1 }', 'no-such-image-here:1'));
    expect(message(outcome)).toMatch(/is unproven: no throw-away server can run in the image no-such-image-here:1: /);
    expect(outcome.exitCode).toBe(1);
    expect(world.findings().filter((one) => one.startsWith('restore'))).toEqual([]);
  });

  it('with an image that lacks the server proves nothing: exit 1', async () => {
    const outcome = await world.apply(plan('{ sql: select 1, equals: 1 }', engine!.image('scratch-nothing', ['true'])));
    expect(message(outcome)).toMatch(/is unproven: PostgreSQL/);
    expect(outcome.exitCode).toBe(1);
    expect(containers()).toBe('');
  });

  it('leaves no container when the runner is killed', async () => {
    await world.plan(plan('{ sql: "select pg_sleep(60)", equals: "" }'));
    const running = await launch(['apply', 'plan.yaml', '--json'], { cwd: world.root, env: world.environment });
    await running.until('"event":"run-started"');
    expect(await waitFor(() => containers() !== '', 60_000, 100)).toBe(true);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    expect(await waitFor(() => containers() === '' && world.left().length === 0, 60_000, 100)).toBe(true);
  });
});
