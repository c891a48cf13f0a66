import { open } from 'node:fs/promises';
import { Failure } from './failure.ts';

/** CRC-64 of Jones, bits reflected, as Redis and Valkey end a dump with: low and high halves of a table by byte. */
const polynomial = { low: 0xac4bc9b5, high: 0x95ac9329 };
const low = new Uint32Array(256);
const high = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let [lower, upper] = [byte, 0];
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = lower & 1;
    lower = ((lower >>> 1) | (upper << 31)) >>> 0;
    upper >>>= 1;
    if (odd) [lower, upper] = [(lower ^ polynomial.low) >>> 0, (upper ^ polynomial.high) >>> 0];
  }
  low[byte] = lower;
  high[byte] = upper;
}

/** The sum so far, as two halves of 32 bits. */
type Sum = { low: number; high: number };

function add(sum: Sum, bytes: Uint8Array): void {
  let { low: lower, high: upper } = sum;
  for (let at = 0; at < bytes.length; at += 1) {
    const index = (lower ^ bytes[at]!) & 255;
    lower = ((lower >>> 8) | (upper << 24)) ^ low[index]!;
    upper = (upper >>> 8) ^ high[index]!;
  }
  sum.low = lower >>> 0;
  sum.high = upper >>> 0;
}

/** Behind the last key stand the mark 0xFF and the checksum in eight bytes, the lowest first. */
const checksumSize = 8;
const magic = /^(REDIS\d{4}|VALKEY\d{3})/;

/**
 * `redis-check FILE [strict]`: prints `whole`, or what is wrong with a dump; `strict` fails then. Needs no server's program, but
 * knows the checksum only and not what stands in the dump.
 */
export async function check([path, strict]: string[]): Promise<void> {
  if (!path) throw new Failure('wants FILE');
  const answer = await examine(path);
  if (strict !== undefined && answer !== 'whole') throw new Failure(`the dump is damaged: ${answer}`);
  process.stdout.write(`${answer}\n`);
}

async function examine(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(9);
    await handle.read(head, 0, 9, 0);
    if (!magic.test(head.toString('latin1'))) return 'it does not begin like a dump';
    const tail = Buffer.alloc(checksumSize + 1);
    if (size < head.length + tail.length) return 'it ends too soon';
    await handle.read(tail, 0, tail.length, size - tail.length);
    if (tail[0] !== 0xff) return 'it has no end';
    const wanted = { low: tail.readUInt32LE(1), high: tail.readUInt32LE(5) };
    if (wanted.low === 0 && wanted.high === 0)
      return 'it has no checksum (rdbchecksum is off at the server); install redis-check-rdb to read it through';
    const sum: Sum = { low: 0, high: 0 };
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (let at = 0; at < size - checksumSize; ) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, size - checksumSize - at), at);
      if (bytesRead === 0) return 'it ends too soon';
      add(sum, chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    return sum.low === wanted.low && sum.high === wanted.high ? 'whole' : 'its checksum is wrong';
  } finally {
    await handle.close();
  }
}
