import { readSync, writeSync } from 'node:fs';
import { Failure } from './failure.ts';

const bufferSize = 1024 * 1024;
/** A descriptor that another process made non-blocking has nothing for us at the moment. */
const pause = new Int32Array(new SharedArrayBuffer(4));
const pauseMilliseconds = 2;

/**
 * Hands standard input on, or with `--discard` reads it to its end, and says how much it was. Nothing at all is a
 * failure: a program that printed nothing and exited 0 would otherwise end as a valid archive of nothing.
 */
export function count(args: string[]): void {
  const discard = args.includes('--discard');
  const buffer = Buffer.allocUnsafe(bufferSize);
  let total = 0;
  for (;;) {
    const read = retry(() => readSync(0, buffer, 0, bufferSize, null));
    if (read === 0) break;
    total += read;
    for (let written = 0; !discard && written < read; ) {
      const start = written;
      written += retry(() => writeSync(1, buffer, start, read - start));
    }
  }
  if (total === 0) throw new Failure('nothing came: the command printed nothing, and an empty backup is refused');
  process.stderr.write(`runner-builtin count: ${total} bytes\n`);
}

function retry(attempt: () => number): number {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, pauseMilliseconds);
    }
  }
}
