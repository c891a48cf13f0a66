/**
 * Which version of an object counts where a bucket keeps several. What is written once has its true version in the oldest: nobody
 * can put anything before it, and whoever has the plan's keys can put a newer one, or a delete marker, on top of it.
 */
import type { ListObjectVersionsCommandOutput, ObjectVersion } from '@aws-sdk/client-s3';
import type { StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { probeKey } from './small.ts';

/** What goes when its work is done, as a rule: leases, journals, probes of `doctor`. */
export const isPassing = (key: string): boolean => /(^|\/)\.runner\/(lease\/|journal\/|probe)/.test(key);

/** What is written again and again, so that its newest version counts. */
const isNewest = (key: string): boolean => isPassing(key) || /(^|\/)RECOVERY\.md(\.sig)?$/.test(key);

/** `name`: of the object, whole. */
export type Version = { name: string; id: string; isMarker: boolean; size: number; modified: Date };

type Page = ListObjectVersionsCommandOutput;

/** Every page of versions of objects whose names begin with `start`; rejects unless the server came to the end. */
async function* pages(client: Client, start: string, pageSize?: number): AsyncGenerator<Page> {
  let after: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const size = pageSize === undefined ? {} : { MaxKeys: pageSize };
    const request = { Bucket: client.bucket, Prefix: start, EncodingType: 'url' as const, ...size, ...after };
    const page = await client.call('list the versions of', start, (s3, o) => s3.listObjectVersions(request, o));
    yield page;
    if (!page.IsTruncated) return;
    const { NextKeyMarker: key, NextVersionIdMarker: id } = page;
    const name = key === undefined ? undefined : decoded(page, key);
    if (name === undefined || (name === after.KeyMarker && id === after.VersionIdMarker))
      throw new RunnerError(
        `Destination ${client.name}: the server says that its list of ${client.where(start)} goes on, and not how: what is there is not known.`,
      );
    after = { KeyMarker: name, ...(id ? { VersionIdMarker: id } : {}) };
  }
}

const decoded = ({ EncodingType }: Page, text: string) =>
  EncodingType === 'url' ? decodeURIComponent(text.replaceAll('+', ' ')) : text;

/** As a listing of an ordinary bucket, of the versions that count. Delete markers hide only what is written again and again. */
export async function* listTrue(client: Client, start: string, pageSize?: number): AsyncGenerator<StoredObject[]> {
  let open: StoredObject | null = null;
  for await (const page of pages(client, start, pageSize)) {
    const found: StoredObject[] = [];
    for (const version of page.Versions ?? []) {
      const name = decoded(page, version.Key ?? '');
      if (name.endsWith('/') || !name.startsWith(client.prefix)) continue;
      const key = name.slice(client.prefix.length);
      if (key === probeKey || (isNewest(key) && !version.IsLatest)) continue;
      if (open !== null && open.key !== key) found.push(open);
      // The newest come first: what comes last of a name is its oldest.
      open = storedVersion(key, version);
    }
    if (found.length > 0) yield found;
  }
  if (open !== null) yield [open];
}

function storedVersion(key: string, { Size, LastModified, StorageClass }: ObjectVersion): StoredObject {
  const kept = StorageClass === undefined ? {} : { class: StorageClass };
  return { key, size: Size ?? 0, modified: LastModified ?? new Date(0), ...kept };
}

/** All versions of exactly this object, delete markers among them; the versions the newest first. */
export async function versionsOf(client: Client, name: string): Promise<Version[]> {
  const found: Version[] = [];
  for await (const page of pages(client, name)) {
    const all = [
      ...(page.Versions ?? []).map((one) => ({ ...one, isMarker: false })),
      ...(page.DeleteMarkers ?? []).map((one) => ({ Size: 0, ...one, isMarker: true })),
    ];
    const own = all.filter(({ Key }) => decoded(page, Key ?? '') === name);
    for (const { VersionId: id = 'null', isMarker, Size: size = 0, LastModified: modified = new Date(0) } of own)
      found.push({ name, id, isMarker, size, modified });
    // Names are in order: this one stands before all that it begins.
    if (own.length < all.length) break;
  }
  return found;
}

/** The id of the version that counts; null where there is none. */
export async function trueVersion(client: Client, key: string): Promise<string | null> {
  const { Key: name } = client.object(key);
  const versions = (await versionsOf(client, name)).filter(({ isMarker }) => !isMarker);
  return versions.at(-1)?.id ?? null;
}

/** `newest`: it counts because it is the newest. */
export const countsNewest = isNewest;

/** Removes every version of an object and its delete markers; one by one, since versitygw loses count of them otherwise. */
export async function removeVersions(client: Client, name: string): Promise<void> {
  for (const version of await versionsOf(client, name)) await removeVersion(client, version);
}

export async function removeVersion(client: Client, { name, id }: Pick<Version, 'name' | 'id'>): Promise<void> {
  try {
    const request = { Bucket: client.bucket, Key: name, VersionId: id };
    await client.call('remove a version of', name, (s3, o) => s3.deleteObject(request, o));
  } catch (error) {
    if (!(error instanceof S3Fault && error.status === 404)) throw error;
  }
}

/** Whether the bucket keeps, or once kept, versions; null where these credentials may not ask. */
export async function keepsVersions(client: Client): Promise<boolean | null> {
  try {
    const { Status } = await client.call('ask for the versioning of', '', (s3, o) =>
      s3.getBucketVersioning({ Bucket: client.bucket }, o),
    );
    return Status !== undefined;
  } catch (error) {
    if (!(error instanceof S3Fault) || error.transient) throw error;
    return null;
  }
}

/** What covers and old versions cost: told by doctor. */
export type Covered = { markers: number; old: number; bytes: number };

/** Counts delete markers and versions that are not the newest, below a prefix. */
export async function countCovered(client: Client, start: string): Promise<Covered> {
  const covered: Covered = { markers: 0, old: 0, bytes: 0 };
  for await (const page of pages(client, start)) {
    covered.markers += page.DeleteMarkers?.length ?? 0;
    for (const { IsLatest, Size = 0 } of page.Versions ?? []) {
      if (IsLatest) continue;
      covered.old += 1;
      covered.bytes += Size;
    }
  }
  return covered;
}
