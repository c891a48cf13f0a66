/** What lies under a name. */
import type { Readable } from 'node:stream';
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { StoredObject } from '../../destination.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import type { Keeping } from './keeping.ts';

/** The answer to HEAD, or null where there is nothing; of the newest version where none is given. */
export async function headOf(
  client: Client,
  keeping: Keeping,
  name: string,
  version?: string,
): Promise<HeadObjectCommandOutput | null> {
  try {
    const request = { Bucket: client.bucket, Key: name, ...keeping.opened, ...(version ? { VersionId: version } : {}) };
    return await client.call('look at', name, (s3, o) => s3.headObject(request, o));
  } catch (error) {
    if (isMissing(error)) return null;
    throw await whyNot(client, keeping, name, error);
  }
}

/** A refused HEAD has no body, and so no reason: a GET of one byte is refused with it. */
async function whyNot(client: Client, { opened }: Keeping, name: string, refused: unknown): Promise<unknown> {
  if (!(refused instanceof S3Fault) || ![301, 307, 400, 403].includes(refused.status ?? 0)) return refused;
  const request = { Bucket: client.bucket, Key: name, Range: 'bytes=0-0', ...opened };
  return await client
    .call('look at', name, async (s3, o) => {
      const { Body } = await s3.getObject(request, o);
      (Body as Readable).destroy();
      return refused;
    })
    .catch((told: unknown) => (isMissing(told) ? refused : told));
}

/** A missing object, and no other thing that some server answers 404 for: a bucket, or even a user. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3Fault && error.status === 404 && /^(NoSuchKey|NotFound)$/.test(error.code);
}

export function storedAs(key: string, head: HeadObjectCommandOutput): StoredObject {
  const kept = head.StorageClass;
  return {
    key,
    size: head.ContentLength ?? 0,
    modified: head.LastModified ?? new Date(0),
    ...(kept === undefined ? {} : { class: kept }),
    ...(isArchived(head) ? { archived: true } : {}),
  };
}

/** In a class from which nothing can be read, unless a thawed copy stands beside it. */
function isArchived({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): boolean {
  const frozen = StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE' || ArchiveStatus !== undefined;
  return frozen && !/ongoing-request="false"/.test(Restore ?? '');
}
