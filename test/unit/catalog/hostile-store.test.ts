/** A manifest that somebody else put into a shared bucket leads no store anywhere outside the plan's own folder. */
import { expect, it } from 'vitest';
import type { Artifact } from '../../../src/catalog/format.ts';
import { manifestKey } from '../../../src/catalog/keys.ts';
import { judgeUnit } from '../../../src/catalog/sets.ts';
import { readShelf } from '../../../src/catalog/shelf.ts';
import { sizesOf } from '../../../src/catalog/sizes.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { id, sampleManifest } from './sample.ts';

/** Remembers every key that it was asked for. */
class WatchedDestination extends MemoryDestination {
  readonly keysSeen: string[] = [];

  protected override checkKey(key: string): void {
    this.keysSeen.push(key);
    super.checkKey(key);
  }
}

const [artifact] = sampleManifest().artifacts;
const hostile: [string, Partial<Artifact>][] = [
  ['a key that climbs', { key: '../../outside' }],
  ['a key that climbs from inside', { key: 'shop/orders/../../other/secret' }],
  ['an absolute key', { key: '/etc/hostname' }],
  ['a key of another plan', { key: 'other/orders/2026/11/theirs.bin' }],
  ['a key of the book-keeping', { key: 'shop/.runner/format.json' }],
  ['a key with a NUL', { key: 'shop/orders/\0' }],
  ['a size beyond all numbers', { size: Number.MAX_SAFE_INTEGER }],
  ['a size that is none', { size: -1 }],
];

it.each(hostile)('%s is followed at no store, and counts for nothing', async (_, change) => {
  const store = new WatchedDestination('shared');
  const bytes = Buffer.from(JSON.stringify(sampleManifest({ artifacts: [{ ...artifact!, ...change }] })));
  await store.write(manifestKey('shop', id), bytes);
  await store.write('other/orders/2026/11/theirs.bin', Buffer.from('theirs'));
  store.keysSeen.length = 0;
  const shelf = await readShelf(store, 'shop', null);
  const unit = [{ name: 'orders', required: [] }];
  const { judged } = await judgeUnit(shelf, store, unit, { tags: false, now: new Date() });
  expect(judged.get('orders')!.map(({ judgement }) => judgement.state)).toEqual(['incomplete']);
  const sizes = await sizesOf(store, shelf.entries);
  // No claim of a size counts: at most the manifest itself is there.
  expect(sizes.get(id) ?? 0).toBeLessThanOrEqual(bytes.length);
  expect(store.keysSeen.length).toBeGreaterThan(0);
  for (const key of store.keysSeen) expect(key).toMatch(/^shop\/orders\/2026\/11\/orders-20261121T020000Z-abc123\./);
});
