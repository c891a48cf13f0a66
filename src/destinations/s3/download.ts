/** Large objects: where one stream is fast enough in one, else as ranges that are fetched beside each other. */
import type { GetObjectCommandOutput, S3 } from '@aws-sdk/client-s3';
import { RunnerError } from '../../diagnostic.ts';
import { cut, drain } from './body.ts';
import { S3Fault } from './faults.ts';
import { bodyIn, type ReadPlace as Place, request } from './read.ts';

/** One range of a download, and how many are under way or in memory at once. */
export const rangeBytes = 8 * 2 ** 20;
const besides = 3;

type Range = { start: number; end: number };
/** `total` is the size of the whole object, `tag` names its version, `rate` is in bytes a second. */
type Fetched = { pieces: Buffer[]; total: number; tag: string | undefined; rate: number };

/**
 * Where the first range came so fast, one stream is as fast as several, at half the work. The time that its answer took does not count:
 * a busy machine waits long for a server that is its own.
 */
const fast = 128 * 2 ** 20;
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
    const way = first.rate >= fast ? straight : beside;
    const following = way(place, rest, first.tag, stopping.signal);
    yield* first.pieces.splice(0);
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
    const answer = await client.transfer('read', name, (s3, o) => s3.getObject(wanted, o), signal);
    try {
      for await (const piece of bodyIn(answer) as AsyncIterable<Buffer>) {
        await client.throttle?.take(piece.length);
        at += piece.length;
        if (at > end + 1) throw tooMuch(place);
        yield piece;
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
  let next = rest.start;
  const fetchMore = () => {
    for (; next <= rest.end && ahead.length < besides; next += rangeBytes) {
      const fetched = fetchRange(place, { start: next, end: Math.min(rest.end, next + rangeBytes - 1) }, signal, tag);
      // Who reads hears of it in its turn.
      fetched.catch(() => {});
      ahead.push(fetched);
    }
  };
  fetchMore();
  for (let coming = ahead.shift(); coming; coming = ahead.shift()) {
    const { pieces } = await coming;
    fetchMore();
    yield* pieces;
  }
}

/** A range, whole: where the line breaks, only what is missing is asked for again. */
export async function fetchRange(
  place: Place,
  { start, end }: Range,
  signal: AbortSignal,
  known?: string,
): Promise<Fetched> {
  const { client, name } = place;
  const pieces: Buffer[] = [];
  const fetched: Fetched = { pieces, total: 0, tag: known, rate: 0 };
  let come = 0;
  const ask = async (s3: S3, o: object) => {
    const condition = fetched.tag === undefined ? {} : { IfMatch: fetched.tag };
    const Range = `bytes=${start + come}-${end}`;
    const answer = await s3.getObject({ ...request(place), ...condition, Range }, o);
    const began = performance.now();
    const size = answer.ContentLength ?? 0;
    const total = totalOf(answer);
    if (come + size > end - start + 1 || (total === null && start + come > 0)) {
      bodyIn(answer).destroy();
      throw tooMuch(place);
    }
    Object.assign(fetched, { total: total ?? size, tag: answer.ETag });
    await drain(bodyIn(answer), size, client.throttle, (piece) => {
      come += piece.length;
      pieces.push(piece);
    });
    fetched.rate = (size / (performance.now() - began)) * 1000;
  };
  await client.transfer('read', name, ask, signal);
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
