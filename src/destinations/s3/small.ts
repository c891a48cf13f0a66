/** Small objects, by one request each; those that must not be overwritten by one with a condition, where the server keeps it. */
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { holdsExactly } from '../keys.ts';
import { taken } from './claim.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { headOf } from './head.ts';
import type { Keeping } from './keeping.ts';
import { readWhole } from './read.ts';
import { md5Of } from './upload.ts';

type Members = Partial<PutObjectCommandInput>;
type Place = { client: Client; keeping: Keeping; name: string };

/** An object of its own, which stays: by writing it once more it is found out what the server does with conditions. */
export const probeKey = '.runner-probe';

/** `kept`: a taken name is refused. `ignored`: it is overwritten all the same. `refused`: the whole request is. */
type Condition = 'kept' | 'ignored' | 'refused';
const conditions = new Map<string, Promise<Condition>>();

/** What becomes of `If-None-Match: *` at this store: asked once a process. */
export async function conditionOf(client: Client, keeping: Keeping): Promise<Condition> {
  const store = [client.store, client.bucket, client.prefix].join(' ');
  const known = conditions.get(store) ?? probe({ client, keeping, name: client.prefix + probeKey });
  conditions.set(store, known);
  // What failed may go well the next time.
  known.catch(() => conditions.delete(store));
  return await known;
}

async function probe(place: Place): Promise<Condition> {
  const bytes = Buffer.from('Written to learn whether this server refuses to overwrite.\n');
  try {
    // The first time it is not there yet.
    for (let time = 0; time < 2; time += 1)
      await put(place, bytes, { ...place.keeping.made('small', undefined, new Date()), IfNoneMatch: '*' });
    return 'ignored';
  } catch (error) {
    if (!(error instanceof S3Fault)) throw error;
    if (error.status === 412) return 'kept';
    if (error.status === 501) return 'refused';
    // Who may not write there can learn nothing: as if it were ignored.
    if (error.status === 403) return 'ignored';
    throw error;
  }
}

/** Makes or replaces an object. */
export async function put(
  { client, name }: Place,
  bytes: Uint8Array,
  members: Members,
  doing = 'write',
): Promise<void> {
  const request = { Bucket: client.bucket, Key: name, Body: bytes, ContentMD5: md5Of(bytes), ...members };
  await client.call(doing, name, (s3, o) => s3.putObject(request, o));
}

/**
 * Makes an object, and rejects with KeyExists when there is one with other bytes. What became of a request whose answer was
 * lost is told by the next try: it is refused, and the bytes are compared.
 */
export async function putOnce(place: Place, bytes: Uint8Array, members: Members): Promise<void> {
  const { client, keeping, name } = place;
  const condition = await conditionOf(client, keeping);
  if (condition !== 'kept' && (await headOf(client, keeping, name))) return await compare(place, bytes);
  try {
    await put(place, bytes, condition === 'refused' ? members : { ...members, IfNoneMatch: '*' });
  } catch (error) {
    if (!(error instanceof S3Fault && error.status === 412)) throw error;
    await compare(place, bytes);
  }
}

async function compare(place: Place, bytes: Uint8Array): Promise<void> {
  const { client, keeping, name } = place;
  const stat = async () => {
    const head = await headOf(client, keeping, name);
    return head && { size: head.ContentLength ?? 0 };
  };
  const read = (_: string, limit: number) => readWhole(place, limit);
  if (!(await holdsExactly({ stat, read }, name, bytes))) throw taken(client.name, name);
}
