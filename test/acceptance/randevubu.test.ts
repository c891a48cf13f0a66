/**
 * Document 001: the database and Redis of randevubu in their containers, lost and brought back by the lines of plans/README.md.
 * `PROOF=full` makes 1 GB of appointments.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerEngine } from '../helpers/docker.ts';
import { hasPostgres } from '../helpers/postgres.ts';
import { has, isRoot } from '../helpers/programs.ts';
import { fingerprint, hasRedis, RedisServer } from '../helpers/redis.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { type Application, startApplication } from './support/application.ts';
import * as containers from './support/containers.ts';
import { isKept } from './support/keeping.ts';
import { root } from './support/page.ts';
import { databaseHash, fillDatabase, oldScript } from './support/randevubu.ts';
import { expectExit, lineOf, tellTime } from './support/recovery.ts';
import { line } from './support/shell.ts';
import { awsEnvironment, createBucket } from './support/stores.ts';
import { hashOf } from './support/trees.ts';

const isFull = process.env.PROOF === 'full';
const bucket = 'randevubu-production-backups';
const names = { database: 'randevubu-db-prod', redis: 'randevubu-redis-prod', application: 'randevubu-app-prod' };
const password = 'your-secure-password';

const place = temporaryDirectory('randevubu-');
const path = (...parts: string[]) => join(place.path, ...parts);
const isAble = hasPostgres() && hasRedis() && hasEngine('moto') && has('openssl', 'tar', 'gzip') && isRoot;
const engine = isAble ? dockerEngine() : null;
let sql: containers.Sql;
let store: S3Server;
let application: Application;
let env: Record<string, string>;

const apply = (...words: string[]) => runner(['apply', 'plans/randevubu.yaml', ...words], { cwd: root, env });
const recover = (...words: string[]) => line(lineOf('randevubu', ...words), env);
const listed = async (backup: string) =>
  JSON.parse((await runner(['list', 'plans/randevubu.yaml', backup, '--json'], { cwd: root, env })).stdout).backups;

/** A client here on the socket in the volume. */
const redis = (): RedisServer =>
  Object.assign(Object.create(RedisServer.prototype), { directory: path('redis'), options: { password } });
const redisCli = (...words: string[]) =>
  engine!.docker(['exec', '-e', `REDISCLI_AUTH=${password}`, names.redis, 'redis-cli', ...words]).stdout.trim();

const hash = (name?: string) => databaseHash(sql, name);
const script = () =>
  oldScript(
    engine!,
    names.database,
    password,
    path('key/encryption.key'),
    path('backups/randevubu_backup_20240115_143022.sql.gz.enc'),
  );

/** What the application asks before it says that it is well. */
async function isRight(): Promise<boolean> {
  const query = `select count(*) from appointments a join users u on u.id = a.user_id where a.state = 'booked'`;
  return (
    containers.isRunning(engine!, names.application) &&
    Number(sql(query).stdout) === 1000 &&
    redisCli('GET', 'slot:7') === 'appointment 7'
  );
}

async function provision(): Promise<void> {
  sql = await containers.provisionPostgres(engine!, names.database, 'randevubu', password);
}

describe.skipIf(!engine)('randevubu', () => {
  beforeAll(async () => {
    for (const folder of ['app/scripts', 'logs', 'redis', 'key']) mkdirSync(path(folder), { recursive: true });
    chmodSync(place.path, 0o755);
    writeFileSync(path('app/.env'), 'JWT_SECRET=gizli\n', { mode: 0o600 });
    writeFileSync(path('app/docker-compose.prod.yml'), 'services: {}\n');
    writeFileSync(path('app/scripts/security-scan.sh'), 'echo "$RUNNER_TASK" >>"$SCANNED" && exit $FOUND\n');
    writeFileSync(path('logs/randevubu.log'), '{"level":"info"}\n'.repeat(1000));
    writeFileSync(path('key/encryption.key'), 'a passphrase of the old scripts\n', { mode: 0o600 });
    const user = (flag: string) => Number(execFileSync('id', [flag, 'redis']));
    chownSync(path('redis'), user('-u'), user('-g'));
    await provision();
    fillDatabase(sql, isFull);
    containers.provisionRedis(engine!, names.redis, path('redis'), password);
    containers.provisionApplication(engine!, names.application);
    await containers.until('Redis', () => redisCli('PING') === 'PONG');
    const slots = `for i = 1, 3000 do redis.call('SET', 'slot:' .. i, 'appointment ' .. i) end`;
    redisCli('EVAL', slots, '0');
    store = await startS3('moto');
    await createBucket(store, bucket);
    application = await startApplication(isRight);
    env = {
      ...awsEnvironment(store),
      ...engine!.env,
      POSTGRES_PASSWORD: password,
      REDIS_PASSWORD: password,
      REDIS_VOLUME: path('redis'),
      BACKUP_KEY_FILE: path('key/encryption.key'),
      BACKUP_DIR: path('backups'),
      LOG_DIR: path('logs'),
      APP_DIR: path('app'),
      APP_URL: application.url,
      HEALTH_WITHIN: isFull ? '2m' : '10s',
      SCANNED: path('scanned'),
      FOUND: '0',
    };
  }, 580_000);
  afterAll(async () => {
    for (const name of Object.values(names)) containers.remove(engine!, name);
    await application?.stop();
    await store?.stop();
    place.remove();
  });

  it('backs up everything at once, to the disk and encrypted by the bucket in INTELLIGENT_TIERING', async () => {
    expect((await runner(['validate', 'plans/randevubu.yaml'], { cwd: root, env })).stderr).toBe('');
    const run = await apply('--json');
    expectExit(run, 0);
    const events = run.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { event: string; task?: string });
    const when = (event: string, task: string) => events.findIndex((one) => one.event === event && one.task === task);
    const [begun, ended] = [when('task-started', 'capture:redis'), when('task-finished', 'capture:database')];
    expect(begun, 'Redis begins before the database is done').toBeLessThan(ended);
    const client = store.client();
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
    const { stdout } = await recover('--list');
    expect(stdout.split('\n').filter((text) => text.startsWith('database-')).length).toBe(1);
    const before = hash();
    expect([await application.health(), before.split('\n').length]).toEqual([200, 3]);
    containers.remove(engine!, names.database);
    expect(await application.health()).toBe(503);
    await provision();
    expect(await application.health()).toBe(503);
    const since = performance.now();
    expectExit(await recover('database', '--latest'), 0);
    tellTime('randevubu: the database', since, 'nothing');
    expect([await application.health(), hash()]).toEqual([200, before]);
  }, 580_000);

  it('restores a day beside the live database, and a file of the old scripts in its place', async () => {
    const before = hash();
    env.DAY = /-(\d{4})(\d\d)(\d\d)T/
      .exec((await listed('database'))[0].id)!
      .slice(1)
      .join('-');
    expectExit(await recover('--date'), 0);
    expect(hash('randevubu_that_day')).toBe(before);
    script();
    sql('truncate users, appointments');
    expect(await application.health()).toBe(503);
    const dry = await recover('--dry-run');
    expectExit(dry, 0);
    expect([dry.stdout, hash()]).toEqual([expect.stringContaining('randevubu_runner_new'), '0|\n0|\n']);
    expectExit(await recover('KDF_ROUNDS'), 0);
    expect([await application.health(), hash()]).toEqual([200, before]);
  }, 180_000);

  it('takes a restore back whose data is wrong, and never begins one without users', async () => {
    const before = hash();
    sql(`update appointments set state = 'lost' where id = 1000`);
    script();
    sql(`update appointments set state = 'booked' where id = 1000`);
    const wrong = await recover('KDF_ROUNDS');
    expect([wrong.exitCode, await application.health(), hash()], wrong.stderr).toEqual([1, 200, before]);
    sql(
      'create table kept as table users; alter table appointments drop constraint appointments_user_id_fkey; truncate users',
    );
    script();
    sql(
      'insert into users table kept; drop table kept; alter table appointments add foreign key (user_id) references users',
    );
    const empty = await recover('KDF_ROUNDS');
    expect([empty.exitCode, empty.stderr]).toEqual([
      2,
      expect.stringContaining('select count(*) from users >= 1: it is 0'),
    ]);
    expect([await application.health(), hash()]).toEqual([200, before]);
  }, 180_000);

  it('puts Redis back by stop, copy and start, with its log of writes', async () => {
    const before = await fingerprint(redis());
    redisCli('FLUSHALL');
    redisCli('SET', 'slot:7', 'somebody else');
    expect(await application.health()).toBe(503);
    const since = performance.now();
    expectExit(await recover('redis', '--latest'), 0);
    tellTime('randevubu: Redis', since, 'nothing');
    expect([await application.health(), await fingerprint(redis())]).toEqual([200, before]);
    engine!.docker(['restart', '--time=5', names.redis]);
    await containers.until('Redis', () => redisCli('PING') === 'PONG');
    expect(await fingerprint(redis()), 'after a restart').toBe(before);
  }, 180_000);

  it('brings logs and configuration back', async () => {
    const [logs, config] = [hashOf(path('logs')), readFileSync(path('app/.env'), 'utf8')];
    rmSync(path('logs'), { recursive: true });
    rmSync(path('app/.env'));
    expectExit(await recover('logs', '--latest'), 0);
    expectExit(await recover('config', '--latest'), 0);
    expect([hashOf(path('logs')), readFileSync(path('app/restored-config/.env'), 'utf8')]).toEqual([logs, config]);
    copyFileSync(path('app/restored-config/.env'), path('app/.env'));
  });

  it('ends with 1 when one component failed, and with 2 when all did', async () => {
    engine!.docker(['stop', '--time=5', names.redis]);
    const one = await apply('database', 'redis');
    expect([one.exitCode, one.stdout]).toEqual([
      1,
      expect.stringMatching(/^database +ok .*\nredis +failed .*is not running/),
    ]);
    engine!.docker(['start', names.redis]);
    await containers.until('Redis', () => redisCli('PING') === 'PONG');
    engine!.docker(['stop', '--time=5', names.redis]);
    const all = await apply('redis');
    expect([all.exitCode, all.stderr], 'preflight knows it: nothing was started').toEqual([
      4,
      expect.stringContaining('is not running'),
    ]);
    engine!.docker(['start', names.redis]);
    await containers.until('Redis', () => redisCli('PING') === 'PONG');
    rmSync(path('backups'), { recursive: true });
    writeFileSync(path('backups'), 'no folder');
    const nowhere = await runner(['apply', 'plans/randevubu.yaml', 'config'], {
      cwd: root,
      env: { ...env, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' },
    });
    expect(nowhere.exitCode, nowhere.stderr).toBe(2);
    rmSync(path('backups'));
  }, 180_000);

  it('does the security scan on Sundays at 3, tells what it found, and asks a person for the reviews', async () => {
    expectExit(await apply('security-scan'), 0);
    expect(readFileSync(path('scanned'), 'utf8')).toBe('security-scan\n');
    env.FOUND = '1';
    expectExit(await apply('security-scan'), 2);
    for (const review of ['weekly-review', 'monthly-review', 'quarterly-review'])
      expect((await apply(review)).stdout).toMatch(/not confirmed: «/);
  });

  it('asks for room, and warns of a key that others may read', async () => {
    env.MIN_FREE = '1000TiB';
    const full = await apply('config');
    delete env.MIN_FREE;
    expect([full.exitCode, full.stderr]).toEqual([4, expect.stringContaining('1000')]);
    chmodSync(path('key/encryption.key'), 0o644);
    const { stdout, stderr } = await recover('doctor');
    expect(stdout + stderr).toContain('may be read by others');
    chmodSync(path('key/encryption.key'), 0o600);
    expect(stdout).toMatch(/ok +free space +disk/);
  });

  it('keeps 30 days in the bucket and 7 on the disk, and not a second more', async () => {
    for (const [at, days] of [
      ['cloud', 30],
      ['disk', 7],
    ] as const)
      for (const second of [-1, 1])
        expect(
          await isKept('plans/randevubu.yaml', 'database', at, days * 86_400 + second),
          `${at} ${days}d ${second}`,
        ).toBe(second < 0);
    expectExit(await recover('prune'), 0);
  });
});
