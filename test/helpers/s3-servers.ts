/**
 * Real S3 servers of a test's own: MinIO and versitygw, moto for what neither has (storage classes, thaw), and `rclone serve s3`, which
 * overwrites whatever it is asked.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, ListBucketsCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { freePort } from './port.ts';
import { able, has, programAt, servers } from './programs.ts';
import { temporaryDirectory } from './runner.ts';

export type Engine = 'minio' | 'versitygw' | 'moto' | 'rclone';

/** `token` only for users of limited rights. */
export type Keys = { id: string; secret: string; token?: string };

export type S3Server = {
  readonly engine: Engine;
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  readonly region: string;
  /** The keys of the owner, who may do everything. */
  readonly keys: Keys;
  /** The file of the certificate's authority, where it speaks TLS. */
  readonly ca?: string;
  /** A client of the owner, or of a user. */
  client(keys?: Keys): S3Client;
  /** A new bucket; `locked` has object lock, and so is versioned. */
  bucket(options?: { versioned?: boolean; locked?: boolean }): Promise<string>;
  /** A user who may do what the policy says and nothing else (MinIO and moto; moto lets everybody do everything). */
  limited(policy: Policy): Promise<Keys>;
  /** The members of a plan's destination: `{ type: s3, bucket, ... }` without keys. */
  spec(bucket: string): Record<string, unknown>;
  /** The variables from which the program takes the keys. */
  environment(keys?: Keys): Record<string, string>;
  /** Ends it as a dead machine would; `start` brings it back with what it held. */
  halt(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** What a user may do, as AWS writes it; without `Version`, which is always the same. */
export type Policy = Statement[];
export type Statement = { Effect: 'Allow' | 'Deny'; Action: string[]; Resource: string[] };

export type ServerOptions = {
  /** MinIO takes customer keys over TLS only. */
  tls?: boolean;
  environment?: Record<string, string>;
  /** What it holds lies on a file system of that size (`24m`), where one can be mounted. */
  room?: string;
};

const programs = { minio: 'minio', versitygw: 'versitygw', moto: 'moto_server' };
/** Debian's own cannot serve S3, and building one takes long: `GOBIN=/opt/runner-test/rclone/bin go install github.com/rclone/rclone@v1.76.0`. */
const rclone = join(servers, 'rclone/bin/rclone');
const region = 'us-east-1';

/** Whether this server can be had here. Says why not. */
export const hasEngine = (engine: Engine): boolean =>
  engine === 'rclone' ? able(existsSync(rclone), 'rclone serve s3') : has(programs[engine]);

/** Starts one on a free port of loopback, with everything it holds in a temporary directory. */
export async function startS3(engine: Engine, options: ServerOptions = {}): Promise<S3Server> {
  const folder = temporaryDirectory(`${engine}-`);
  const keys: Keys = { id: 'owner', secret: randomBytes(15).toString('hex') };
  const data = join(folder.path, 'data');
  mkdirSync(data);
  if (options.room) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.room}`, 'none', data]);
  const remove = () => {
    if (options.room) execFileSync('umount', ['-l', data]);
    folder.remove();
  };
  const ca = options.tls ? makeCertificate(join(folder.path, 'certificates')) : undefined;
  for (let attempt = 1; ; attempt += 1) {
    const reached = reach(engine, await freePort(), keys, ca);
    const start = async () => {
      const child = launch(reached, folder.path, options);
      await answering(child, reached, join(folder.path, 'log'));
      return child;
    };
    try {
      let child = await start();
      const halt = () => ended(child);
      const again = async () => {
        child = await start();
      };
      const stop = async () => {
        await halt();
        remove();
      };
      return { ...reached, halt, start: again, stop };
    } catch (error) {
      // Another may have taken the port between its choice and its use.
      if (attempt < 4) continue;
      remove();
      throw error;
    }
  }
}

type Reached = Omit<S3Server, 'halt' | 'start' | 'stop'>;

function reach(engine: Engine, port: number, keys: Keys, ca: string | undefined): Reached {
  const host = `127.0.0.1:${port}`;
  const endpoint = `${ca ? 'https' : 'http'}://${host}`;
  const client = (user: Keys = keys) =>
    new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: credentialsOf(user),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      ...trust(ca),
    });
  const owner = client();
  return {
    engine,
    endpoint,
    host,
    port,
    region,
    keys,
    ...(ca ? { ca } : {}),
    client,
    bucket: (options) => makeBucket(owner, options),
    limited: (policy) => limit({ endpoint, ca }, keys, policy),
    spec: (bucket) => ({ type: 's3', bucket, region, endpoint, 'path-style': true, ...(ca ? { ca } : {}) }),
    environment: (user = keys) => ({
      AWS_ACCESS_KEY_ID: user.id,
      AWS_SECRET_ACCESS_KEY: user.secret,
      ...(user.token ? { AWS_SESSION_TOKEN: user.token } : {}),
    }),
  };
}

const trust = (ca: string | undefined) =>
  ca ? { requestHandler: { httpsAgent: new Agent({ ca: readFileSync(ca) }) } } : {};

const credentialsOf = ({ id, secret, token }: Keys) => ({
  accessKeyId: id,
  secretAccessKey: secret,
  ...(token ? { sessionToken: token } : {}),
});

async function makeBucket(owner: S3Client, options: { versioned?: boolean; locked?: boolean } = {}): Promise<string> {
  const name = `b-${randomBytes(6).toString('hex')}`;
  await owner.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: options.locked ?? false }));
  if (options.versioned && !options.locked) {
    const VersioningConfiguration = { Status: 'Enabled' as const };
    await owner.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
  }
  return name;
}

/** The owner's keys, limited for a day by a policy of the session: no interface of administration is needed for it. */
async function limit(
  { endpoint, ca }: { endpoint: string; ca: string | undefined },
  owner: Keys,
  policy: Policy,
): Promise<Keys> {
  const provide = fromTemporaryCredentials({
    masterCredentials: credentialsOf(owner),
    clientConfig: { endpoint, region, ...trust(ca) },
    params: {
      RoleArn: 'arn:aws:iam::123456789012:role/limited',
      RoleSessionName: 'limited',
      DurationSeconds: 86_400,
      Policy: JSON.stringify({ Version: '2012-10-17', Statement: policy }),
    },
  });
  const { accessKeyId, secretAccessKey, sessionToken } = await provide();
  return { id: accessKeyId, secret: secretAccessKey, ...(sessionToken ? { token: sessionToken } : {}) };
}

function launch({ engine, host, port, keys, ca }: Reached, folder: string, options: ServerOptions): ChildProcess {
  const certificates = join(folder, 'certificates');
  const data = join(folder, 'data');
  const versions = join(folder, 'versions');
  for (const path of [data, versions]) mkdirSync(path, { recursive: true });
  const words = {
    minio: ['server', '--quiet', '--address', host, ...(ca ? ['--certs-dir', certificates] : []), data],
    versitygw: [
      ...['--port', host, '--quiet'],
      ...(ca ? ['--cert', join(certificates, 'public.crt'), '--key', join(certificates, 'private.key')] : []),
      ...['posix', '--versioning-dir', versions, data],
    ],
    moto: ['-H', '127.0.0.1', '-p', String(port)],
    rclone: ['serve', 's3', '--addr', host, '--auth-key', `${keys.id},${keys.secret}`, '--vfs-cache-mode', 'off', data],
  }[engine];
  const env = {
    ...{ PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? folder },
    ...{ ROOT_ACCESS_KEY: keys.id, ROOT_SECRET_KEY: keys.secret },
    ...{ MINIO_ROOT_USER: keys.id, MINIO_ROOT_PASSWORD: keys.secret, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' },
    MINIO_KMS_SECRET_KEY: `my-key:${Buffer.alloc(32, 7).toString('base64')}`,
    ...options.environment,
  };
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(engine === 'rclone' ? rclone : programAt(programs[engine])!, words, {
    stdio: ['ignore', log, log],
    env,
  });
  closeSync(log);
  return child;
}

/** Until it lists its buckets: a server listens before it serves. */
async function answering(child: ChildProcess, reached: Reached, log: string): Promise<void> {
  const client = reached.client();
  try {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      const answer = await client.send(new ListBucketsCommand({})).catch(() => null);
      if (answer) return;
    }
  } finally {
    client.destroy();
  }
  await ended(child);
  throw new Error(`${reached.engine} does not answer: ${readFileSync(log, 'utf8').slice(-2000)}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A certificate for 127.0.0.1 that vouches for itself, under the names that MinIO looks for. */
function makeCertificate(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const [certificate, key] = [join(folder, 'public.crt'), join(folder, 'private.key')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return certificate;
}
