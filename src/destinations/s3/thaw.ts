/** Objects in classes from which nothing can be read before the store has made a readable copy of them. */
import type { RestoreObjectCommandInput } from '@aws-sdk/client-s3';
import { KeyMissing } from '../../destination.ts';
import { formatDuration } from '../../units.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { headOf } from './head.ts';
import type { Keeping } from './keeping.ts';

const hour = 3600;

/** How long the usual way of thawing takes at most, by AWS's own word. */
const thaws: Record<string, number> = { GLACIER: 5 * hour, DEEP_ARCHIVE: 12 * hour };

/** Seconds; null for a class that can be read at once. */
export function thawSeconds(storageClass: string | undefined): number | null {
  return thaws[storageClass ?? ''] ?? null;
}

/** Asks for a readable copy that stays for so many days; in words, when it can be read. Asking again is harmless. */
export async function thaw(
  { client, keeping, name, version }: { client: Client; keeping: Keeping; name: string; version?: string },
  days: number,
): Promise<string> {
  const of = version === undefined ? {} : { VersionId: version };
  const head = await headOf(client, keeping, name, version);
  if (!head) throw new KeyMissing(`${name} is not at ${client.name}.`);
  const needed = thawSeconds(head.StorageClass) ?? (head.ArchiveStatus === undefined ? null : thaws.DEEP_ARCHIVE!);
  if (needed === null)
    return `${client.where(name)} can be read now: its class ${head.StorageClass ?? 'STANDARD'} needs no thaw`;
  const until = /expiry-date="([^"]+)"/.exec(head.Restore ?? '')?.[1];
  if (until !== undefined) return `${client.where(name)} can be read until ${day(until)}`;
  const soon = `${formatDuration(needed)} at most`;
  if (/ongoing-request="true"/.test(head.Restore ?? '')) return `${client.where(name)} is being thawed: ${soon}`;
  // Intelligent tiering thaws for good, and refuses a number of days.
  const RestoreRequest: RestoreObjectCommandInput['RestoreRequest'] =
    head.ArchiveStatus === undefined ? { Days: days, GlacierJobParameters: { Tier: 'Standard' } } : {};
  try {
    const request = { Bucket: client.bucket, Key: name, ...of, RestoreRequest };
    await client.call('thaw', name, (s3, o) => s3.restoreObject(request, o));
  } catch (error) {
    if (!(error instanceof S3Fault && error.code === 'RestoreAlreadyInProgress')) throw error;
  }
  return `${client.where(name)} is being thawed: it can be read in ${soon}, and stays so for ${days === 1 ? 'a day' : `${days} days`}`;
}

function day(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : new Date(time).toISOString().slice(0, 16).replace('T', ' ').concat(' UTC');
}
