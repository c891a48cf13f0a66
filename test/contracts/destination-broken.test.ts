/** The suite bites: a driver in memory passes it, and each of these broken ones fails it. */
import { describe, expect, it } from 'vitest';
import { brokenLines, brokenReaders } from './destination/broken-readers.ts';
import { brokenWriters } from './destination/broken-writers.ts';
import { type Driver, memoryBench } from './destination/memory-bench.ts';
import { MemoryLine } from './destination/memory-line.ts';
import { within } from './destination/stage.ts';
import type { Check } from './destination.ts';
import { checks } from './destination.ts';
import { MemoryDestination } from './destination-memory.ts';

async function failures(driver: Driver, line: typeof MemoryLine = MemoryLine): Promise<string[]> {
  const failed = await Promise.all(
    checks.map(
      async ({ name, run }: Check) =>
        await within(15_000, name, run(memoryBench(driver, line))).then(
          () => null,
          () => name,
        ),
    ),
  );
  return failed.filter((name) => name !== null);
}

describe('the contract of destinations', () => {
  const bitten = new Set<string>();

  it('is kept by a right driver', async () => {
    for (const { name, run } of checks)
      await expect(run(memoryBench(MemoryDestination)), name).resolves.toBeUndefined();
  });

  const drivers = [...brokenWriters, ...brokenReaders];
  it.each(drivers.map((driver) => [driver.name, driver] as const))('is broken by %s', async (_, driver) => {
    const failed = await failures(driver);
    expect(failed).not.toEqual([]);
    for (const name of failed) bitten.add(name);
  });

  it.each(brokenLines.map((line) => [line.name, line] as const))('is broken by a driver that %s', async (_, line) => {
    const failed = await failures(MemoryDestination, line);
    expect(failed).not.toEqual([]);
    for (const name of failed) bitten.add(name);
  });

  it('has no check that none of them fails', () => {
    expect(checks.map(({ name }) => name).filter((name) => !bitten.has(name))).toEqual([]);
  });
});
