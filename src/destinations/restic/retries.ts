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

/** Milliseconds of silence after which the last attempt is taken to have succeeded: before 0.15 restic does not say so. */
const calm = 90_000;

/**
 * Runs `giveUp` when restic tells once more that it tries again, and has done so for so many seconds, 2 for a lock that has
 * gone. What succeeds at a later attempt begins anew.
 */
export function watchRetries(stderr: Readable, seconds: number, giveUp: (isLock: boolean) => void): void {
  let began: number | null = null;
  let last = 0;
  stderr.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      if (/operation successful after/.test(line)) began = null;
      if (!again.test(line)) continue;
      const now = performance.now();
      if (began === null || now - last > calm) began = now;
      last = now;
      const isLock = vanished.test(line);
      if (now - began >= (isLock ? 2 : seconds) * 1000) giveUp(isLock);
    }
  });
}

/** What the store answered to the last attempt, where restic was told to try no more. */
export function lastAnswer(lines: readonly string[]): string | undefined {
  const last = lines.findLast((line) => again.test(line));
  return last && again.exec(last)![1];
}
