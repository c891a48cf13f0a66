/** Since 0.17 restic asks a store again for a quarter of an hour, whatever it answered: also where it refuses the keys. */
import type { Readable } from 'node:stream';

const again = /returned error, retrying after [^:]*: (.*)/;

/**
 * The lock of somebody who has ended meanwhile: nothing is wrong, and restic asks for it all the same, behind rclone, and before 0.17
 * in a folder too.
 */
const vanished = /^(?=.*<lock\/[0-9a-f]+>).*retrying after .*(does not exist|no such file)/m;

/** Whether restic ended while it asked for such a lock. */
export const missesLock = (stderr: string): boolean => vanished.test(stderr);

/** Runs `giveUp` when restic has told for so many seconds, 2 for a lock that has gone, that it tries again; ends with the stream. */
export function watchRetries(stderr: Readable, seconds: number, giveUp: (isLock: boolean) => void): void {
  let timer: NodeJS.Timeout | undefined;
  const calm = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  stderr.on('data', (chunk: Buffer) => {
    const text = chunk.toString();
    if (/operation successful after/.test(text)) calm();
    else if (again.test(text)) {
      const isLock = vanished.test(text);
      timer ??= setTimeout(() => giveUp(isLock), (isLock ? 2 : seconds) * 1000);
    }
  });
  stderr.once('close', calm);
}

/** What the store answered to the last attempt, where restic was told to try no more. */
export function lastAnswer(lines: readonly string[]): string | undefined {
  const last = lines.findLast((line) => again.test(line));
  return last && again.exec(last)![1];
}
