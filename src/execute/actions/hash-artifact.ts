import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** Reads a stream to its end. Size in bytes, SHA-256 in hex. */
export async function hashStream(
  source: Readable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const stop = () => source.destroy(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
      onBytes(chunk.length);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return { size, sha256: hash.digest('hex') };
}
