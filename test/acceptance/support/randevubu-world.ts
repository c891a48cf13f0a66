/** The servers of randevubu under its document's own names: three containers, a bucket, its folders and its health endpoint. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DockerEngine, dockerEngine } from '../../helpers/docker.ts';
import { hasPostgres } from '../../helpers/postgres.ts';
import { has, isRoot } from '../../helpers/programs.ts';
import { hasRedis, RedisServer } from '../../helpers/redis.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../../helpers/s3-servers.ts';
import { type Application, startApplication } from './application.ts';
import * as containers from './containers.ts';
import { databaseHash, fillDatabase, oldScript } from './randevubu.ts';
import { awsEnvironment, createBucket } from './stores.ts';

/** Whether all of it can be had here. Says what cannot. */
export const canServe = () =>
  [hasPostgres(), hasRedis(), hasEngine('moto'), has('openssl', 'tar', 'gzip'), isRoot, dockerEngine()].every(Boolean);

export const bucket = 'randevubu-production-backups';
const names = { database: 'randevubu-db-prod', redis: 'randevubu-redis-prod', application: 'randevubu-app-prod' };
const password = 'your-secure-password';

export type World = {
  path(...parts: string[]): string;
  env: Record<string, string>;
  store: S3Server;
  application: Application;
  sql: containers.Sql;
  /** A client here on the socket in the volume. */
  redis: RedisServer;
  redisCli(...words: string[]): string;
  /** Every row of the database. */
  hash(name?: string): string;
  /** A backup as the scripts of the document made it. */
  script(): void;
  /** An empty database container in the place of the one that is lost. */
  provision(): Promise<void>;
  loseDatabase(): void;
  /** Stops or starts or restarts the container of Redis, and waits until it answers. */
  turnRedis(how: 'stop' | 'start' | 'restart'): Promise<void>;
  stop(): Promise<void>;
};

/** Starts everything and fills it. */
export async function startWorld(isFull: boolean): Promise<World> {
  const engine = dockerEngine()!;
  const place = temporaryDirectory('randevubu-');
  const path = (...parts: string[]) => join(place.path, ...parts);
  layFiles(path);
  const redisCli = (...words: string[]) =>
    engine.docker(['exec', '-e', `REDISCLI_AUTH=${password}`, names.redis, 'redis-cli', ...words]).stdout.trim();
  const provision = () => containers.provisionPostgres(engine, names.database, 'randevubu', password);
  const sql = await provision();
  fillDatabase(sql, isFull);
  containers.provisionRedis(engine, names.redis, path('redis'), password);
  containers.provisionApplication(engine, names.application);
  await containers.until('Redis', () => redisCli('PING') === 'PONG');
  redisCli('EVAL', `for i = 1, 3000 do redis.call('SET', 'slot:' .. i, 'appointment ' .. i) end`, '0');
  const store = await startS3('moto');
  await createBucket(store, bucket);
  const application = await startApplication(async () => isRight(engine, sql, redisCli));
  return {
    ...{ path, store, application, sql, redisCli },
    env: { ...environment(path), ...awsEnvironment(store), ...engine.env, APP_URL: application.url },
    redis: Object.assign(Object.create(RedisServer.prototype), { directory: path('redis'), options: { password } }),
    hash: (name) => databaseHash(sql, name),
    script: () =>
      oldScript(
        engine,
        names.database,
        password,
        path('key/encryption.key'),
        path('backups/randevubu_backup_20240115_143022.sql.gz.enc'),
      ),
    provision: async () => {
      await provision();
    },
    loseDatabase: () => void containers.remove(engine, names.database),
    turnRedis: async (how) => {
      engine.docker([how, ...(how === 'start' ? [] : ['--time=5']), names.redis]);
      if (how !== 'stop') await containers.until('Redis', () => redisCli('PING') === 'PONG');
    },
    stop: async () => {
      for (const name of Object.values(names)) containers.remove(engine, name);
      await application.stop();
      await store.stop();
      place.remove();
    },
  };
}

function layFiles(path: World['path']): void {
  for (const folder of ['app/scripts', 'logs', 'redis', 'key']) mkdirSync(path(folder), { recursive: true });
  chmodSync(path(), 0o755);
  writeFileSync(path('app/.env'), 'JWT_SECRET=gizli\n', { mode: 0o600 });
  writeFileSync(path('app/docker-compose.prod.yml'), 'services: {}\n');
  writeFileSync(path('app/scripts/security-scan.sh'), 'echo "$RUNNER_TASK" >>"$SCANNED" && exit $FOUND\n');
  writeFileSync(path('logs/randevubu.log'), '{"level":"info"}\n'.repeat(1000));
  writeFileSync(path('key/encryption.key'), 'a passphrase of the old scripts\n', { mode: 0o600 });
  const user = (flag: string) => Number(execFileSync('id', [flag, 'redis']));
  chownSync(path('redis'), user('-u'), user('-g'));
}

const environment = (path: World['path']): Record<string, string> => ({
  POSTGRES_PASSWORD: password,
  REDIS_PASSWORD: password,
  REDIS_VOLUME: path('redis'),
  BACKUP_KEY_FILE: path('key/encryption.key'),
  BACKUP_DIR: path('backups'),
  LOG_DIR: path('logs'),
  APP_DIR: path('app'),
  SCANNED: path('scanned'),
  FOUND: '0',
});

/** What the application asks before it says that it is well. */
function isRight(engine: DockerEngine, sql: containers.Sql, redisCli: World['redisCli']): boolean {
  const query = `select count(*) from appointments a join users u on u.id = a.user_id where a.state = 'booked'`;
  return (
    containers.isRunning(engine, names.application) &&
    Number(sql(query).stdout) === 1000 &&
    redisCli('GET', 'slot:7') === 'appointment 7'
  );
}
