/** Small objects: written once, replaced whole, read with a limit, removed alone. */
import assert from 'node:assert/strict';
import { KeyExists, KeyMissing } from '../../../src/destination.ts';
import { allOf, assertAbsent, type Check, check, keys, store, untried } from './stage.ts';

export const objectChecks: Check[] = [
  check('a small object is written once; equal bytes are fine', async ({ destination, other }) => {
    await destination.write('small.json', Buffer.from('{}'));
    await other.write('small.json', Buffer.from('{}'));
    await assert.rejects(other.write('small.json', Buffer.from('[]')), KeyExists);
    await assert.rejects(other.write('small.json', Buffer.from('{}\n')), KeyExists);
    assert.equal(String(await destination.read('small.json', 10)), '{}');
  }),
  check('of concurrent writers of one key exactly one wins', async ({ destination, other, bench }) => {
    // A store that takes a second for each object takes one for each look at the others, too.
    const writers = Array.from({ length: (bench.objects ?? 100) < 100 ? 8 : 20 }, (_, index) =>
      index % 2 ? destination : other,
    );
    const results = await Promise.allSettled(
      writers.map((writer, index) => writer.write('race', Buffer.from(`${index}`))),
    );
    const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    // Where the store cannot refuse to overwrite, more may believe that they won; who reads finds one of them.
    if (destination.exclusive === false) assert.ok(winners.length >= 1);
    else assert.equal(winners.length, 1);
    assert.ok(winners.includes(Number(String(await destination.read('race', 10)))));
    for (const result of results)
      if (result.status === 'rejected') assert.ok(result.reason instanceof KeyExists, `${result.reason}`);
  }),
  check('concurrent writers of different keys all win', async ({ destination, other }) => {
    const names = Array.from({ length: 12 }, (_, index) => `all/${String(index).padStart(2, '0')}`);
    await allOf(names.map((name, index) => (index % 2 ? destination : other).write(name, Buffer.from(`${index}`))));
    assert.deepEqual(await keys(other, ''), names);
    for (const [index, name] of names.entries()) assert.equal(String(await destination.read(name, 10)), `${index}`);
  }),
  check('replace makes and replaces', async ({ destination, other }) => {
    await destination.replace('page.md', Buffer.from('one'));
    await other.replace('page.md', Buffer.from('two, longer'));
    assert.equal(String(await destination.read('page.md', 100)), 'two, longer');
    assert.deepEqual(await keys(destination, ''), ['page.md']);
  }),
  check('who reads while it is replaced sees one version whole', async ({ bench, destination, other }) => {
    if (bench.replacesInPlace) return untried;
    const version = (index: number) => Buffer.alloc(20_000 + index * 1000, index);
    await destination.replace('changing', version(1));
    let replacing = true;
    const writing = (async () => {
      for (let index = 2; index < 8; index += 1) await other.replace('changing', version(index));
    })().finally(() => {
      replacing = false;
    });
    while (replacing) {
      const seen = await destination.read('changing', 100_000);
      assert.ok(seen.length > 0 && version(seen[0]!).equals(seen), `${seen.length} bytes of version ${seen[0]}`);
    }
    await writing;
    assert.ok(version(7).equals(await destination.read('changing', 100_000)));
    return undefined;
  }),
  check('a missing object is told as missing', async ({ destination }) => {
    await destination.write('there/object', Buffer.from('x'));
    for (const key of ['nowhere', 'there/nothing', 'there', 'there/object/below']) {
      await assertAbsent(destination, key);
      await assert.rejects(destination.get(key), KeyMissing);
      await assert.rejects(destination.read(key, 100), KeyMissing);
      await destination.remove(key === 'there' ? 'there/none' : key);
      await destination.removeAttempt(key, 'never-begun');
    }
    assert.deepEqual(await keys(destination, ''), ['there/object']);
  }),
  check('a read has a limit', async ({ destination }) => {
    await destination.write('big', Buffer.alloc(1001));
    await assert.rejects(destination.read('big', 1000), (error: Error) => !(error instanceof KeyMissing));
    assert.equal((await destination.read('big', 1001)).length, 1001);
  }),
  check('what is removed is gone, and may be removed again', async ({ destination, other }) => {
    await store(destination, 'a/x', Buffer.from('1'));
    await store(destination, 'a/xy', Buffer.from('2'));
    await other.remove('a/x');
    await other.remove('a/x');
    await assertAbsent(destination, 'a/x');
    assert.deepEqual(await keys(destination, ''), ['a/xy']);
  }),
  check('free space and clock are sane', async ({ destination }) => {
    const free = await destination.free();
    assert.ok(free === null || free > 0);
    assert.ok(Math.abs((await destination.clock()).getTime() - Date.now()) < 600_000);
  }),
  check('the clock is the store’s own', async ({ bench }) => {
    for (const seconds of [86_400, -86_400]) {
      const destination = await bench.skewed?.(seconds);
      if (!destination) return untried;
      const ahead = (await destination.clock()).getTime() - Date.now();
      await destination.close();
      assert.ok(Math.abs(ahead - seconds * 1000) < 60_000, `${ahead / 1000} s ahead`);
    }
  }),
];
