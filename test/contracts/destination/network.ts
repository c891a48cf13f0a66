/** A bad line: what was cut is never taken for whole, what hangs is given up, what is only slow is waited for. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Destination } from '../../../src/destination.ts';
import type { Fault } from '../../fakes/fault-proxy.ts';
import { type Check, check, collect, isTold, keys, type Network, type Stage, store, untried, within } from './stage.ts';

/** A check that needs a bad line; its handle on that line is opened while the line is still good. */
function lineCheck(
  name: string,
  body: (stage: Stage & { line: Network; far: Destination }) => Promise<unknown>,
): Check {
  return check(name, async (stage) => {
    const line = stage.bench.network;
    if (!line) return untried;
    const far = await line.open();
    try {
      return await body({ ...stage, line, far });
    } finally {
      line.set(null);
      line.storm?.(0);
      await far.close();
    }
  });
}

const cuts: Pick<Fault, 'act' | 'after'>[] = [
  { act: 'reset', after: 0 },
  { act: 'reset', after: 300_000 },
  { act: 'half-close', after: 300_000 },
  { act: 'half-close', after: 999_000 },
];

export const networkChecks: Check[] = [
  lineCheck('a read that is cut never ends as if it were whole', async ({ destination, line, far }) => {
    const bytes = randomBytes(1_000_000);
    await store(destination, 'whole', bytes);
    for (const cut of cuts) {
      for (const read of [() => collect(far, 'whole'), () => far.read('whole', 2_000_000)]) {
        line.set({ ...cut, direction: 'down' });
        const seen = await within(line.patience, 'a cut read', outcomeOf(read()));
        line.set(null);
        if (seen.value) assert.ok(bytes.equals(seen.value), `${seen.value.length} bytes seemed whole (${cut.act})`);
        else assert.ok(isTold(seen.error!), `${seen.error}`);
      }
    }
    assert.ok((await collect(destination, 'whole')).equals(bytes));
  }),
  lineCheck('a write that is cut is there whole or not at all', async ({ other, line, far }) => {
    const bytes = randomBytes(1_000_000);
    for (const [index, cut] of cuts.entries()) {
      const key = `cut/${index}`;
      line.set({ ...cut, direction: 'up' });
      const end = await within(2 * line.patience, 'a cut write', outcomeOf(store(far, key, bytes, 'attempt-1')));
      line.set(null);
      const there = await other.stat(key);
      assert.ok(there !== null || end.error !== undefined, `${key} was published and is not there`);
      await other.removeAttempt(key, 'attempt-1');
      if (!there) await store(other, key, bytes, 'attempt-2');
      assert.ok((await collect(other, key)).equals(bytes));
    }
    assert.equal((await keys(other, '')).length, cuts.length);
  }),
  lineCheck('a line that says nothing is given up, and told', async ({ destination, line, far }) => {
    await destination.write('there', Buffer.from('x'));
    line.set({ act: 'stall', direction: 'down' });
    const acts: Promise<unknown>[] = [
      far.read('there', 10),
      far.stat('there'),
      keys(far, ''),
      far.write('new', Buffer.from('y')),
    ];
    for (const { error } of await within(line.patience, 'giving up', Promise.all(acts.map((act) => outcomeOf(act)))))
      assert.ok(error && isTold(error), `${error}`);
  }),
  lineCheck('a slow line is only slow', async ({ other, line, far }) => {
    const bytes = randomBytes(300_000);
    line.set({ act: 'slow', direction: 'up', rate: 200_000 });
    await store(far, 'slow', bytes);
    line.set({ act: 'slow', direction: 'down', rate: 200_000 });
    assert.ok((await collect(far, 'slow')).equals(bytes));
    assert.ok((await collect(other, 'slow')).equals(bytes));
  }),
  lineCheck('a storm of refusals passes', async ({ line, far }) => {
    if (!line.storm) return untried;
    line.storm(2);
    await far.write('small', Buffer.from('x'));
    line.storm(2);
    await store(far, 'large', randomBytes(100_000));
    line.storm(2);
    assert.deepEqual(await keys(far, ''), ['large', 'small']);
    line.storm(2);
    assert.equal((await collect(far, 'large')).length, 100_000);
  }),
  lineCheck('a storm without end is told, as neither missing nor empty', async ({ destination, line, far }) => {
    if (!line.storm) return untried;
    await destination.write('there', Buffer.from('x'));
    line.storm(Number.POSITIVE_INFINITY);
    const acts: Promise<unknown>[] = [
      far.read('there', 10),
      far.stat('there'),
      keys(far, ''),
      far.write('new', Buffer.from('y')),
    ];
    for (const { error } of await within(line.patience, 'giving up', Promise.all(acts.map((act) => outcomeOf(act)))))
      assert.ok(error && isTold(error), `${error}`);
    assert.deepEqual(await keys(destination, ''), ['there']);
  }),
];

type Outcome<T> = { value?: T; error?: Error };

async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error: error as Error };
  }
}
