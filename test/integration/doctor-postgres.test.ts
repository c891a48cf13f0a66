import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/commands/command.ts';
import { run } from '../../src/commands/doctor.ts';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { makeScratchWorld, type ScratchWorld } from './scratch-world.ts';

describe.skipIf(!hasPostgres())('doctor looks at a live PostgreSQL', () => {
  let server: Postgres;
  let world: ScratchWorld;

  const plan = (user = 'postgres') => `secrets: { db: { env: DB_PASSWORD } }
backups:
  orders:
    source: { type: postgres, host: 127.0.0.1, port: ${server.port}, user: ${user}, password: { secret: db }, database: orders }
    destinations: [disk]
    verify: [restore: {}]
  gone:
    source: { type: postgres, host: 127.0.0.1, port: ${server.port}, user: ${user}, password: { secret: db }, database: nowhere }
    destinations: [disk]
`;

  async function doctor(text: string): Promise<{ exitCode: number; lines: string[] }> {
    const { file } = await world.plan(text);
    let printed = '';
    const data = (part: string) => {
      printed += part;
    };
    const terminal = { say: () => {}, data } as unknown as Host['terminal'];
    const host: Host = { terminal, environment: world.environment, signal: new AbortController().signal };
    const exitCode = await run({ verb: 'doctor', plan: file, words: [], options: { json: true } }, host);
    const { checks } = JSON.parse(printed) as { checks: Record<'check' | 'subject' | 'health' | 'message', string>[] };
    return { exitCode, lines: checks.map((one) => `${one.health} ${one.check} ${one.subject}: ${one.message}`) };
  }

  beforeAll(async () => {
    server = await Postgres.start();
    await server.create(
      'orders',
      'create table items (id int); insert into items values (1); create table secret (id int)',
    );
    await server.query("create role reader login password 'secret'");
    await server.query('grant select on items to reader', 'orders');
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    world = makeScratchWorld({ DB_PASSWORD: 'secret' });
    return () => world.remove();
  });

  it('says what answers, with which version, by which programs, and where it can be restored', async () => {
    const { lines, exitCode } = await doctor(plan());
    expect(lines).toContainEqual(expect.stringMatching(/^ok program pg_dump: pg_dump \(PostgreSQL\) \d+/));
    expect(lines.join('\n')).toContain(`ok source orders: answers, version ${server.major}.`);
    expect(lines).toContainEqual(expect.stringMatching(/^ok scratch orders: can be restored, by \/.*\/postgres$/));
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^problem source gone: the source of "gone" does not answer: .*database "nowhere" does not exist/,
      ),
    );
    expect(exitCode).toBe(2);
    expect(world.left()).toEqual([]);
  });

  it('says all at once what may not be read', async () => {
    const { lines, exitCode } = await doctor(plan('reader'));
    expect(lines).toContainEqual(expect.stringMatching(/^problem source orders: .*secret/));
    expect(lines).toContainEqual(expect.stringMatching(/^problem source gone: /));
    expect(exitCode).toBe(2);
  });

  it('is told in preflight likewise: the backup that can be made is made', async () => {
    const outcome = await world.apply(plan());
    expect(outcome.backups.map(({ name, outcome: how }) => [name, how])).toEqual([
      ['orders', 'ok'],
      ['gone', 'failed'],
    ]);
    expect(outcome.exitCode).toBe(1);
  });

  it('warns when the newest backup does not fit where it would be unpacked', async () => {
    await world.apply(plan());
    const { lines } = await doctor(plan());
    expect(lines).toContainEqual(expect.stringMatching(/^ok temporary space .*: .* free; the data of "orders" was /));
  });
});
