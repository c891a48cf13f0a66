import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerError } from '../diagnostic.ts';
import type { Task } from '../graph.ts';
import type { Performed } from './task-context.ts';
import { isTransient } from './transient.ts';

const longestTimer = 2 ** 31 - 1;
/** Longer pauses only hide that something is down. */
const longestPauseSeconds = 300;

/**
 * Runs a task until it succeeds, fails for good, or its attempts are used up; the pauses double. A capture is tried once:
 * another attempt would be another backup, with another id.
 */
export async function attempt(
  task: Task,
  perform: (signal: AbortSignal) => Promise<Performed>,
  options: { signal: AbortSignal; onRetry(message: string): void },
): Promise<Performed> {
  const attempts = task.action.do === 'capture' ? 1 : (task.retry?.attempts ?? 1);
  const { signal, release } = limited(task, options.signal);
  // A task may run many programs at once, and each of them listens; Node.js would call eleven a leak.
  setMaxListeners(0, signal);
  try {
    for (let number = 1; ; number += 1) {
      try {
        return await perform(signal);
      } catch (error) {
        // What was aborted says why on the signal; the error is only how the work noticed.
        signal.throwIfAborted();
        if (number >= attempts || !isTransient(error)) throw error;
        const pause = Math.min((task.retry?.delay ?? 1) * 2 ** (number - 1), longestPauseSeconds);
        const reason = error instanceof Error ? error.message : String(error);
        options.onRetry(
          `${reason.replace(/\.?$/, '.')} Trying again in ${pause} s (attempt ${number + 1} of ${attempts}).`,
        );
        await sleep(pause * 1000, undefined, { signal }).catch(() => {});
        signal.throwIfAborted();
      }
    }
  } finally {
    release();
  }
}

/** The task's timeout holds for all its attempts together. */
function limited(task: Task, outer: AbortSignal): { signal: AbortSignal; release: () => void } {
  const { timeout } = task;
  if (timeout === undefined) return { signal: outer, release: () => {} };
  const own = new AbortController();
  const tooLong = () => own.abort(new RunnerError(`"${task.title}" took longer than its limit of ${timeout} s.`));
  const timer = setTimeout(tooLong, Math.min(timeout * 1000, longestTimer));
  return { signal: AbortSignal.any([outer, own.signal]), release: () => clearTimeout(timer) };
}
