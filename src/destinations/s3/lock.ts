/** Locks of objects: what may not be deleted yet, and which backup a file belongs to. */
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { S3Fault } from './faults.ts';
import { headOf } from './head.ts';
import type { ReadPlace } from './read.ts';

/** The id of the backup that a file belongs to, and the folder of the file; null for what belongs to none. */
export function backupOf(key: string): { folder: string; id: string } | null {
  const match = /^(.*\/)?([^/.]+-\d{8}T\d{6}Z-[^/.]+)\.[^/]+$/.exec(key);
  return match && !/(^|\/)\.runner\//.test(key) ? { folder: match[1] ?? '', id: match[2]! } : null;
}

type Lock = Pick<HeadObjectCommandOutput, 'ObjectLockMode' | 'ObjectLockRetainUntilDate' | 'ObjectLockLegalHoldStatus'>;

/** The lock of the version that is meant. Some servers tell it of an old version only when they are asked for it alone. */
export async function readLock({ client, keeping, name, version }: ReadPlace): Promise<Lock | null> {
  const head = await headOf(client, keeping, name, version);
  if (head === null || head.ObjectLockRetainUntilDate !== undefined || version === undefined) return head;
  try {
    const { Retention: found } = await client.call('ask for the lock of', name, (s3, o) =>
      s3.getObjectRetention({ Bucket: client.bucket, Key: name, VersionId: version }, o),
    );
    const until = found?.RetainUntilDate;
    return until === undefined ? head : { ObjectLockMode: found!.Mode, ObjectLockRetainUntilDate: until };
  } catch (error) {
    if (!(error instanceof S3Fault) || error.transient) throw error;
    return head;
  }
}

/** Why an object may not be deleted at this time, in words; null where it may. */
export function lockOf(head: Lock | null, now: Date): string | null {
  if (head === null) return null;
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = head;
  if (hold === 'ON') return 'held by a legal hold';
  if (until === undefined || until <= now) return null;
  const time = until.toISOString();
  const isSoon = until.getTime() - now.getTime() < 86_400_000;
  const shown = isSoon ? `${time.slice(0, 16).replace('T', ' ')} UTC` : time.slice(0, 10);
  return `locked until ${shown} (${(mode ?? 'unknown').toLowerCase()})`;
}
