/** What the credentials may do, each verb tried by itself on an object that nobody needs. */
import { createHash } from 'node:crypto';
import type { S3 } from '@aws-sdk/client-s3';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import type { Keeping } from './keeping.ts';
import { removeVersion, versionsOf } from './versions.ts';

/** `null`: could not be found out. */
export type May = boolean | null;

export type Tried = {
  write: boolean;
  read: May;
  list: boolean;
  listVersions: boolean;
  upload: boolean;
  abandon: May;
  /** What became of a second write that was not to overwrite; null where writing is not allowed. */
  condition: 'kept' | 'ignored' | 'refused' | null;
};

export type Deletion = { delete: boolean; deleteVersions: May };

export type Rights = Tried & Deletion;

/** The right that each verb takes at AWS, and the servers that follow it. */
export const nameOfRight = {
  write: 's3:PutObject',
  read: 's3:GetObject',
  list: 's3:ListBucket',
  listVersions: 's3:ListBucketVersions',
  upload: 's3:PutObject',
  abandon: 's3:AbortMultipartUpload',
  delete: 's3:DeleteObject',
  deleteVersions: 's3:DeleteObjectVersion',
} as const;

export type Probe = {
  client: Client;
  keeping: Keeping;
  /** The whole name of an object that nobody needs. */
  name: string;
  /** What the names of the plan's objects begin with. */
  folder: string;
};

/** Tries each verb but deleting; the object stays. Rejects only where the store cannot be asked at all. */
export async function tryRights(probe: Probe): Promise<Tried> {
  const { client, name, folder, keeping } = probe;
  const at = { Bucket: client.bucket, Key: name };
  const Body = Buffer.from('probe\n');
  const members = {
    ...keeping.made('small', undefined, new Date()),
    ContentMD5: createHash('md5').update(Body).digest('base64'),
  };
  const ask = <T>(act: (s3: S3) => Promise<T>) => allowed(client, name, act);
  const write = await ask((s3) => s3.putObject({ ...at, Body, ...members }));
  const condition = write
    ? await conditionOf(probe, (s3) => s3.putObject({ ...at, Body, ...members, IfNoneMatch: '*' }))
    : null;
  const list = await ask((s3) => s3.listObjectsV2({ Bucket: client.bucket, Prefix: folder, MaxKeys: 1 }));
  const read = await mayRead(probe, write, list);
  const listVersions = await ask((s3) => s3.listObjectVersions({ Bucket: client.bucket, Prefix: folder, MaxKeys: 1 }));
  const { upload, abandon } = await mayUpload(probe);
  return { write, condition, read, list, listVersions, upload, abandon };
}

/** False where the store forbids it; what else goes wrong is thrown. */
export async function allowed(client: Client, name: string, act: (s3: S3) => Promise<unknown>): Promise<boolean> {
  try {
    await client.call('try', name, act);
    return true;
  } catch (error) {
    if (isForbidden(error)) return false;
    throw error;
  }
}

const isForbidden = (error: unknown) =>
  error instanceof S3Fault && error.status === 403 && error.code === 'AccessDenied';

async function conditionOf({ client, name }: Probe, act: (s3: S3) => Promise<unknown>): Promise<Rights['condition']> {
  try {
    await client.call('try', name, act);
    return 'ignored';
  } catch (error) {
    if (error instanceof S3Fault && error.status === 412) return 'kept';
    if (error instanceof S3Fault && error.status === 501) return 'refused';
    throw error;
  }
}

/** Without an object of one's own only who may list is told that there is none. */
async function mayRead({ client, name, keeping }: Probe, write: boolean, list: boolean): Promise<May> {
  try {
    await client.call('try', name, async (s3, o) => {
      const answer = await s3.getObject({ Bucket: client.bucket, Key: name, ...keeping.opened }, o);
      (answer.Body as { destroy?(): void } | undefined)?.destroy?.();
    });
    return true;
  } catch (error) {
    if (error instanceof S3Fault && error.status === 404) return true;
    if (!isForbidden(error)) throw error;
    return write || list ? false : null;
  }
}

async function mayUpload({ client, name, keeping }: Probe): Promise<{ upload: boolean; abandon: May }> {
  const at = { Bucket: client.bucket, Key: name };
  let id: string | undefined;
  const upload = await allowed(client, name, async (s3) => {
    id = (await s3.createMultipartUpload({ ...at, ...keeping.made('small', undefined, new Date()) })).UploadId;
  });
  if (!upload) return { upload, abandon: null };
  return { upload, abandon: await allowed(client, name, (s3) => s3.abortMultipartUpload({ ...at, UploadId: id! })) };
}

/** Deletes the probe. In a bucket that keeps versions that makes a delete marker, which goes with the version below it. */
export async function mayDelete(
  { client, name }: Pick<Probe, 'client' | 'name'>,
  { versioned, listVersions }: { versioned: boolean; listVersions: boolean },
): Promise<Deletion> {
  const at = { Bucket: client.bucket, Key: name };
  let marker: string | undefined;
  const may = await allowed(client, name, async (s3) => {
    marker = (await s3.deleteObject(at)).VersionId;
  });
  if (!versioned) return { delete: may, deleteVersions: null };
  const versions = listVersions ? await versionsOf(client, name) : marker === undefined ? [] : [{ name, id: marker }];
  if (versions.length === 0) return { delete: may, deleteVersions: null };
  const deleteVersions = await allowed(client, name, async () => {
    for (const version of versions) await removeVersion(client, version);
  });
  return { delete: may, deleteVersions };
}
