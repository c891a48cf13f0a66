/** Uploads that were begun and neither finished nor abandoned: they are invisible, and cost money for ever. */
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';

/** The uploads of this process, by their ids: whose attempt at which object of which store each is. */
const claims = new Map<string, { at: string; attempt: string }>();

const placeOf = (client: Client, name: string) => `${client.store} ${client.bucket} ${name}`;

/** Says that an upload belongs to a living attempt of this process. */
export function claim(client: Client, name: string, id: string, attempt: string): void {
  claims.set(id, { at: placeOf(client, name), attempt });
}

export function unclaim(id: string): void {
  claims.delete(id);
}

/**
 * Abandons what an attempt left of an object: the uploads that this process knows as its, and those of the object that the
 * server lists and no other living attempt of this process claims; but never the one that is `spared`. (A server has no name for an upload but its own id; that
 * no other process is at the same object is the lease's doing.)
 */
export async function abandonAttempt(client: Client, name: string, attempt: string, spared?: string): Promise<void> {
  const at = placeOf(client, name);
  const known = [...claims].filter(([, claimed]) => claimed.at === at && claimed.attempt === attempt).map(([id]) => id);
  const listed = (await unfinishedOf(client, name)).filter((id) => (claims.get(id)?.attempt ?? attempt) === attempt);
  for (const id of new Set([...known, ...listed])) if (id !== spared) await abandon(client, name, id);
}

/** Ends an upload and looks whether it is gone: a part that was on its way may have come after. */
export async function abandon(client: Client, name: string, id: string): Promise<void> {
  const upload = { Bucket: client.bucket, Key: name, UploadId: id };
  for (let time = 0; time < 3; time += 1) {
    try {
      await client.call('abandon the upload of', name, (s3, o) => s3.abortMultipartUpload(upload, o));
      await client.call('count the parts of', name, (s3, o) => s3.listParts({ ...upload, MaxParts: 1 }, o));
    } catch (error) {
      if (!isGone(error)) throw error;
      break;
    }
  }
  unclaim(id);
}

/** Ids of the unfinished uploads of exactly this object: MinIO tells them only for a whole name. */
async function unfinishedOf(client: Client, name: string): Promise<string[]> {
  const ids: string[] = [];
  let after: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await client.call('list the unfinished uploads of', name, (s3, o) =>
      s3.listMultipartUploads({ Bucket: client.bucket, Prefix: name, ...after }, o),
    );
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key === name && UploadId) ids.push(UploadId);
    if (!page.IsTruncated || !page.NextKeyMarker) return ids;
    after = {
      KeyMarker: page.NextKeyMarker,
      ...(page.NextUploadIdMarker ? { UploadIdMarker: page.NextUploadIdMarker } : {}),
    };
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof S3Fault && (error.code === 'NoSuchUpload' || error.code === 'NoSuchKey');
}
