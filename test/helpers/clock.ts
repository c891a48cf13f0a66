/** A program whose clock is ahead or behind, by libfaketime. */
import { execFileSync } from 'node:child_process';

/** What a program needs in its environment to see the time `by` later, such as `+90001s`; what it measures stays as it is. */
export function clockOf(by: string): Record<string, string> {
  const real = { FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_RESET: '1' };
  return { LD_PRELOAD: library(by), FAKETIME: by, ...real };
}

/** The wrapper knows where it lies. It leaves something by the name of its process id, and fails where an older one had the same. */
function library(by: string): string {
  for (let tries = 1; ; tries += 1) {
    try {
      return execFileSync('faketime', ['-f', by, 'printenv', 'LD_PRELOAD'], { encoding: 'utf8', stdio: 'pipe' }).trim();
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}
