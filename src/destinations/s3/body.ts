import type { Readable } from 'node:stream';
import type { Throttle } from './throttle.ts';

/**
 * Reads a body to its end, piece by piece, at the pace that is allowed. Rejects when it has another length than was announced: a
 * server that closes early is no end.
 */
export async function drain(
  body: Readable,
  length: number,
  throttle: Throttle | null,
  take: (piece: Buffer) => void,
): Promise<void> {
  let come = 0;
  await new Promise<void>((resolve, reject) => {
    body.on('data', (piece: Buffer) => {
      come += piece.length;
      take(piece);
      if (throttle === null) return;
      body.pause();
      throttle.take(piece.length).then(() => body.resume(), reject);
    });
    body.once('end', resolve);
    body.once('error', reject);
    body.once('close', () => reject(cut()));
  });
  if (come !== length) throw cut();
}

/** An answer that ended before it was whole. */
export const cut = () => Object.assign(new Error('the answer was cut'), { code: 'ECONNRESET' });
