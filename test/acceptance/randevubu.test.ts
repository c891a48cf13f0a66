/**
 * Document 001: the database and Redis of randevubu in their containers, lost and brought back by the lines of plans/README.md.
 * `PROOF=full` makes 1 GB of appointments.
 */
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprint } from '../helpers/redis.ts';
import { runner } from '../helpers/runner.ts';
import { full } from '../proofs/support.ts';
import { isKept } from './support/keeping.ts';
import { root } from './support/page.ts';
import { bucket, canServe, startWorld, type World } from './support/randevubu-world.ts';
import { expectExit, lineOf, tellTime } from './support/recovery.ts';
import { line } from './support/shell.ts';
import { hashOf } from './support/trees.ts';

const plan = 'plans/randevubu.yaml';
/** For what will not be well: nothing is gained by asking longer. */
const briefly = { HEALTH_WITHIN: '2s' };

/** What is tried with `PROOF=full` alone stands in the tests of another plan, or of the part that does it, too. */
describe.skipIf(!canServe())('randevubu', () => {
  let world: World;
  const apply = (words: string[], more: Record<string, string> = {}) =>
    runner(['apply', plan, ...words], { cwd: root, env: { ...world.env, ...more } });
  const recover = (words: string[], more: Record<string, string> = {}) =>
    line(lineOf('randevubu', ...words), { ...world.env, ...more });
  beforeAll(async () => {
    world = await startWorld(full);
  }, 580_000);
  afterAll(async () => await world?.stop());

  it('backs up everything at once, to the disk and encrypted by the bucket in INTELLIGENT_TIERING', async () => {
    expect((await runner(['validate', plan], { cwd: root, env: world.env })).stderr).toBe('');
    const run = await apply(['--json']);
    expectExit(run, 0);
    expect(new Set(world.application.answers()), 'the application is asked after the run').toEqual(new Set([200]));
    const events = run.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { event: string; task?: string });
    const when = (event: string, task: string) => events.findIndex((one) => one.event === event && one.task === task);
    const [begun, ended] = [when('task-started', 'capture:redis'), when('task-finished', 'capture:database')];
    expect(begun, 'Redis begins before the database is done').toBeLessThan(ended);
    const client = world.store.client();
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    const sealed = Contents.map(({ Key }) => Key!).filter((key) => key.endsWith('.enc'));
    expect(sealed.map((key) => key.replace(/^.*Z-\w+/, '')).sort()).toEqual([
      '.rdb.gz.enc',
      '.sql.gz.enc',
      '.tar.gz.enc',
      '.tar.gz.enc',
    ]);
    for (const Key of sealed) {
      const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      expect([head.ServerSideEncryption, head.StorageClass]).toEqual(['AES256', 'INTELLIGENT_TIERING']);
    }
    // A report and a log of the run beside them.
    const runs = Contents.map(({ Key }) => Key!).filter((key) => key.startsWith('randevubu/.runner/runs/'));
    expect(runs.map((key) => key.slice(key.lastIndexOf('.'))).sort()).toEqual(['.json', '.log']);
    client.destroy();
  }, 580_000);

  it('lists, and restores the latest into a new container, with the application standing still', async () => {
    const { stdout } = await recover(['--list']);
    expect(stdout.split('\n').filter((text) => text.startsWith('database-')).length).toBe(1);
    const before = world.hash();
    expect([await world.application.health(), before.split('\n').length]).toEqual([200, 3]);
    world.loseDatabase();
    expect(await world.application.health()).toBe(503);
    await world.provision();
    expect(await world.application.health()).toBe(503);
    const since = performance.now();
    expectExit(await recover(['database', '--latest']), 0);
    tellTime('randevubu: the database', since, 'nothing');
    expect([await world.application.health(), world.hash()]).toEqual([200, before]);
  }, 580_000);

  it('restores a day beside the live database, and a file of the old scripts in its place', async () => {
    const before = world.hash();
    const { stdout } = await recover(['--list']);
    const DAY = /-(\d{4})(\d\d)(\d\d)T/.exec(stdout)!.slice(1).join('-');
    expectExit(await recover(['--date'], { DAY }), 0);
    expect(world.hash('randevubu_that_day')).toBe(before);
    world.script();
    world.sql('truncate users, appointments');
    expect(await world.application.health()).toBe(503);
    const dry = await recover(['--dry-run']);
    expectExit(dry, 0);
    expect([dry.stdout, world.hash()]).toEqual([expect.stringContaining('randevubu_runner_new'), '0|\n0|\n']);
    expectExit(await recover(['KDF_ROUNDS']), 0);
    expect([await world.application.health(), world.hash()]).toEqual([200, before]);
  });

  it.runIf(full)(
    'takes a restore back whose data is wrong, and never begins one without users',
    async () => {
      const before = world.hash();
      world.sql(`update appointments set state = 'lost' where id = 1000`);
      world.script();
      world.sql(`update appointments set state = 'booked' where id = 1000`);
      const wrong = await recover(['KDF_ROUNDS'], briefly);
      expect([wrong.exitCode, await world.application.health(), world.hash()], wrong.stderr).toEqual([1, 200, before]);
      world.sql(
        'create table kept as table users; alter table appointments drop constraint appointments_user_id_fkey; truncate users',
      );
      world.script();
      world.sql(
        'insert into users table kept; drop table kept; alter table appointments add foreign key (user_id) references users',
      );
      const empty = await recover(['KDF_ROUNDS']);
      expect([empty.exitCode, empty.stderr]).toEqual([
        2,
        expect.stringContaining('select count(*) from users >= 1: it is 0'),
      ]);
      expect([await world.application.health(), world.hash()]).toEqual([200, before]);
    },
    180_000,
  );

  it('puts Redis back by stop, copy and start, with its log of writes', async () => {
    const before = await fingerprint(world.redis);
    world.redisCli('FLUSHALL');
    world.redisCli('SET', 'slot:7', 'somebody else');
    expect(await world.application.health()).toBe(503);
    const since = performance.now();
    expectExit(await recover(['redis', '--latest']), 0);
    tellTime('randevubu: Redis', since, 'nothing');
    expect([await world.application.health(), await fingerprint(world.redis)]).toEqual([200, before]);
    await world.turnRedis('restart');
    expect(await fingerprint(world.redis), 'after a restart').toBe(before);
  });

  it('brings logs and configuration back', async () => {
    const [logs, config] = [hashOf(world.path('logs')), readFileSync(world.path('app/.env'), 'utf8')];
    rmSync(world.path('logs'), { recursive: true });
    rmSync(world.path('app/.env'));
    expectExit(await recover(['logs', '--latest']), 0);
    expectExit(await recover(['config', '--latest']), 0);
    expect([hashOf(world.path('logs')), readFileSync(world.path('app/restored-config/.env'), 'utf8')]).toEqual([
      logs,
      config,
    ]);
    copyFileSync(world.path('app/restored-config/.env'), world.path('app/.env'));
  });

  it.runIf(full)(
    'ends with 1 when one component failed, and with 2 when all did',
    async () => {
      await world.turnRedis('stop');
      const one = await apply(['database', 'redis'], briefly);
      const all = await apply(['redis'], briefly);
      await world.turnRedis('start');
      expect([one.exitCode, one.stdout]).toEqual([
        1,
        expect.stringMatching(/^database +ok .*\nredis +failed .*is not running/),
      ]);
      expect([all.exitCode, all.stderr], 'preflight knows it: nothing was started').toEqual([
        4,
        expect.stringContaining('is not running'),
      ]);
      rmSync(world.path('backups'), { recursive: true });
      writeFileSync(world.path('backups'), 'no folder');
      const nowhere = await apply(['config'], { BACKUP_S3_BUCKET: 'never-made' });
      expect(nowhere.exitCode, nowhere.stderr).toBe(2);
      rmSync(world.path('backups'));
    },
    180_000,
  );

  it('does the security scan on Sundays at 3, tells what it found, and asks a person for the reviews', async () => {
    const { stdout } = await runner(['config', plan, '--json'], { cwd: root, env: world.env });
    const tasks = Object.entries(JSON.parse(stdout).tasks as Record<string, { schedule: string }>);
    expect(Object.fromEntries(tasks.map(([name, { schedule }]) => [name, schedule]))).toEqual({
      'security-scan': '0 3 * * 0',
      'weekly-review': '0 9 * * 1',
      'monthly-review': '0 9 1 * *',
      'quarterly-review': '0 9 1 1,4,7,10 *',
    });
    expectExit(await apply(['security-scan']), 0);
    expect(readFileSync(world.path('scanned'), 'utf8')).toBe('security-scan\n');
    expectExit(await apply(['security-scan'], { FOUND: '1' }), 2);
    for (const review of ['weekly-review', 'monthly-review', 'quarterly-review'])
      expect((await apply([review])).stdout).toMatch(/not confirmed: «/);
  });

  it.runIf(full)('asks for room, and warns of a key that others may read', async () => {
    const full = await apply(['config'], { MIN_FREE: '1000TiB' });
    expect([full.exitCode, full.stderr]).toEqual([4, expect.stringContaining('1000')]);
    chmodSync(world.path('key/encryption.key'), 0o644);
    const { stdout, stderr } = await recover(['doctor']);
    expect(stdout + stderr).toContain('may be read by others');
    chmodSync(world.path('key/encryption.key'), 0o600);
    expect(stdout).toMatch(/ok +free space +disk/);
  });

  it('keeps 30 days in the bucket and 7 on the disk, and not a second more', async () => {
    for (const [at, days] of [
      ['cloud', 30],
      ['disk', 7],
    ] as const)
      for (const second of [-1, 1])
        expect(await isKept(plan, 'database', at, days * 86_400 + second), `${at} ${days}d ${second}`).toBe(second < 0);
    expectExit(await recover(['prune']), 0);
  });
});
