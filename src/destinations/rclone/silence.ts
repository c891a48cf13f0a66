/**
 * Stores that take a question and never answer. rclone alone gives a silent connection up after five minutes, and tries again, for
 * half an hour; what is big may rightly take hours, so it is the store that is watched, and not the clock.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Silent } from './faults.ts';

/** Runs what may take long; its signal is aborted, with a Silent, when the store answers nothing any more. */
export type Attend = <T>(act: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Seconds for which something small is waited for: as rclone's `--timeout` among the flags says, else two minutes. */
export function patienceOf(flags: readonly string[]): number {
  const text = flags.findLast((flag) => flag.startsWith('--timeout='))?.slice('--timeout='.length) ?? '';
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0);
  return seconds > 0 ? seconds : 120;
}

const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** Attends with something small that is asked every `pause` seconds. */
export function attending(ask: () => Promise<unknown>, pause: number): Attend {
  return async (act) => {
    const [over, silent] = [new AbortController(), new AbortController()];
    const watch = async () => {
      while (!silent.signal.aborted) {
        await sleep(pause * 1000, undefined, { signal: over.signal });
        await ask().catch((error) => {
          // Any other answer is one: what it means, `act` will be told itself.
          if (error instanceof Silent) silent.abort(error);
        });
      }
    };
    watch().catch(() => {});
    try {
      return await act(silent.signal);
    } finally {
      over.abort();
    }
  };
}
