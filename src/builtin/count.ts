import { readSync, writeSync } from 'node:fs';
import { Failure } from './failure.ts';
import { patiently } from './patience.ts';

const bufferSize = 1024 * 1024;
/**
 * Hands standard input on, or with `--discard` reads it to its end, and says how much it was. Nothing at all is a
 * failure: a program that printed nothing and exited 0 would otherwise end as a valid archive of nothing.
 */
export function count(args: string[]): void {
  const discard = args.includes('--discard');
  const buffer = Buffer.allocUnsafe(bufferSize);
  let total = 0;
  for (;;) {
    const read = patiently(() => readSync(0, buffer, 0, bufferSize, null));
    if (read === 0) break;
    total += read;
    for (let written = 0; !discard && written < read; ) {
      const start = written;
      written += patiently(() => writeSync(1, buffer, start, read - start));
    }
  }
  if (total === 0) throw new Failure('nothing came: the command printed nothing, and an empty backup is refused');
  process.stderr.write(`runner-builtin count: ${total} bytes\n`);
}
