/** The servers of rusty-saas under its document's own names: a host with PostgreSQL below a scratch root, three clouds, a forge. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { type HttpFaultProxy, httpFaultProxy } from '../../fakes/fault-http.ts';
import {
  azureAccount,
  azureKey,
  type Emulator,
  hasAzure,
  hasGcs,
  startAzure,
  startGcs,
} from '../../helpers/emulators.ts';
import { hasPostgres, Postgres } from '../../helpers/postgres.ts';
import { able, has, isRoot } from '../../helpers/programs.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';
import { hasEngine, type S3Server, startS3 } from '../../helpers/s3-servers.ts';
import { type Application, startApplication } from './application.ts';

/** Whether all of it can be had here. Says what cannot. */
export const canServe = () =>
  [hasPostgres(), hasEngine('versitygw'), hasGcs(), hasAzure(), has('rclone', 'git'), able(isRoot, 'root')].every(
    Boolean,
  );

export type World = {
  /** What stands for `/` of the host. */
  root: string;
  env: Record<string, string>;
  store: S3Server;
  client: S3Client;
  /** What the bucket was asked on its way. */
  line: HttpFaultProxy;
  second: Emulator;
  application: Application;
  sql(text: string, database?: string): Promise<string>;
  /** What `systemctl` was asked since the last time this was. */
  asked(): string[];
  /** A fresh server in the place of the one that is lost. */
  rebuild(): Promise<void>;
  stop(): Promise<void>;
};

/** A systemd of the test's own: it writes down what it is asked, and a unit that runs has a file. */
const systemctl = (root: string) => `#!/bin/sh
echo "$*" >>${root}systemctl.log
case $1 in stop) rm -f ${root}running ;; start) : >${root}running ;; esac
`;

/** Starts everything; `isRight` is the application's own question. */
export async function startWorld(isRight: (world: World) => Promise<boolean>): Promise<World> {
  const place = temporaryDirectory('rs-');
  chmodSync(place.path, 0o755);
  const root = `${place.path}/`;
  for (const folder of ['bin', 'keys', 'home', 'var/tmp']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'bin/systemctl'), systemctl(root), { mode: 0o755 });
  writeFileSync(join(root, 'running'), '');
  writeFileSync(join(root, 'keys/backup.key'), randomBytes(32).toString('hex'), { mode: 0o600 });
  writeFileSync(join(root, 'keys/azure.key'), azureKey, { mode: 0o600 });
  execFileSync('git', ['init', '--quiet', '--bare', join(root, 'forge.git')]);
  const [store, second, cold] = await Promise.all([startS3('versitygw'), startGcs(), startAzure()]);
  const client = store.client();
  const line = await httpFaultProxy({ port: store.port });
  await client.send(new CreateBucketCommand({ Bucket: 'your-backup-bucket', ObjectLockEnabledForBucket: true }));
  await second.bucket('your-backup-bucket');
  await cold.bucket('your-backup-container');
  let server = await Postgres.start();
  await server.create('rusty_saas');
  const world: World = {
    ...{ root, store, client, line, second },
    env: {
      ...store.environment(),
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${line.port}`,
      AWS_REGION: store.region,
      HOME: join(root, 'home'),
      PATH: `${join(root, 'bin')}:${process.env.PATH}`,
      PGHOST: server.directory,
      PGPORT: String(server.port),
      RUSTY_SAAS_ROOT: root,
      RUSTY_SAAS_BACKUPS: join(root, 'var/backups'),
      RUSTY_SAAS_KEYS: join(root, 'keys'),
      RUSTY_SAAS_REPOSITORY: join(root, 'forge.git'),
      // Where rclone finds Google's service: the plan names none.
      RCLONE_CONFIG_RUNNER_ENDPOINT: `http://127.0.0.1:${second.port}/storage/v1/`,
      RCLONE_CONFIG_RUNNER_ANONYMOUS: 'true',
      RUSTY_SAAS_AZURE: `http://127.0.0.1:${cold.port}/${azureAccount}`,
      RUSTY_SAAS_AZURE_ACCOUNT: azureAccount,
      RUSTY_SAAS_PATIENCE: '2m',
    },
    application: await startApplication(async () => existsSync(join(root, 'running')) && (await isRight(world))),
    sql: async (text, database = 'rusty_saas') => await server.query(text, database),
    asked: () => {
      appendFileSync(join(root, 'systemctl.log'), '');
      const said = readFileSync(join(root, 'systemctl.log'), 'utf8');
      writeFileSync(join(root, 'systemctl.log'), '');
      return said.split('\n').filter(Boolean);
    },
    rebuild: async () => {
      await server.stop();
      server = await Postgres.start();
      Object.assign(world.env, { PGHOST: server.directory, PGPORT: String(server.port) });
    },
    stop: async () => {
      await world.application.stop();
      client.destroy();
      await line.end();
      await Promise.all([server.stop(), store.stop(), second.stop(), cold.stop()]);
      place.remove();
    },
  };
  world.env.RUSTY_SAAS_URL = world.application.url;
  return world;
}
