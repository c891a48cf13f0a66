/** Reading: ranges, and readers that leave early. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Check, check, collect, store, within } from './stage.ts';

export const readChecks: Check[] = [
  check('ranges', async ({ destination }) => {
    await store(destination, 'ranged', Buffer.from('0123456789'));
    const part = async (start: number, end?: number) =>
      String(await collect(destination, 'ranged', end === undefined ? { start } : { start, end }));
    assert.equal(await part(0, 0), '0');
    assert.equal(await part(2, 4), '234');
    assert.equal(await part(7), '789');
    assert.equal(await part(8, 100), '89');
    assert.equal(await part(10), '');
  }),
  check('ranges of a large object, several at once, make it whole again', async ({ destination }) => {
    const bytes = randomBytes(2_500_000);
    await store(destination, 'large', bytes);
    const starts = [0, 700_001, 1_400_002, 2_100_003];
    const parts = await Promise.all(
      starts.map((start, index) => {
        const next = starts[index + 1];
        return collect(destination, 'large', next === undefined ? { start } : { start, end: next - 1 });
      }),
    );
    assert.ok(Buffer.concat(parts).equals(bytes));
  }),
  check('a reader may leave early, again and again', async ({ destination, bench }) => {
    const bytes = randomBytes(4_000_000);
    await store(destination, 'left', bytes);
    const leaving = async () => {
      for (let index = 0; index < 12; index += 1) {
        const stream = await destination.get('left');
        for await (const chunk of stream) {
          assert.ok((chunk as Buffer).length > 0);
          break;
        }
        assert.ok(stream.destroyed);
      }
      assert.ok((await collect(destination, 'left')).equals(bytes));
    };
    // A connection kept for each reader that left would use up whatever pool there is.
    await within(bench.network?.patience ?? 240_000, 'reading after others left', leaving());
  }),
];
