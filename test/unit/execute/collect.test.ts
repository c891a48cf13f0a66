import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { passed } from '../../../src/execute/collect.ts';

it('has young buffers collected every 8 MiB, and all that is old now and then', async () => {
  const forced: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number; flags: number } }[])
      if (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) forced.push(detail.kind);
  });
  observer.observe({ entryTypes: ['gc'] });
  const count = async (kind: number) => {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    return forced.filter((one) => one === kind).length;
  };
  for (let bytes = 0; bytes < 31 * 2 ** 23; bytes += 2 ** 16) passed(2 ** 16);
  expect([await count(constants.NODE_PERFORMANCE_GC_MINOR), await count(constants.NODE_PERFORMANCE_GC_MAJOR)]).toEqual([
    31, 0,
  ]);
  passed(2 ** 23);
  expect(await count(constants.NODE_PERFORMANCE_GC_MAJOR)).toBe(1);
  observer.disconnect();
});
