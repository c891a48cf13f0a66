import type { Readable } from 'node:stream';
import type { Throttle } from './throttle.ts';

/**
 * Reads a body to its end into memory that has its size; tells of each piece that has come. Rejects when fewer bytes came: a
 * server that closes early is no end.
 */
export async function fill(
  into: Buffer,
  body: Readable,
  throttle: Throttle | null,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let at = 0;
  await new Promise<void>((resolve, reject) => {
    // Not by iterating: this is called for every 64 KiB, and copies them, so that they die at once.
    body.on('data', (chunk: Buffer) => {
      at += chunk.copy(into, at);
      onBytes(chunk.length);
      if (throttle === null) return;
      body.pause();
      throttle.take(chunk.length).then(() => body.resume(), reject);
    });
    body.once('end', resolve);
    body.once('error', reject);
    body.once('close', () => reject(cut()));
  });
  if (at < into.length) throw cut();
}

/** An answer that ended before it was whole. */
export const cut = () => Object.assign(new Error('the answer was cut'), { code: 'ECONNRESET' });
