/**
 * Document 000: Redis, logs and configuration of adminara, lost and brought back by the lines of plans/README.md.
 * `PROOF=full` makes 1 GB of sessions.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../helpers/port.ts';
import { has } from '../helpers/programs.ts';
import { fingerprint, hasRedis, RedisServer } from '../helpers/redis.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { full } from '../proofs/support.ts';
import { fillLogs, fillRedis, manageRedis, settings } from './support/adminara.ts';
import { type Application, startApplication } from './support/application.ts';
import { until } from './support/containers.ts';
import { root } from './support/page.ts';
import { expectExit, lineOf, tellTime } from './support/recovery.ts';
import { atTerminal, line, succeed } from './support/shell.ts';
import { awsEnvironment, createBucket } from './support/stores.ts';
import { hashOf } from './support/trees.ts';

const password = 'r3dis \'"$x';
const place = temporaryDirectory('adminara-');
const path = (...parts: string[]) => join(place.path, ...parts);
let redis: RedisServer;
let store: S3Server;
let application: Application;
let env: Record<string, string>;
let manager: { stop(): void };

const apply = (...words: string[]) => runner(['apply', 'plans/adminara.yaml', ...words], { cwd: root, env });
const restore = (words: string[], more: Record<string, string> = {}) =>
  line(lineOf('adminara', ...words), { ...env, ...more });
const listed = async (backup: string) =>
  JSON.parse((await runner(['list', 'plans/adminara.yaml', backup, '--json'], { cwd: root, env })).stdout).backups;

/** What the application needs: a session, its queue, and its settings. */
async function isRight(): Promise<boolean> {
  const settingsThere = readFileSync(path('app/.env'), 'utf8').includes('SESSION_SECRET=');
  return (
    settingsThere && redis.cli('GET', 'session:7') === 'user 7' && redis.cli('LLEN', 'queue:notifications') === '3'
  );
}

/** Every key, value and time of expiry; of a gigabyte the server's own digest. */
const liveHash = async () => (full ? redis.cli('DEBUG', 'DIGEST') : await fingerprint(redis));

const isAble = hasRedis() && hasEngine('minio') && has('openssl', 'tar', 'gzip');

describe.skipIf(!isAble)('adminara', { timeout: 600_000 }, () => {
  beforeAll(async () => {
    for (const folder of ['app/logs', 'app/config', 'redis']) mkdirSync(path(folder), { recursive: true });
    writeFileSync(path('app/.env'), 'SESSION_SECRET=geheim\n', { mode: 0o600 });
    writeFileSync(path('app/config/app.json'), '{"region":"EU"}\n');
    fillLogs(path('app/logs'));
    const port = await freePort();
    redis = await RedisServer.start({ directory: path('redis'), port, password, settings });
    await fillRedis(redis, full ? 1024 : 0);
    store = await startS3('minio');
    await createBucket(store, 'adminara-logs');
    application = await startApplication(isRight);
    manager = manageRedis(path('bin'), redis);
    env = {
      ...awsEnvironment(store),
      PATH: `${path('bin')}:${process.env.PATH}`,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(port),
      REDIS_PASSWORD: password,
      REDIS_DIR: path('redis'),
      APP_DIR: path('app'),
      APP_URL: application.url,
      BACKUP_DIR: path('backups'),
      BACKUP_ENCRYPTION_KEY: 'your-secure-key',
      HEALTH_WITHIN: '60s',
    };
  });
  afterAll(async () => {
    manager?.stop();
    await application?.stop();
    await store?.stop();
    await redis?.end();
    place.remove();
  });

  it('backs up Redis by its own dump and by BGSAVE, the logs and the configuration, to disk and bucket', async () => {
    expect((await runner(['validate', 'plans/adminara.yaml'], { cwd: root, env })).stderr).toBe('');
    expectExit(await apply(), 0);
    expectExit(
      await runner(['apply', 'plans/adminara.yaml', 'redis'], { cwd: root, env: { ...env, REDIS_METHOD: 'bgsave' } }),
      0,
    );
    const rows = await listed('redis');
    expect(rows.map(({ state }: { state: string }) => state)).toEqual(['good', 'good']);
    expect(rows[0].copies.map(({ destination }: { destination: string }) => destination)).toEqual(['disk', 'cloud']);
  });

  it('keeps the folder at 700, its files at 600, and the configuration behind AES-256-CBC', () => {
    const all = readdirSync(path('backups'), { recursive: true, withFileTypes: true });
    const modes = (wanted: boolean) =>
      new Set(
        all
          .filter((one) => one.isFile() === wanted)
          .map((one) => statSync(join(one.parentPath, one.name)).mode & 0o777),
      );
    expect([modes(true), modes(false), statSync(path('backups')).mode & 0o777]).toEqual([
      new Set([0o600]),
      new Set([0o700]),
      0o700,
    ]);
    const sealed = artifacts('config')[0]!;
    const line = ['enc', '-d', '-aes-256-cbc', '-pbkdf2', '-iter', '600000', '-pass', 'env:KEY', '-in', sealed];
    const plain = execFileSync('openssl', line, { env: { KEY: 'your-secure-key' } });
    expect(execFileSync('tar', ['-xzO', '.env'], { input: plain }).toString()).toBe('SESSION_SECRET=geheim\n');
  });

  it('brings a lost Redis back, and starts it only with what the application takes for right', async () => {
    const before = await liveHash();
    expect(await application.health()).toBe(200);
    await redis.stop('SIGKILL');
    rmSync(path('redis'), { recursive: true });
    mkdirSync(path('redis'));
    expect(await application.health()).toBe(503);
    const since = performance.now();
    expectExit(await restore(['redis', '--latest']), 0);
    expect(tellTime('adminara: Redis', since, '15 min')).toBeLessThan(900);
    expect([await application.health(), await liveHash()]).toEqual([200, before]);
    await redis.stop();
    await redis.start();
    await until('Redis', () => redis.cli('PING') === 'PONG');
    expect(await liveHash(), 'after a restart').toBe(before);
  });

  it('takes back a Redis backup whose data is wrong', async () => {
    const good = await liveHash();
    redis.cli('DEL', 'queue:notifications');
    expectExit(await apply('redis'), 0);
    redis.cli('RPUSH', 'queue:notifications', 'telegram', 'sentry', 'mail');
    const { exitCode, stderr } = await restore(['redis', '--latest'], { HEALTH_WITHIN: '2s' });
    expect([exitCode, await application.health()], stderr).toEqual([1, 200]);
    expect(await liveHash()).toBe(good);
  });

  it('finds logs by their date in the bucket, and brings the live folder back', async () => {
    const before = hashOf(path('app/logs'));
    const [{ id }] = await listed('logs');
    const day = /-(\d{4})(\d\d)(\d\d)T/.exec(id)!.slice(1).join('-');
    const client = store.client();
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: 'adminara-logs', Prefix: `${day}/` }),
    );
    client.destroy();
    expect(Contents.map(({ Key }) => Key)).toEqual([`${day}/${id}.tar.gz.enc`]);
    rmSync(path('app/logs'), { recursive: true });
    env.DAY = day;
    expectExit(await restore(['logs', '--date']), 0);
    expect(hashOf(path('app', `logs-${day}`))).toBe(before);
    const since = performance.now();
    expectExit(await restore(['logs', '--latest']), 0);
    tellTime('adminara: logs', since, '15 min');
    expect(hashOf(path('app/logs'))).toBe(before);
  });

  it('restores a file by the kind that its name tells', async () => {
    const before = await liveHash();
    // Made by the scripts of the document: a plain dump, and an archive that nothing sealed.
    const old = (script: string) => succeed(script, { ...env, REDISCLI_AUTH: password });
    const dump = `redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" --rdb "$BACKUP_DIR/dump" >/dev/null 2>&1 &&
      gzip -c "$BACKUP_DIR/dump" >"$BACKUP_DIR/redis_20240101_020000.rdb.gz"`;
    await old(`${dump} && tar -czf "$BACKUP_DIR/logs_20240101_020000.tar.gz" -C "$APP_DIR/logs" .`);
    copyFileSync(artifacts('config')[0]!, path('backups/config_20240101_020000.tar.gz.enc'));
    const good = readFileSync(path('backups/redis_20240101_020000.rdb.gz'));
    redis.cli('FLUSHALL');
    await old(dump);
    const empty = await restore(['redis_20240101']);
    expect([empty.exitCode, empty.stderr], 'an empty Redis').toEqual([2, expect.stringContaining('key * >= 1')]);
    writeFileSync(path('backups/redis_20240101_020000.rdb.gz'), good);
    expect(await application.health()).toBe(503);
    expectExit(await restore(['redis_20240101']), 0);
    expect([await application.health(), await liveHash()]).toEqual([200, before]);
    rmSync(path('app/.env'));
    expect(await application.health()).toBe(503);
    expectExit(await restore(['config_20240101']), 0);
    copyFileSync(path('app/restored-config/.env'), path('app/.env'));
    expect(await application.health()).toBe(200);
    expectExit(await restore(['logs_20240101']), 0);
    expect(hashOf(path('app/restored-logs'))).toBe(hashOf(path('app/logs')));
  });

  it('refuses a Redis whose persistence is not what the document sets', async () => {
    redis.cli('CONFIG', 'SET', 'appendfsync', 'no');
    const { exitCode, stderr } = await apply('redis');
    redis.cli('CONFIG', 'SET', 'appendfsync', 'everysec');
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('appendfsync')]);
  });

  it('tells a log file above 20 MB, and a day without one', async () => {
    const today = path('app/logs', readdirSync(path('app/logs')).find((name) => name.endsWith('.log'))!);
    truncateSync(today, 20 << 20);
    expectExit(await apply('log-rotation'), 0);
    truncateSync(today, (20 << 20) + 1);
    expectExit(await apply('log-rotation'), 2);
    rmSync(today);
    execFileSync('find', [path('app/logs'), '-type', 'f', '-exec', 'touch', '-d', '3 days ago', '{}', '+']);
    expectExit(await apply('log-rotation'), 2);
  });

  it('asks a person for the checklists, and cron for nothing but its line', async () => {
    const cron = await line(`umask 022; ${lineOf('adminara', '--due')}`, { ...env, CRON_LOG: path('cron.log') });
    expect(cron.stdout + cron.stderr).toBe('');
    const told = readFileSync(path('cron.log'), 'utf8');
    for (const task of ['weekly-review', 'monthly-review', 'yearly-rotation'])
      expect(told).toContain(`task "${task}" is owed and waits for a person: runner apply plans/adminara.yaml ${task}`);
    expect(statSync(path('cron.log')).mode & 0o777).toBe(0o644);
    const unasked = await runner(['restore', 'plans/adminara.yaml', 'redis', '--latest'], { cwd: root, env });
    expect([unasked.exitCode, unasked.stderr]).toEqual([4, expect.stringContaining('this needs --yes')]);
    const asked = lineOf('adminara', 'redis', '--latest').replace(' --yes', '');
    const refused = await atTerminal(asked, ['y', 'n'], env);
    expect([refused.exitCode, refused.stdout], 'the outage is not agreed to').toEqual([
      2,
      expect.stringContaining('deploy to the backup region'),
    ]);
    const reviewed = await atTerminal('runner apply plans/adminara.yaml monthly-review', ['y', 'yes'], env);
    expect(reviewed.exitCode, reviewed.stdout).toBe(0);
    expect(
      (await line(lineOf('adminara', 'list').replace('list', 'apply').replace(' redis', ' monthly-review --due'), env))
        .stderr,
    ).toContain('nothing is due');
  });
});

/** The artifacts of a backup on the disk, the oldest first. */
function artifacts(backup: string): string[] {
  const all = readdirSync(path('backups/adminara', backup), { recursive: true, encoding: 'utf8' });
  return all
    .filter((name) => name.endsWith('.enc'))
    .sort()
    .map((name) => path('backups/adminara', backup, name));
}
