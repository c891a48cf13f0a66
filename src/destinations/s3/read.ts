/** Reading objects: small ones whole, large ones as ranges that are fetched beside each other and given on in order. */
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Archived, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { isMissing } from './head.ts';
import type { Keeping } from './keeping.ts';

/** Of the newest version where none is given. */
export type ReadPlace = { client: Client; keeping: Keeping; name: string; version?: string };
type Place = ReadPlace;

/** One range of a download, and how many are fetched at once: four times this is the memory that it takes. */
const rangeBytes = 8 * 2 ** 20;
const rangesAtOnce = 4;

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
      return Buffer.concat(await chunksOf(place, answer, size));
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
  const first = await firstRange(place, start, Math.min(end, start + rangeBytes - 1), stopping.signal);
  if (first === null) return Readable.from([]);
  const last = Math.min(end, first.total - 1);
  const ranges = inOrder(place, { first, start: start + rangeBytes, last }, stopping);
  return Readable.from(ranges, { objectMode: false, highWaterMark: 2 ** 20 });
}

type First = { chunks: Buffer[]; total: number; tag: string | undefined };

/** The first range, with the size of the whole; null where the object ends before it. */
async function firstRange(place: Place, start: number, end: number, signal: AbortSignal): Promise<First | null> {
  const { client, name } = place;
  try {
    return await client.call(
      'read',
      name,
      async (s3, o) => {
        const answer = await s3.getObject({ ...request(place), Range: `bytes=${start}-${end}` }, o);
        const total = totalOf(answer);
        if (total === null && start > 0) {
          bodyIn(answer).destroy();
          throw new RunnerError(
            `Destination ${client.name}: the server does not read ranges of ${client.where(name)}.`,
          );
        }
        const size = answer.ContentLength ?? 0;
        return { chunks: await chunksOf(place, answer, size), total: total ?? size, tag: answer.ETag };
      },
      signal,
    );
  } catch (error) {
    // An empty object has no first byte, and neither has what lies behind the end.
    if (error instanceof S3Fault && error.status === 416) return null;
    throw missingOr(error, place);
  }
}

type Rest = { first: First; start: number; last: number };

/** Always some ranges ahead of who reads, and no more. */
async function* inOrder(place: Place, { first, start, last }: Rest, stopping: AbortController): AsyncGenerator<Buffer> {
  const ahead: Promise<Buffer[]>[] = [];
  let next = start;
  const fetchMore = () => {
    while (next <= last && ahead.length < rangesAtOnce) {
      const fetched = fetchRange(place, next, Math.min(last, next + rangeBytes - 1), first.tag, stopping.signal);
      // Who reads hears of it in its turn.
      fetched.catch(() => {});
      ahead.push(fetched);
      next += rangeBytes;
    }
  };
  try {
    fetchMore();
    yield* first.chunks.splice(0);
    for (let coming = ahead.shift(); coming; coming = ahead.shift()) {
      const chunks = await coming;
      fetchMore();
      while (chunks.length > 0) yield chunks.shift()!;
    }
  } finally {
    stopping.abort();
  }
}

/** A range, whole: where the line breaks, only what is missing is asked for again. */
async function fetchRange(
  place: Place,
  start: number,
  end: number,
  tag: string | undefined,
  signal: AbortSignal,
): Promise<Buffer[]> {
  const { client, name } = place;
  const chunks: Buffer[] = [];
  let at = start;
  const condition = tag === undefined ? {} : { IfMatch: tag };
  return await client.call(
    'read',
    name,
    async (s3, o) => {
      const answer = await s3.getObject({ ...request(place), ...condition, Range: `bytes=${at}-${end}` }, o);
      for await (const chunk of counted(place, answer, end - at + 1)) {
        chunks.push(chunk);
        at += chunk.length;
      }
      return chunks;
    },
    signal,
  );
}

const request = ({ client, keeping, name, version }: Place) => ({
  ...{ Bucket: client.bucket, Key: name, ...keeping.opened },
  ...(version === undefined ? {} : { VersionId: version }),
});

async function chunksOf(place: Place, answer: GetObjectCommandOutput, size: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of counted(place, answer, size)) chunks.push(chunk);
  return chunks;
}

/** The body, which must have so many bytes: a server that closes early is no end. */
async function* counted({ client, name }: Place, answer: GetObjectCommandOutput, size: number): AsyncGenerator<Buffer> {
  let left = size;
  for await (const chunk of bodyIn(answer) as AsyncIterable<Buffer>) {
    await client.throttle?.take(chunk.length);
    left -= chunk.length;
    if (left < 0)
      throw new RunnerError(
        `Destination ${client.name}: the server sent more of ${client.where(name)} than was asked for.`,
      );
    yield chunk;
  }
  if (left > 0) throw Object.assign(new Error('the answer was cut'), { name: 'Truncated', code: 'ECONNRESET' });
}

const bodyIn = (answer: GetObjectCommandOutput) => answer.Body as Readable;

/** `bytes 0-9/100` -> 100; null where the server has sent the whole. */
function totalOf({ ContentRange }: GetObjectCommandOutput): number | null {
  const match = /\/(\d+)$/.exec(ContentRange ?? '');
  return match ? Number(match[1]) : null;
}

function missingOr(error: unknown, { client, name }: Place): unknown {
  if (isMissing(error)) return new KeyMissing(`${name} is not at ${client.name}.`);
  if (error instanceof S3Fault && error.code === 'InvalidObjectState')
    return new Archived(`${error.message.replace(/\.$/, '')}: ask for it with \`runner restore ... --thaw\`.`);
  return error;
}
