import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Sink } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { pump, within } from './pump.ts';

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

/** An abort that hangs must not hold up the copies that are well. */
const abortSeconds = 10;

/**
 * Reads `output` to its end, hashing it on the way, and hands batches of it to every sink, as fast as the
 * slowest takes them. A sink that fails is aborted and dropped, the others go on. Rejects when the stream fails, when the
 * signal is aborted, or when no sink is left; `output` is destroyed then. Without sinks it only hashes.
 */
export async function fanOut(
  output: Readable,
  sinks: readonly NamedSink[],
  options: FanOutOptions,
): Promise<FanOutResult> {
  const hash = createHash('sha256');
  const failed: FanOutResult['failed'] = [];
  let size = 0;
  let live = [...sinks];
  const deliver = async (batch: Uint8Array[]) => {
    await Promise.all(
      live.map(async (named) => {
        const error = await written(named, batch, options.stall ?? 300);
        if (error === null) return;
        live = live.filter((other) => other !== named);
        failed.push({ name: named.name, error });
        await within(abortSeconds, named.sink.abort());
      }),
    );
    if (live.length === 0 && failed.length > 0) throw noneLeft(failed);
    options.onBytes?.(batch.reduce((sum, chunk) => sum + chunk.length, 0));
  };
  await pump(output, deliver, {
    signal: options.signal,
    onChunk: (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    },
  });
  return { size, sha256: hash.digest('hex'), failed };
}

async function written({ name, sink }: NamedSink, batch: readonly Uint8Array[], stall: number): Promise<Error | null> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    const sentence = `Destination "${name}" took no more data for ${stall} s.`;
    timer = setTimeout(() => reject(new RunnerError(sentence)), stall * 1000);
  });
  try {
    await Promise.race([sink.write(batch), stalled]);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

function noneLeft(failed: FanOutResult['failed']): Error {
  const [only] = failed;
  if (failed.length === 1 && only !== undefined) return only.error;
  const reasons = failed.map(({ name, error }) => `${name}: ${error.message}`).join('; ');
  return new RunnerError(`No destination is left to write to. ${reasons}`);
}
