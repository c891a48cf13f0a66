/** Large objects: they appear whole and at once, or not at all. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { KeyExists } from '../../../src/destination.ts';
import { allOf, assertAbsent, type Check, check, collect, keys, store } from './stage.ts';

export const sinkChecks: Check[] = [
  check('a sink takes bytes and gives the same back', async ({ destination }) => {
    const bytes = randomBytes(3_000_001);
    await store(destination, 'a/b/data.bin', bytes);
    assert.ok((await collect(destination, 'a/b/data.bin')).equals(bytes));
    assert.equal((await destination.stat('a/b/data.bin'))?.size, bytes.length);
  }),
  check('a sink counts what it stored', async ({ destination }) => {
    const sink = await destination.put('counted', 'one');
    await sink.write([Buffer.from('abc'), Buffer.from(''), Buffer.from('de')]);
    await sink.write(Array.from({ length: 2000 }, () => Buffer.from('xy')));
    assert.deepEqual(await sink.prepare(), { size: 4005 });
    await sink.publish();
    assert.equal((await collect(destination, 'counted')).length, 4005);
  }),
  check('an empty object is an object', async ({ destination }) => {
    await store(destination, 'empty', Buffer.alloc(0));
    assert.equal((await destination.stat('empty'))?.size, 0);
    assert.equal((await collect(destination, 'empty')).length, 0);
  }),
  check('memory may be used again once a write has returned', async ({ destination }) => {
    const sink = await destination.put('reused', 'one');
    const hash = createHash('sha256');
    const slab = Buffer.alloc(1 << 20);
    for (let index = 0; index < 20; index += 1) {
      slab.fill(index);
      const batch = [slab.subarray(0, 1000 * index), slab.subarray(1000 * index)];
      hash.update(slab);
      await sink.write(batch);
    }
    slab.fill(255);
    assert.deepEqual(await sink.prepare(), { size: 20 << 20 });
    await sink.publish();
    const stored = createHash('sha256');
    for await (const chunk of await destination.get('reused')) stored.update(chunk as Buffer);
    assert.equal(stored.digest('hex'), hash.digest('hex'));
  }),
  check('what was expected is a hint only: more and fewer bytes are stored as they come', async ({ destination }) => {
    for (const [key, expected] of [
      ['more', 10],
      ['fewer', 50_000_000_000],
    ] as const) {
      const bytes = randomBytes(1_500_000);
      const sink = await destination.put(key, 'one', { expected, tier: 'monthly', keptUntil: null });
      await sink.write([bytes]);
      assert.deepEqual(await sink.prepare(), { size: bytes.length });
      await sink.publish();
      assert.ok((await collect(destination, key)).equals(bytes), key);
    }
  }),
  check('nothing is visible before it is published', async ({ destination, other }) => {
    const sink = await destination.put('a/slow', 'one');
    await assertAbsent(other, 'a/slow');
    await sink.write([randomBytes(100_000)]);
    await assertAbsent(other, 'a/slow');
    await sink.prepare();
    await assertAbsent(other, 'a/slow');
    await sink.publish();
    assert.deepEqual(await keys(other, ''), ['a/slow']);
  }),
  check('abort leaves nothing, in whatever state', async ({ destination }) => {
    for (const state of ['open', 'written', 'prepared']) {
      const sink = await destination.put(`gone/${state}`, 'one');
      if (state !== 'open') await sink.write([randomBytes(1000)]);
      if (state === 'prepared') await sink.prepare();
      await sink.abort();
      await sink.abort();
      await assertAbsent(destination, `gone/${state}`);
      await store(destination, `gone/${state}`, Buffer.from('again'), 'one');
      assert.equal(String(await collect(destination, `gone/${state}`)), 'again');
    }
  }),
  check('what was aborted is never published', async ({ destination }) => {
    const sink = await destination.put('given-up', 'one');
    await sink.write([Buffer.from('half')]);
    await sink.prepare();
    await sink.abort();
    await assert.rejects(sink.publish());
    await assertAbsent(destination, 'given-up');
  }),
  check('a taken key is never overwritten by a sink', async ({ destination, other }) => {
    await store(destination, 'taken', Buffer.from('first'));
    await assert.rejects(store(other, 'taken', Buffer.from('second'), 'two'), KeyExists);
    assert.equal(String(await collect(destination, 'taken')), 'first');
    assert.deepEqual(await keys(destination, ''), ['taken']);
  }),
  check('concurrent sinks of one key: one is published, the others are refused', async ({ destination, other }) => {
    const stores = [destination, other, destination, other].map((writer, index) =>
      store(writer, 'sinks', Buffer.from(`artifact ${index}`), `attempt-${index}`),
    );
    const results = await Promise.allSettled(stores);
    // Where the store cannot refuse, unique keys keep writers apart: what is there is whole, and that is all.
    if (destination.exclusive === false) {
      const there = await destination.stat('sinks');
      if (there) assert.match(String(await collect(destination, 'sinks')), /^artifact [0-3]$/);
      return;
    }
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(String(await collect(destination, 'sinks')), `artifact ${winner}`);
  }),
  check('concurrent sinks of different keys do not touch each other', async ({ destination, other }) => {
    const all = Array.from({ length: 6 }, (_, index) => ({ key: `beside/${index}`, bytes: randomBytes(200_000) }));
    await allOf(all.map(({ key, bytes }, index) => store(index % 2 ? destination : other, key, bytes)));
    for (const { key, bytes } of all) assert.ok((await collect(other, key)).equals(bytes), key);
  }),
  check('what an interrupted attempt left is removed by its name alone', async ({ destination, other }) => {
    const sink = await destination.put('a/cut', 'attempt-1');
    await sink.write([randomBytes(10_000)]);
    const rival = await destination.put('a/cut', 'attempt-2');
    await rival.write([Buffer.from('rival')]);
    await other.removeAttempt('a/cut', 'attempt-1');
    await other.removeAttempt('a/cut', 'attempt-1');
    await assertAbsent(other, 'a/cut');
    await assert.rejects(
      sink.prepare().then(() => sink.publish()),
      'an attempt that was removed cannot be published',
    );
    await sink.abort();
    await rival.prepare();
    await rival.publish();
    await other.removeAttempt('a/cut', 'attempt-2');
    assert.equal(String(await collect(other, 'a/cut')), 'rival');
  }),
];
