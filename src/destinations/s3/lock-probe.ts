/** Whether the credentials may lock, and whether they may take a lock away before its time. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { allowed } from './rights.ts';
import type { S3Spec } from './spec.ts';

/** Long enough to be in the future for the server, and short enough to be waited for. */
const lockSeconds = 3;

export type LockRights = { lock: boolean; bypass: boolean };

/** Locks an object for seconds, tries to remove it at once, and removes it when the lock has ended. */
export async function findLockRights(
  client: Client,
  name: string,
  mode: NonNullable<S3Spec['object-lock']>['mode'],
): Promise<LockRights> {
  const at = { Bucket: client.bucket, Key: name };
  const Body = Buffer.from('probe\n');
  const until = new Date(client.now().getTime() + lockSeconds * 1000);
  let version: string | undefined;
  const lock = await allowed(client, name, async (s3) => {
    const members = {
      ContentMD5: createHash('md5').update(Body).digest('base64'),
      ObjectLockMode: mode === 'compliance' ? ('COMPLIANCE' as const) : ('GOVERNANCE' as const),
      ObjectLockRetainUntilDate: until,
    };
    version = (await s3.putObject({ ...at, Body, ...members })).VersionId;
  });
  if (!lock || version === undefined) return { lock, bypass: false };
  const remove = (BypassGovernanceRetention: boolean) =>
    client
      .call('try', name, (s3, o) => s3.deleteObject({ ...at, VersionId: version!, BypassGovernanceRetention }, o))
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof S3Fault && !error.transient) return false;
          throw error;
        },
      );
  if (mode === 'governance' && (await remove(true))) return { lock, bypass: true };
  await sleep(Math.max(0, until.getTime() - client.now().getTime()) + 500);
  // Who may not delete leaves it; it is empty of meaning.
  await remove(false);
  return { lock, bypass: false };
}
