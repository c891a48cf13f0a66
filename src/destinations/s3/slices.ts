import { Readable } from 'node:stream';
import type { Throttle } from './throttle.ts';

/** A whole part at once would be encrypted at once, into as much memory again. */
const sliceBytes = 256 * 1024;

/** A part's bytes as a body, slice by slice, at the pace that is allowed. The bytes are not copied. */
export function bodyOf(bytes: Buffer, throttle: Throttle | null): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: sliceBytes,
    read() {
      const slice = bytes.subarray(at, at + sliceBytes);
      at += slice.length;
      const give = () => this.push(slice.length === 0 ? null : slice);
      if (throttle === null || slice.length === 0) give();
      else throttle.take(slice.length).then(give, (error: Error) => this.destroy(error));
    },
  });
}
