/** Listings: every key once, to the last page, or a rejection. */
import assert from 'node:assert/strict';
import type { Destination } from '../../../src/destination.ts';
import { full } from '../../proofs/support.ts';
import { type Check, check, keys, untried } from './stage.ts';

const numbered = (folder: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${folder}/${index % 7}/${String(index).padStart(5, '0')}`);

async function writeAll(destination: Destination, names: readonly string[]): Promise<void> {
  for (let start = 0; start < names.length; start += 50) {
    await Promise.all(names.slice(start, start + 50).map((name) => destination.write(name, Buffer.from('four'))));
  }
}

export const listingChecks: Check[] = [
  check('a listing is by prefix, whole, with sizes and times', async ({ destination, bench }) => {
    const begin = (await destination.clock()).getTime();
    const names = numbered('many', bench.objects ?? 2300);
    await writeAll(destination, names);
    await destination.write('manyother', Buffer.from('x'));
    assert.deepEqual(await keys(destination, 'many/'), names.toSorted());
    assert.deepEqual(
      await keys(destination, 'many/3/000'),
      names.filter((name) => name.startsWith('many/3/000')).sort(),
    );
    assert.equal((await keys(destination, 'many')).length, names.length + 1);
    assert.deepEqual(await keys(destination, 'none/'), []);
    for await (const batch of destination.list('many/1/0000')) {
      for (const { size, modified } of batch) {
        assert.equal(size, 4);
        assert.ok(Math.abs(modified.getTime() - begin) < 600_000);
      }
    }
  }),
  check('25,000 keys are listed, each once', async ({ destination, bench }) => {
    const count = bench.many ?? (full && bench.fill ? 25_000 : 0);
    if (count === 0) return untried;
    const names = numbered('plan/backup', count);
    await (bench.fill ? bench.fill(names) : writeAll(destination, names));
    assert.deepEqual(await keys(destination, 'plan/'), names.toSorted());
    assert.deepEqual(await keys(destination, 'plan/backup/6/'), names.filter((name) => name.includes('/6/')).sort());
  }),
  check('a listing is the same at every page size', async ({ destination, bench }) => {
    if (!bench.openPaged) return untried;
    const names = [...numbered('paged', 40), 'paged-not', 'paged.too'];
    await writeAll(destination, names);
    for (const size of [1, 7, 42, 1000]) {
      const paged = await bench.openPaged(size);
      assert.deepEqual(await keys(paged, ''), names.toSorted(), `${size} a page`);
      assert.deepEqual(await keys(paged, 'paged/'), names.filter((name) => name.startsWith('paged/')).sort());
      await paged.close();
    }
  }),
  check('a prefix is taken by the letter, not as a pattern', async ({ destination, bench }) => {
    const names = ['p/a+b/1', 'p/a*/1', 'p/[a]/1', 'p/{a,b}/1', 'p/a/1', 'p/b/1', 'p/A/1', 'p/%61/1'];
    const held = names.filter((name) => !bench.refuses?.(name));
    await writeAll(destination, held);
    for (const prefix of ['p/a+b/', 'p/a*/', 'p/[a]/', 'p/{a,b}/', 'p/A/', 'p/%61/', 'p/a', '']) {
      const wanted = held.filter((name) => name.startsWith(prefix)).sort();
      assert.deepEqual(await keys(destination, prefix), wanted, prefix);
    }
  }),
  check('a listing may be left early and made several times at once', async ({ destination }) => {
    const names = ['l/1', 'l/2', 'l/3'];
    await writeAll(destination, names);
    for await (const _ of destination.list('l/')) break;
    const all = await Promise.all([keys(destination, ''), keys(destination, 'l/'), keys(destination, 'l/')]);
    assert.deepEqual(all, [names, names, names]);
  }),
  check('a listing that cannot be read to its end rejects', async ({ destination, bench }) => {
    if (!bench.breakListing) return untried;
    for (const key of ['a/1', 'b/1', 'c/1']) await destination.write(key, Buffer.from('x'));
    const mend = await bench.breakListing('b');
    try {
      await assert.rejects(keys(destination, ''));
    } finally {
      await mend();
    }
    assert.ok((await keys(destination, '')).length >= 3);
  }),
];
