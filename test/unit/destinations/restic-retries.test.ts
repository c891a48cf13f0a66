import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchRetries } from '../../../src/destinations/restic/retries.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const dead = 'Load(<data/0123abcd>, 0, 0) returned error, retrying after 552.33ms: dial tcp: connection refused\n';
const gone =
  'Load(<lock/0123abcd>, 0, 0) returned error, retrying after 720.254544ms: open /r/locks/0123: no such file or directory\n';

/** What was said of giving up when restic had told these, each so many seconds behind the one before. */
function told(...lines: [number, string][]): boolean[] {
  const stderr = new PassThrough();
  const said: boolean[] = [];
  watchRetries(stderr, 30, (isLock) => said.push(isLock));
  for (const [seconds, line] of lines) {
    vi.advanceTimersByTime(seconds * 1000);
    stderr.write(line);
    stderr.read();
  }
  return said;
}

it('a store that never answers is given up, a lock that has gone soon', () => {
  expect(told([0, dead], [10, dead], [19, dead])).toEqual([]);
  expect(told([0, dead], [10, dead], [20, dead])).toEqual([false]);
  expect(told([0, gone], [1, gone], [1.1, gone])).toEqual([true]);
});

it('what succeeds at a second attempt goes on for hours, also where restic does not say so', () => {
  expect(told([0, dead], [600, 'progress\n'], [3600, dead])).toEqual([]);
  expect(told([0, dead], [5, 'Load(<data/0123abcd>) operation successful after 1 retries\n'], [60, dead])).toEqual([]);
});
