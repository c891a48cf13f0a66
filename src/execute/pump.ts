import type { Readable, Writable } from 'node:stream';
import { passed } from './collect.ts';

/**
 * Bytes of a batch; one is on its way while another one fills, whatever the stream's length. Small enough to be still in
 * the processor's cache when it is written: batches of 1 MiB cost twice the system time.
 */
export const batchBytes = 128 * 1024;
/** A stream of tiny chunks must not make a batch of a million buffers. */
const batchChunks = 512;
/** How long a failed copy waits for the batch that is on its way, so that nobody writes behind an abort. */
const settleSeconds = 2;

export type PumpOptions = {
  signal: AbortSignal;
  /** Sees every chunk in order, before its batch leaves. */
  onChunk?(chunk: Buffer): void;
};

/**
 * Reads a stream to its end and hands it on in batches, with back-pressure. Rejects when the stream fails or is closed
 * before its end, when `take` rejects, or when the signal is aborted (with its reason); the stream is destroyed then.
 */
export async function pump(
  input: Readable,
  take: (batch: Uint8Array[]) => Promise<void>,
  options: PumpOptions,
): Promise<void> {
  options.signal.throwIfAborted();
  if (input.errored) throw input.errored;
  let onAbort: () => void = () => {};
  let onTheWay: Promise<void> | null = null;
  try {
    await new Promise<void>((resolve, reject) => {
      let filling: Uint8Array[] = [];
      let bytes = 0;
      let ended = false;
      const full = () => bytes >= batchBytes || filling.length >= batchChunks;
      const dispatch = () => {
        if (onTheWay !== null) return;
        if (filling.length === 0) {
          if (ended) resolve();
          return;
        }
        const batch = filling;
        filling = [];
        bytes = 0;
        onTheWay = take(batch).then(() => {
          onTheWay = null;
          if (ended || full()) dispatch();
          if (!ended) input.resume();
        });
        onTheWay.catch(reject);
      };
      input.on('data', (chunk: Buffer) => {
        options.onChunk?.(chunk);
        filling.push(chunk);
        bytes += chunk.length;
        passed(chunk.length);
        if (!full()) return;
        if (onTheWay !== null) input.pause();
        dispatch();
      });
      input.once('end', () => {
        ended = true;
        dispatch();
      });
      input.once('error', reject);
      input.once('close', () => {
        if (!ended) reject(input.errored ?? new Error('The stream was closed before its end.'));
      });
      if (input.destroyed && !input.readableEnded) reject(new Error('The stream was closed before its end.'));
      onAbort = () => reject(options.signal.reason);
      options.signal.addEventListener('abort', onAbort, { once: true });
    });
  } catch (error) {
    input.destroy();
    await within(settleSeconds, onTheWay);
    throw error;
  } finally {
    options.signal.removeEventListener('abort', onAbort);
  }
}

/** Writes a batch; resolves when the stream has taken all of it, rejects with the stream's error. */
export function send(stream: Writable, batch: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.cork();
    for (const [index, chunk] of batch.entries()) {
      if (index < batch.length - 1) stream.write(chunk, () => {});
      else stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    }
    stream.uncork();
  });
}

/** A program ended, or closed its input, before it had taken what was written to it. */
export class Unread extends Error {
  /** Resolves when the program has ended: its exit tells why. */
  readonly ended: Promise<unknown>;

  constructor(cause: Error, ended: Promise<unknown>) {
    super(cause.message, { cause });
    this.ended = ended;
  }
}

/** `send` to a program's input: a broken pipe is the program's doing, and rejects with Unread. */
export function feedChild(stream: Writable, batch: readonly Uint8Array[], ended: Promise<unknown>): Promise<void> {
  return send(stream, batch).catch((error: Error) => {
    throw new Unread(error, ended);
  });
}

/** Waits for a promise to settle, whatever its result, but not longer than `seconds`. */
export async function within(seconds: number, promise: Promise<unknown> | null): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  await Promise.race([promise?.catch(() => {}), late]);
  clearTimeout(timer);
}
