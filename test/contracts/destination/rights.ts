/** What the store does not allow is told as that: not as missing, not as empty, not as done. */
import assert from 'node:assert/strict';
import type { Destination } from '../../../src/destination.ts';
import { type Check, check, isTold, keys, type Right, store, untried } from './stage.ts';

const acts: Record<Right, (denied: Destination) => (() => Promise<unknown>)[]> = {
  write: (denied) => [
    () => denied.write('held/new', Buffer.from('x')),
    () => denied.replace('held/object', Buffer.from('other')),
    () => store(denied, 'held/large', Buffer.from('x')),
  ],
  read: (denied) => [() => denied.read('held/object', 100), () => drained(denied, 'held/object')],
  list: (denied) => [() => keys(denied, ''), () => keys(denied, 'held/')],
  remove: (denied) => [() => denied.remove('held/object')],
};

export const rightChecks: Check[] = (Object.keys(acts) as Right[]).map((right) =>
  check(`who may not ${right} is told so, and nothing changes`, async ({ destination, bench }) => {
    const open = bench.denied?.[right];
    if (!open) return untried;
    await destination.write('held/object', Buffer.from('kept'));
    const denied = await open();
    try {
      for (const act of acts[right](denied)) {
        await assert.rejects(act(), (error: Error) => isTold(error) && error.message.includes(denied.name));
      }
    } finally {
      await denied.close();
    }
    assert.deepEqual(await keys(destination, ''), ['held/object']);
    assert.equal(String(await destination.read('held/object', 100)), 'kept');
  }),
);

async function drained(destination: Destination, key: string): Promise<void> {
  for await (const _ of await destination.get(key));
}
