/** What the suite of destinations stands on at an S3 server: prefixes of one bucket, bad lines, users of few rights. */
import { randomBytes } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openS3, type S3Spec } from '../../src/destinations/s3/index.ts';
import { isUnlistable } from '../../src/destinations/s3/place.ts';
import type { S3Store } from '../../src/destinations/s3/store.ts';
import type { Bench, Network, Right } from '../contracts/destination/stage.ts';
import { faultProxy, httpFaultProxy } from '../fakes/fault-proxy.ts';
import { opening } from '../helpers/opening.ts';
import type { Keys, S3Server } from '../helpers/s3-servers.ts';

/** Tests do not wait as long as a backup does. */
export const patience = { attempts: 4, pause: 20 };

export type Given = { keys?: Keys; pageSize?: number; secrets?: Record<string, string> };

/** A handle on a server with a test's patience. */
export async function openAt(
  server: S3Server,
  spec: Partial<S3Spec> & { bucket: string },
  { keys, pageSize, secrets }: Given = {},
): Promise<S3Store> {
  const given = { ...server.spec(spec.bucket), ...spec } as S3Spec;
  const environment = server.environment(keys);
  return await openS3('cloud', given, opening(secrets ?? {}, { environment }), {
    patience,
    ...(pageSize === undefined ? {} : { pageSize }),
  });
}

const denials: Record<Right, string> = {
  write: 's3:PutObject',
  read: 's3:GetObject',
  list: 's3:ListBucket',
  remove: 's3:DeleteObject',
};

export async function s3Bench(server: S3Server, bucket: string): Promise<Bench> {
  const spec = { bucket, prefix: `contract/${randomBytes(6).toString('hex')}` };
  // Requests are understood, and answered in the server's stead, behind a line that only carries bytes.
  const http = await httpFaultProxy({ port: server.port });
  const line = await faultProxy({ port: http.port });
  const through = (port: number, more: Partial<S3Spec> = {}) =>
    openAt(server, { ...spec, endpoint: `http://127.0.0.1:${port}`, timeout: '2s', ...more });
  const network: Network = {
    open: () => through(line.port),
    set: (fault) => {
      line.set(fault);
      if (fault === null) line.drop();
    },
    storm: (answers) => {
      http.mend();
      if (answers > 0) http.add({ answer: 503, times: answers });
    },
    patience: 120_000,
  };
  const denied = (right: Right) => async () =>
    openAt(server, spec, {
      keys: await server.limited([
        { Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] },
        { Effect: 'Deny', Action: [denials[right]], Resource: ['arn:aws:s3:::*'] },
      ]),
    });
  return {
    open: () => openAt(server, spec),
    openPaged: (pageSize) => openAt(server, spec, { pageSize }),
    refuses: isUnlistable,
    objects: 1100,
    fill: (names) =>
      fill(
        server,
        names.map((name) => `${spec.prefix}/${name}`),
        bucket,
      ),
    network,
    skewed: async (seconds) => {
      http.mend();
      const now = new Date(Date.now() + seconds * 1000);
      http.add({ headers: { date: now.toUTCString() }, times: Number.POSITIVE_INFINITY });
      return await through(http.port);
    },
    ...(server.engine === 'minio'
      ? { denied: { write: denied('write'), read: denied('read'), list: denied('list'), remove: denied('remove') } }
      : {}),
    end: async () => {
      await line.end();
      await http.end();
    },
  };
}

/** Puts four bytes at each name, many at once. */
export async function fill(server: S3Server, names: readonly string[], bucket: string): Promise<void> {
  const client = server.client();
  const left = [...names];
  const work = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop())
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: 'four' }));
  };
  await Promise.all(Array.from({ length: 16 }, work));
  client.destroy();
}
