import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { Failure, numberOption } from './failure.ts';

const chunkSize = 256 * 1024;

export async function gzip(args: string[]): Promise<void> {
  const level = numberOption(args, 'level', { least: 1, most: 9 });
  await pipeline(process.stdin, createGzip({ level, chunkSize }), process.stdout);
}

/** Like `gzip -d`, a cut, a wrong checksum and bytes behind the end are failures. */
export async function gunzip(): Promise<void> {
  let received = 0;
  const gunzipping = createGunzip({ chunkSize });
  await pipeline(
    process.stdin,
    async function* counted(input: AsyncIterable<Buffer>) {
      for await (const chunk of input) {
        received += chunk.length;
        yield chunk;
      }
    },
    gunzipping,
    process.stdout,
  );
  // Node takes no input for an empty archive, and leaves what follows the last trailer unread.
  if (received === 0) throw new Failure('unexpected end of file');
  if (gunzipping.bytesWritten < received) throw new Failure('bytes that are not gzip follow the end');
}
