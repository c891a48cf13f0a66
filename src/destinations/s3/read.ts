/** Reading objects: small ones whole, large ones as streams. */
import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Archived, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { drain } from './body.ts';
import type { Client } from './client.ts';
import { fetchRange, inOrder, rangeBytes } from './download.ts';
import { S3Fault } from './faults.ts';
import { isMissing } from './head.ts';
import type { Keeping } from './keeping.ts';

/** Of the newest version where none is given. */
export type ReadPlace = { client: Client; keeping: Keeping; name: string; version?: string };
type Place = ReadPlace;

/** Reads an object whole; rejects when it has more bytes than `limit`. */
export async function readWhole(place: Place, limit: number): Promise<Buffer> {
  const { client, name } = place;
  try {
    return await client.call('read', name, async (s3, o) => {
      const answer = await s3.getObject(request(place), o);
      const size = answer.ContentLength ?? 0;
      if (size > limit) {
        bodyIn(answer).destroy();
        throw new RunnerError(`${name} at ${client.name} is ${size} bytes long; at most ${limit} are read.`);
      }
      const pieces: Buffer[] = [];
      await drain(bodyIn(answer), size, client.throttle, (piece) => pieces.push(piece));
      return Buffer.concat(pieces, size);
    });
  } catch (error) {
    throw missingOr(error, place);
  }
}

/** Streams an object, or a range of it. Rejects with KeyMissing or Archived before anything is streamed. */
export async function readStream(place: Place, range: { start: number; end?: number }): Promise<Readable> {
  const { start, end = Number.POSITIVE_INFINITY } = range;
  if (end < start) return Readable.from([]);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  try {
    const first = await fetchRange(place, { start, end: Math.min(end, start + rangeBytes - 1) }, stopping.signal);
    const ranges = inOrder(place, first, { start: start + rangeBytes, end: Math.min(end, first.total - 1) }, stopping);
    return Readable.from(ranges, { objectMode: false, highWaterMark: 2 ** 20 });
  } catch (error) {
    // An empty object has no first byte, and neither has what lies behind the end.
    if (error instanceof S3Fault && error.status === 416) return Readable.from([]);
    throw missingOr(error, place);
  }
}

/** The members of a request that reads. */
export const request = ({ client, keeping, name, version }: Place) => ({
  ...{ Bucket: client.bucket, Key: name, ...keeping.opened },
  ...(version === undefined ? {} : { VersionId: version }),
});

export const bodyIn = (answer: GetObjectCommandOutput) => answer.Body as Readable;

function missingOr(error: unknown, { client, name }: Place): unknown {
  if (isMissing(error)) return new KeyMissing(`${name} is not at ${client.name}.`);
  if (error instanceof S3Fault && error.code === 'InvalidObjectState')
    return new Archived(`${error.message.replace(/\.$/, '')}: ask for it with \`runner restore ... --thaw\`.`);
  return error;
}
