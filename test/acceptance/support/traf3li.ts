/** The world of document 004: its Redis, its buckets in two regions, its units and its health endpoint, under their own names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { freePort } from '../../helpers/port.ts';
import { RedisServer } from '../../helpers/redis.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';
import { startS3 } from '../../helpers/s3-servers.ts';
import { startApplication } from './application.ts';
import { makeUnits } from './units.ts';

const buckets = ['traf3li-backups', 'traf3li-backups-dr'] as const;

/** `isRight` is the application's own question to its data; `mongodb` a connection string without a database. */
export async function openTraf3li(isRight: () => Promise<boolean>, mongodb = 'mongodb://127.0.0.1:1/') {
  const place = temporaryDirectory('traf3li-');
  const s3 = await startS3('minio');
  const client = s3.client();
  for (const Bucket of buckets) {
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  }
  const port = await freePort();
  const directory = join(place.path, 'redis');
  const pidfile = join(directory, 'pid');
  const redis = await RedisServer.start({ directory, port, settings: ['--pidfile', pidfile] });
  const pid = `"$(cat '${pidfile}')"`;
  const words = ['--port', port, '--unixsocket', redis.socket, '--dir', directory, '--pidfile', pidfile];
  const units = makeUnits(join(place.path, 'units'), {
    'traf3li-backend': { start: '', stop: '' },
    redis: {
      // As the service manager does: a signal, and then until it is gone.
      stop: `pid=${pid}; kill "$pid"; while kill -0 "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ]; do sleep 0.05; done`,
      start: `redis-server --bind 127.0.0.1 ${words.join(' ')} --save '' --daemonize yes >/dev/null`,
    },
  });
  const application = await startApplication(async () => units.runs('traf3li-backend') && (await isRight()));
  const uri = new URL(mongodb);
  uri.pathname = '/traf3li';
  const environment: Record<string, string> = {
    ...s3.environment(),
    PATH: units.path,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    S3_KMS_KEY_ID: 'my-key',
    S3_DR_KMS_KEY_ID: 'my-key',
    // The one class beside the standard that this store knows.
    BACKUP_COLD_CLASS: 'REDUCED_REDUNDANCY',
    // Two dumps of a few documents differ by more than a machine under load can promise.
    BACKUP_SLOWEST: '10000%',
    MONGODB_URI: uri.href,
    TEST_MONGODB_URI: mongodb,
    REDIS_URL: `redis://127.0.0.1:${port}`,
    REDIS_DATA: directory,
    BACKUP_ENCRYPTION_KEY: 'correct horse battery staple',
    HEALTH_URL: `${application.url}/health`,
    HEALTH_WITHIN: '60s',
  };
  const objects = async (bucket: (typeof buckets)[number]) => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key, StorageClass, Size }) => ({ key: Key!, storageClass: StorageClass, size: Size! }));
  };
  const head = (bucket: string, Key: string) => client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
  const end = async () => {
    await application.stop();
    // The one that a unit started is no child of ours.
    const running = readFileSync(pidfile, { encoding: 'utf8', flag: 'a+' }).trim();
    if (running !== '') process.kill(Number(running), 'SIGKILL');
    await redis.end();
    client.destroy();
    await s3.stop();
    place.remove();
  };
  return { place: place.path, environment, redis, application, units, client, objects, head, end };
}

export type Traf3li = Awaited<ReturnType<typeof openTraf3li>>;
