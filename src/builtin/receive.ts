import { readSync, writeSync } from 'node:fs';
import { EndMarker } from './end-marker.ts';
import { Failure } from './failure.ts';
import { patiently } from './patience.ts';

const bufferBytes = 256 * 1024;
/** As many as the end mark has. */
const keptBytes = 64;

/**
 * `receive NONCE`: hands on what a program elsewhere prints, without the marks around it, and tells on standard error how it
 * ended, as JSON. It only passes bytes on, so it does so without Node's streams.
 */
export function receive([nonce]: string[]): void {
  if (!nonce) throw new Failure('wants the nonce of the end mark');
  const marker = new EndMarker(nonce);
  const buffer = Buffer.allocUnsafe(bufferBytes);
  for (let bytes = read(buffer); bytes > 0; bytes = read(buffer)) {
    write(marker.take(buffer.subarray(0, bytes)));
    if (marker.isBegun) break;
  }
  // From here on nothing is copied but what is held back.
  let kept = marker.release().copy(buffer);
  let passed = 0;
  for (let bytes = read(buffer.subarray(kept)); bytes > 0; bytes = read(buffer.subarray(kept))) {
    const total = kept + bytes;
    kept = Math.min(total, keptBytes);
    write(buffer.subarray(0, total - kept));
    passed += total - kept;
    buffer.copyWithin(0, total - kept, total);
  }
  marker.resume(buffer.subarray(0, kept), passed);
  process.stderr.write(`${JSON.stringify(marker.finish())}\n`);
}

function read(buffer: Buffer): number {
  return patiently(() => readSync(0, buffer));
}

function write(data: Buffer): void {
  for (let rest = data; rest.length > 0; ) rest = rest.subarray(patiently(() => writeSync(1, rest)));
}
