import { describe, expect, it } from 'vitest';
import { canonicalBytes } from '../../../src/catalog/document.ts';
import { checkFormat } from '../../../src/catalog/format-file.ts';
import { planKeys } from '../../../src/catalog/keys.ts';
import { RunnerError } from '../../../src/diagnostic.ts';
import { keys } from '../../contracts/destination.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';

const now = new Date('2026-11-21T02:00:00Z');
const create = { create: true, now };

describe('the format of a shelf', () => {
  it('is written by the first run, and fine for the next', async () => {
    const destination = new MemoryDestination('main');
    expect(await checkFormat(destination, 'shop', 'shop', { create: false, now })).toEqual({
      created: false,
      readOnly: null,
    });
    expect(await keys(destination, '')).toEqual([]);
    const results = await Promise.all(
      [1, 2, 3].map((host) =>
        checkFormat(destination, 'shop', 'shop', { create: true, now: new Date(now.getTime() + host) }),
      ),
    );
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(await checkFormat(destination, 'shop', 'shop', create)).toEqual({ created: false, readOnly: null });
  });

  it('of another plan is refused', async () => {
    const destination = new MemoryDestination('main');
    await checkFormat(destination, 'shop', 'theirs', create);
    const refused = await checkFormat(destination, 'shop', 'ours', create).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RunnerError);
    expect(refused).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/belongs to another plan \(id "theirs"/),
    });
  });

  it.each([
    ['a higher layout', { format: 'runner/shelf@1', layout: 2, 'plan-id': 'shop', created: now.toISOString() }],
    ['a newer format', { format: 'runner/shelf@2' }],
  ])('with %s is only read', async (_, file) => {
    const destination = new MemoryDestination('main');
    await destination.write(planKeys.format('shop'), canonicalBytes(file));
    expect((await checkFormat(destination, 'shop', 'shop', create)).readOnly).toMatch(/newer runner/);
  });

  it('that is damaged stops a run', async () => {
    const destination = new MemoryDestination('main');
    await destination.write(planKeys.format('shop'), Buffer.from('{}'));
    await expect(checkFormat(destination, 'shop', 'shop', create)).rejects.toThrow(/damaged/);
  });
});
