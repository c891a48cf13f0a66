import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { NamedSink } from './lane.ts';
import { pump } from './pump.ts';
import { type Dropped, Spread } from './spread.ts';

export type { NamedSink } from './lane.ts';

export type FanOutResult = {
  size: number;
  sha256: string;
  /** These have been aborted. All other sinks are still the caller's to prepare or to abort, also after a rejection. */
  failed: Dropped[];
};

export type FanOutOptions = {
  /** Called with bytes that every sink has taken. */
  onBytes?(bytes: number): void;
  signal: AbortSignal;
  /** Seconds without progress after which a sink has failed; default 300. */
  stall?: number;
  /** A sink that is only slow is not dropped when fewer than these would be left; default 1. */
  atLeast?: number;
};

/**
 * Reads `output` to its end, hashing it on the way, and hands it to every sink at that sink's own pace, with back-pressure when
 * the slowest is 64 MiB behind the fastest. A sink that fails, is stuck or is too slow for its `dropAfter` is aborted and
 * dropped, the others go on. Rejects when the stream fails, when the signal is aborted, or when no sink is left; `output` is
 * destroyed then. Without sinks it only hashes.
 */
export async function fanOut(
  output: Readable,
  sinks: readonly NamedSink[],
  options: FanOutOptions,
): Promise<FanOutResult> {
  const { signal, stall = 300, atLeast = 1, onBytes = () => {} } = options;
  const hash = createHash('sha256');
  let size = 0;
  const spread = new Spread(sinks, { stall, atLeast, onBytes });
  const onChunk = (chunk: Buffer) => {
    hash.update(chunk);
    size += chunk.length;
  };
  try {
    await pump(output, (batch) => spread.take(batch), { signal, onChunk });
    await unlessAborted(spread.finish(), signal);
  } catch (error) {
    await spread.stop();
    throw error;
  }
  return { size, sha256: hash.digest('hex'), failed: spread.failed };
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    signal.throwIfAborted();
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    promise.catch(() => {});
  }
}
