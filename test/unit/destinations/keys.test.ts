import { describe, expect, it } from 'vitest';
import { KeyMissing } from '../../../src/destination.ts';
import { holdsExactly } from '../../../src/destinations/keys.ts';

const own = Buffer.from('{"run":"a"}');

/** An object of which every question sees the next of these contents; null when it is not there. */
function changing(...contents: (string | null)[]) {
  const next = () => (contents.length > 1 ? contents.shift() : contents[0]) ?? null;
  const stat = async () => {
    const there = next();
    return there === null ? null : { size: there.length };
  };
  const read = async () => {
    const there = next();
    if (there === null) throw new KeyMissing('it is not there.');
    if (there.length > own.length) throw new Error(`it is ${there.length} bytes long`);
    return Buffer.from(there);
  };
  return holdsExactly({ stat, read }, 'lease', own);
}

describe('whether a name holds the bytes that were to be written', () => {
  it('is so for equal bytes only', async () => {
    expect(await changing(String(own))).toBe(true);
    expect(await changing('{"run":"b"}')).toBe(false);
    expect(await changing('{}')).toBe(false);
    expect(await changing(null)).toBe(false);
  });

  it('is not so when another writer makes it longer, or removes it, between the two looks', async () => {
    const longer = '{"run":"b","released":"now"}';
    expect(await changing('{"run":"b"}', longer)).toBe(false);
    expect(await changing('{"run":"b"}', null)).toBe(false);
  });

  it('is not known when it cannot be read', async () => {
    const failing = () => Promise.reject(new Error('I/O error'));
    const store = { stat: async () => ({ size: own.length }), read: failing };
    await expect(holdsExactly(store, 'lease', own)).rejects.toThrow('I/O error');
  });
});
