import type { Readable } from 'node:stream';
import type { Sink } from '../kind.ts';

export type NamedSink = { name: string; sink: Sink };

export type FanOutResult = {
  size: number;
  sha256: string;
  /** These have been aborted. All other sinks are still the caller's to prepare or to abort, also after a rejection. */
  failed: { name: string; error: Error }[];
};

export type FanOutOptions = {
  /** Called with the bytes of each batch. */
  onBytes?(bytes: number): void;
  signal: AbortSignal;
  /** Seconds without progress after which a sink has failed; default 300. */
  stall?: number;
};

/** Reads `output` to its end, hashing it, and hands batches of about 1 MiB to every sink. */
export async function fanOut(
  _output: Readable,
  _sinks: readonly NamedSink[],
  _options: FanOutOptions,
): Promise<FanOutResult> {
  throw new Error('not built yet');
}
