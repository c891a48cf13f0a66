/** Since 0.17 restic asks a store again for a quarter of an hour, whatever it answered: also where it refuses the keys. */
import type { Readable } from 'node:stream';

const again = /returned error, retrying after [^:]*: (.*)/;

/** Runs `giveUp` when restic has told for so many seconds that it tries again; ends with the stream. */
export function watchRetries(stderr: Readable, seconds: number, giveUp: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  const calm = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  stderr.on('data', (chunk: Buffer) => {
    const text = chunk.toString();
    if (/operation successful after/.test(text)) calm();
    else if (again.test(text)) timer ??= setTimeout(giveUp, seconds * 1000);
  });
  stderr.once('close', calm);
}

/** What the store answered to the last attempt, where restic was told to try no more. */
export function lastAnswer(lines: readonly string[]): string | undefined {
  const last = lines.findLast((line) => again.test(line));
  return last && again.exec(last)![1];
}
