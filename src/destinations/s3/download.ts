/** Large objects: from a server nearby in one stream, from one far away as ranges that are fetched beside each other. */
import type { GetObjectCommandOutput, S3 } from '@aws-sdk/client-s3';
import { RunnerError } from '../../diagnostic.ts';
import { cut, fill } from './body.ts';
import { S3Fault } from './faults.ts';
import { bodyIn, type ReadPlace as Place, request } from './read.ts';

/** One range of a download, and how many are in memory: fetched beside each other, into slabs that are used again. */
export const rangeBytes = 8 * 2 ** 20;
const slabs = 4;
/** Who reads gets copies of this size: small ones that die young cost the collector least. */
const copyBytes = 256 * 1024;

type Range = { start: number; end: number };
/** `total` is the size of the whole object, `tag` names its version, `wait` says how many milliseconds the answer took. */
type Fetched = { slab: Buffer; length: number; total: number; tag: string | undefined; wait: number };

/** What is answered within so many milliseconds comes as fast in one stream, at half the work. */
const nearby = 20;
/** How often a stream may break at the same byte. */
const breaks = 4;

/** What follows the first range, after it. */
export async function* inOrder(
  place: Place,
  first: Fetched,
  rest: Range,
  stopping: AbortController,
): AsyncGenerator<Buffer> {
  try {
    const way = first.wait < nearby ? straight : beside;
    // Its memory is not used again: it may be given away.
    const following = way(place, rest, first.tag, stopping.signal);
    yield first.slab.subarray(0, first.length);
    yield* following;
  } finally {
    stopping.abort();
  }
}

/** One stream; where it breaks, only what is missing is asked for again. */
async function* straight(
  place: Place,
  { start, end }: Range,
  tag: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { client, name } = place;
  let at = start;
  for (let fruitless = 0; at <= end; ) {
    const begin = at;
    const condition = tag === undefined ? {} : { IfMatch: tag };
    const wanted = { ...request(place), ...condition, Range: `bytes=${at}-${end}` };
    const answer = await client.call('read', name, (s3, o) => s3.getObject(wanted, o), signal);
    try {
      for await (const chunk of bodyIn(answer) as AsyncIterable<Buffer>) {
        await client.throttle?.take(chunk.length);
        at += chunk.length;
        if (at > end + 1) throw tooMuch(place);
        yield chunk;
      }
      if (at <= end) throw cut();
    } catch (error) {
      signal.throwIfAborted();
      const fault = client.fault('read', name, error);
      fruitless = at > begin ? 0 : fruitless + 1;
      if (!(fault instanceof S3Fault && fault.transient) || fruitless >= breaks) throw fault;
    }
  }
}

/** Always some ranges ahead of who reads, and no more. */
async function* beside(
  place: Place,
  rest: Range,
  tag: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const ahead: Promise<Fetched>[] = [];
  const spare: Buffer[] = [];
  let next = rest.start;
  const fetchMore = () => {
    while (next <= rest.end && ahead.length < slabs - 1) {
      const range = { start: next, end: Math.min(rest.end, next + rangeBytes - 1) };
      const fetched = fetchRange(place, range, signal, { slab: spare.pop(), tag });
      // Who reads hears of it in its turn.
      fetched.catch(() => {});
      ahead.push(fetched);
      next += rangeBytes;
    }
  };
  fetchMore();
  for (let coming = ahead.shift(); coming; coming = ahead.shift()) {
    const { slab, length } = await coming;
    fetchMore();
    for (let at = 0; at < length; at += copyBytes)
      yield Buffer.from(slab.subarray(at, Math.min(length, at + copyBytes)));
    spare.push(slab);
  }
}

/** A range, whole: where the line breaks, only what is missing is asked for again. */
export async function fetchRange(
  place: Place,
  { start, end }: Range,
  signal: AbortSignal,
  known: { slab?: Buffer | undefined; tag?: string | undefined } = {},
): Promise<Fetched> {
  const { client, name } = place;
  const { slab = Buffer.allocUnsafeSlow(Math.min(rangeBytes, end - start + 1)) } = known;
  const fetched: Fetched = { slab, length: 0, total: 0, tag: known.tag, wait: 0 };
  let filled = 0;
  const ask = async (s3: S3, o: object) => {
    const condition = fetched.tag === undefined ? {} : { IfMatch: fetched.tag };
    const Range = `bytes=${start + filled}-${end}`;
    const asked = performance.now();
    const answer = await s3.getObject({ ...request(place), ...condition, Range }, o);
    const wait = performance.now() - asked;
    const size = answer.ContentLength ?? 0;
    const total = totalOf(answer);
    if (filled + size > end - start + 1 || (total === null && start + filled > 0)) {
      bodyIn(answer).destroy();
      throw tooMuch(place);
    }
    Object.assign(fetched, { length: filled + size, total: total ?? size, tag: answer.ETag, wait });
    await fill(slab.subarray(filled, filled + size), bodyIn(answer), client.throttle, (bytes) => {
      filled += bytes;
    });
  };
  await client.call('read', name, ask, signal);
  return fetched;
}

/** `bytes 0-9/100` -> 100; null where the server has sent the whole. */
function totalOf({ ContentRange }: GetObjectCommandOutput): number | null {
  const match = /\/(\d+)$/.exec(ContentRange ?? '');
  return match ? Number(match[1]) : null;
}

function tooMuch({ client, name }: Place): RunnerError {
  return new RunnerError(
    `Destination ${client.name}: the server sends other bytes of ${client.where(name)} than were asked for.`,
  );
}
