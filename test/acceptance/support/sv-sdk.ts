/** The servers of sv-sdk under its document's own names: a Compose project, two buckets, a NAS, a keyring's two files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { generateKey } from 'openpgp';
import { dockerEngine } from '../../helpers/docker.ts';
import { hasPostgres, major, programsOf } from '../../helpers/postgres.ts';
import { canMount, has } from '../../helpers/programs.ts';
import { hasRedis } from '../../helpers/redis.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../../helpers/s3-servers.ts';
import { type Application, startApplication } from './application.ts';

const engine = dockerEngine();

/** Whether all of it can be had here. Says what cannot. */
export const canServe = () =>
  [engine?.compose === true, hasPostgres(), hasRedis(), hasEngine('minio'), has('gpg', 'script'), canMount()].every(
    Boolean,
  );

export type World = {
  root: string;
  home: string;
  env: Record<string, string>;
  store: S3Server;
  application: Application;
  /** What a program says in a container of this name. */
  exec(container: string, ...argv: string[]): string;
  sql(text: string, database?: string): string;
  redis(...words: string[]): string;
  docker(...words: string[]): string;
  /** Writes the Compose file and starts the three containers; empty ones where they were removed. */
  provision(): Promise<void>;
  /** Deletes everything in a bucket. */
  empty(bucket: string): Promise<void>;
  keepVersions(bucket: string): Promise<void>;
  stop(): Promise<void>;
};

const names = { postgres: 'sv-sdk-postgres', redis: 'sv-sdk-redis', app: 'sv-sdk-app' };

/** Starts everything; `isRight` is the application's own question. */
export async function startWorld(isRight: (world: World) => Promise<boolean>): Promise<World> {
  const place = temporaryDirectory('sv-');
  const at = (...parts: string[]) => join(place.path, ...parts);
  for (const folder of ['home', 'nas', 'redis', 'keys']) mkdirSync(at(folder));
  execFileSync('mount', ['-t', 'tmpfs', 'nas', at('nas')]);
  const images = makeImages();
  const store = await startS3('minio');
  const client = store.client();
  for (const Bucket of ['backups-us-east-1', 'backups-eu-west-1'])
    await client.send(new CreateBucketCommand({ Bucket }));
  await writeKeys(at('keys'));
  const docker = (...words: string[]) => {
    const { status, stdout, stderr } = engine!.docker(words);
    if (status !== 0) throw new Error(`docker ${words.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const exec = (container: string, ...argv: string[]) => docker('exec', container, ...argv);
  const sql = (text: string, database = 'sv_sdk') =>
    exec(names.postgres, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'sv_sdk_user', '-d', database, '-c', text);
  const redis = (...words: string[]) => exec(names.redis, 'redis-cli', ...words);
  const compose = (...words: string[]) => docker('compose', '--file', at('home', 'docker-compose.yml'), ...words);
  const world: World = {
    root: place.path,
    home: at('home'),
    env: {
      ...engine!.env,
      ...store.environment(),
      AWS_ENDPOINT_URL_S3: store.endpoint,
      HOME: at('keys'),
      SV_SDK_HOME: at('home'),
      SV_SDK_BACKUPS: at('backups'),
      SV_SDK_NAS: at('nas', 'backups'),
      SV_SDK_KEYS: at('keys'),
      SV_SDK_REDIS_DATA: at('redis'),
      SV_SDK_POSTGRES_IMAGE: images.postgres,
      SV_SDK_REDIS_IMAGE: images.redis,
      SV_SDK_PATIENCE: '2m',
    },
    store,
    application: await startApplication(async () => await isRight(world)),
    ...{ exec, sql, redis, docker },
    provision: async () => {
      writeFileSync(at('home', 'docker-compose.yml'), composeFile(images, at('redis')));
      compose('up', '--detach');
      await answering(() => sql('select 1', 'postgres') === '1' && redis('PING') === 'PONG');
      if (sql("select count(*) from pg_database where datname = 'sv_sdk'", 'postgres') === '0')
        sql('create database sv_sdk', 'postgres');
    },
    empty: async (Bucket) => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
      for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    keepVersions: async (Bucket) => {
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    },
    stop: async () => {
      await world.application.stop();
      for (const name of Object.values(names)) engine!.docker(['rm', '--force', '--volumes', name]);
      client.destroy();
      await store.stop();
      execFileSync('umount', [at('nas')]);
      place.remove();
    },
  };
  world.env.SV_SDK_URL = world.application.url;
  await world.provision();
  return world;
}

type Images = { postgres: string; redis: string };

function makeImages(): Images {
  const bin = programsOf(major!)!;
  const postgres = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_restore', 'dropdb'].map((name) => join(bin, name));
  const folders = [bin.replace(/bin$/, 'lib'), `/usr/share/postgresql/${major}`, '/usr/share/zoneinfo'];
  return {
    postgres: engine!.image('sv-sdk-postgres', postgres, folders),
    redis: engine!.image('sv-sdk-redis', ['redis-server', 'redis-cli', 'redis-check-rdb']),
  };
}

/** As an image of PostgreSQL does it: made at the first start, with the application's user as its owner. */
const startPostgres = `mkdir -p /data /var/run/postgresql && chown postgres: /data /var/run/postgresql && cd /data &&
exec setpriv --reuid=postgres --regid=postgres --init-groups sh -c '
  [ -e PG_VERSION ] || initdb -D /data -U sv_sdk_user --no-sync --auth=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  exec postgres -D /data -k /var/run/postgresql -c listen_addresses= -c fsync=off'`;

function composeFile({ postgres, redis }: Images, data: string): string {
  const service = (name: string, image: string, command: string[], more = {}) => ({
    container_name: name,
    ...{ image, command, pull_policy: 'never', network_mode: 'none', init: true, ...more },
  });
  const services = {
    postgres: service(names.postgres, postgres, ['sh', '-c', startPostgres.replaceAll('$', '$$$$')]),
    redis: service(
      names.redis,
      redis,
      ['redis-server', '--dir', '/data', '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
      { volumes: [`${data}:/data`] },
    ),
    app: service(names.app, redis, ['sleep', 'infinity']),
  };
  return JSON.stringify({ name: 'sv-sdk', services });
}

async function writeKeys(folder: string): Promise<void> {
  const { publicKey, privateKey } = await generateKey({
    userIDs: [{ email: 'backup@example.com' }],
    format: 'armored',
  });
  writeFileSync(join(folder, 'backup@example.com.asc'), publicKey);
  writeFileSync(join(folder, 'backup@example.com.key'), privateKey, { mode: 0o600 });
}

async function answering(ask: () => boolean): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      if (ask()) return;
    } catch (error) {
      if (tries > 100) throw error;
    }
    await sleep(100);
  }
}

/** Removes what a complete loss takes: the containers with their data, the folders of the machine and the NAS. */
export function lose(world: World): void {
  for (const name of Object.values(names)) engine!.docker(['rm', '--force', '--volumes', name]);
  for (const folder of ['home', 'redis', 'backups', 'nas/backups'])
    rmSync(join(world.root, folder), { recursive: true, force: true });
  mkdirSync(join(world.root, 'redis'));
}
