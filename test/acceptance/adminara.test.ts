/**
 * Document 000: Redis, logs and configuration of adminara, lost and brought back by the lines of plans/README.md.
 * `PROOF=full` makes 1 GB of sessions.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
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
import { has } from '../helpers/programs.ts';
import { fingerprint, freePort, hasRedis, RedisServer } from '../helpers/redis.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { type Application, startApplication } from './support/application.ts';
import { until } from './support/containers.ts';
import { root } from './support/page.ts';
import { expectExit, lineOf, tellTime } from './support/recovery.ts';
import { atTerminal, line } from './support/shell.ts';
import { awsEnvironment, createBucket } from './support/stores.ts';
import { hashOf } from './support/trees.ts';

const isFull = process.env.PROOF === 'full';
const password = 'r3dis \'"$x';
const settings = [
  ...['--appendonly', 'yes', '--appendfsync', 'everysec'],
  ...['--save', '900 1 300 10 60 10000', '--repl-diskless-sync-delay', '0', '--enable-debug-command', 'yes'],
];

const place = temporaryDirectory('adminara-');
const path = (...parts: string[]) => join(place.path, ...parts);
let redis: RedisServer;
let store: S3Server;
let application: Application;
let env: Record<string, string>;
/** Starts and stops the server as the service manager would, when the stand-in of systemctl asks for it. */
let manager: ReturnType<typeof setInterval>;

const apply = (...words: string[]) => runner(['apply', 'plans/adminara.yaml', ...words], { cwd: root, env });
const restore = (...words: string[]) => line(lineOf('adminara', ...words), env);
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
const liveHash = async () => (isFull ? redis.cli('DEBUG', 'DIGEST') : await fingerprint(redis));

async function fillRedis(): Promise<void> {
  const script = `for i = 1, 5000 do redis.call('SET', 'session:' .. i, 'user ' .. i, 'PXAT', 4102444800000 + i) end
    return redis.call('RPUSH', 'queue:notifications', 'telegram', 'sentry', 'mail')`;
  await redis.with(async (send) => {
    await send('EVAL', script, '0');
    for (let index = 0; index < (isFull ? 1024 : 0); index += 1)
      await send('SET', `upload:${index}`, randomBytes(1 << 20));
  });
}

/** Winston's folder: a file a day, gzipped when the day is over, for 14 days. */
function fillLogs(): void {
  for (let age = 0; age < 14; age += 1) {
    const time = new Date(Date.now() - age * 86_400_000);
    const file = path('app/logs', `app-${time.toISOString().slice(0, 10)}.log`);
    writeFileSync(file, `{"level":"info","day":${age}}\n`.repeat(200));
    if (age > 0) execFileSync('gzip', ['-n', file]);
  }
}

/** Real stop and start of the real server; only the service manager is a stand-in. */
function manage(): void {
  mkdirSync(path('bin'));
  const script = `#!/bin/sh\n[ "$3" = redis-server ] || exit 5\n: >"${path('asked')}.$1"\nwhile [ -e "${path('asked')}.$1" ]; do sleep 0.05; done\n`;
  writeFileSync(path('bin/systemctl'), script);
  chmodSync(path('bin/systemctl'), 0o755);
  let busy = false;
  manager = setInterval(async () => {
    const word = ['stop', 'start'].find((name) => existsSync(path(`asked.${name}`)));
    if (word === undefined || busy) return;
    busy = true;
    await (word === 'stop' ? redis.stop() : redis.start());
    rmSync(path(`asked.${word}`));
    busy = false;
  }, 30);
}

const isAble = hasRedis() && hasEngine('minio') && has('openssl', 'tar', 'gzip');

describe.skipIf(!isAble)('adminara', () => {
  beforeAll(async () => {
    for (const folder of ['app/logs', 'app/config', 'redis']) mkdirSync(path(folder), { recursive: true });
    writeFileSync(path('app/.env'), 'SESSION_SECRET=geheim\n', { mode: 0o600 });
    writeFileSync(path('app/config/app.json'), '{"region":"EU"}\n');
    fillLogs();
    const port = await freePort();
    redis = await RedisServer.start({ directory: path('redis'), port, password, settings });
    await fillRedis();
    store = await startS3('minio');
    await createBucket(store, 'adminara-logs');
    application = await startApplication(isRight);
    manage();
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
      HEALTH_WITHIN: '10s',
    };
  });
  afterAll(async () => {
    clearInterval(manager);
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
    expectExit(await restore('redis', '--latest'), 0);
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
    const { exitCode, stderr } = await restore('redis', '--latest');
    expect([exitCode, await application.health()], stderr).toEqual([1, 200]);
    expect(await liveHash()).toBe(good);
  }, 180_000);

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
    expectExit(await restore('logs', '--date'), 0);
    expect(hashOf(path('app', `logs-${day}`))).toBe(before);
    const since = performance.now();
    expectExit(await restore('logs', '--latest'), 0);
    tellTime('adminara: logs', since, '15 min');
    expect(hashOf(path('app/logs'))).toBe(before);
  });

  it('restores a file by the kind that its name tells', async () => {
    const before = await liveHash();
    // Made by the scripts of the document: a plain dump, and an archive that nothing sealed.
    const { stdout } = await line(
      `redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" --rdb "$BACKUP_DIR/dump" >/dev/null 2>&1 &&
      gzip -c "$BACKUP_DIR/dump" >"$BACKUP_DIR/redis_20240101_020000.rdb.gz" && rm "$BACKUP_DIR/dump" &&
      tar -czf "$BACKUP_DIR/logs_20240101_020000.tar.gz" -C "$APP_DIR/logs" . && echo made`,
      { ...env, REDISCLI_AUTH: password },
    );
    expect(stdout).toBe('made\n');
    copyFileSync(artifacts('config')[0]!, path('backups/config_20240101_020000.tar.gz.enc'));
    redis.cli('FLUSHALL');
    expect(await application.health()).toBe(503);
    expectExit(await restore('redis_20240101'), 0);
    expect([await application.health(), await liveHash()]).toEqual([200, before]);
    rmSync(path('app/.env'));
    expect(await application.health()).toBe(503);
    expectExit(await restore('config_20240101'), 0);
    copyFileSync(path('app/restored-config/.env'), path('app/.env'));
    expect(await application.health()).toBe(200);
    expectExit(await restore('logs_20240101'), 0);
    expect(hashOf(path('app/restored-logs'))).toBe(hashOf(path('app/logs')));
  }, 180_000);

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

  it('keeps Redis and configuration for 7 days, logs for 14, and nothing a second longer', async () => {
    const isKept = async (backup: string, age: number) => {
      const newest = Date.parse('2026-03-20T02:00:00Z');
      writeFileSync(path('times'), [0, age].map((back) => `${new Date(newest - back).toISOString()}\n`).join(''));
      const words = ['retention', 'plans/adminara.yaml', backup, '--times', path('times'), '--json'];
      const rows = JSON.parse((await runner(words, { cwd: root, env })).stdout) as { keep: boolean }[];
      return rows.every(({ keep }) => keep);
    };
    for (const [backup, days] of [
      ['redis', 7],
      ['config', 7],
      ['logs', 14],
    ] as const)
      for (const second of [-1000, 1000])
        expect(await isKept(backup, days * 86_400_000 + second), `${backup} ${days}d ${second}`).toBe(second < 0);
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
