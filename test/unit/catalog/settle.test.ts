import { describe, expect, it } from 'vitest';
import { Format, type Journal } from '../../../src/catalog/format.ts';
import { closeJournal, sealedKey, sealJournal, writeJournal } from '../../../src/catalog/journal.ts';
import { manifestKey, planKeys, signatureKey } from '../../../src/catalog/keys.ts';
import { sealManifest } from '../../../src/catalog/manifest.ts';
import { removeBackups, resumeRemovals } from '../../../src/catalog/remove.ts';
import { settle } from '../../../src/catalog/settle.ts';
import { readShelf } from '../../../src/catalog/shelf.ts';
import { readTombstones } from '../../../src/catalog/tombstone.ts';
import { type Destination, KeyExists } from '../../../src/destination.ts';
import { keys } from '../../contracts/destination.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { id, idAt, layOut, sampleManifest } from './sample.ts';

const now = new Date('2026-11-22T00:00:00Z');
const options = { run: 'r2', now, stillOurs: async () => {} };
const bytes = Buffer.from('sealed bytes');
const artifact = sampleManifest().artifacts[0]!.key;
const journal: Journal = {
  format: Format.journal,
  run: 'r1',
  backup: 'orders',
  id,
  started: '2026-11-21T02:00:00Z',
  artifacts: [{ key: artifact, attempt: 'one' }],
  manifestKey: manifestKey('shop', id),
};

/** The steps of a capture at one destination; a kill may come after any of them. */
async function capture(
  destination: Destination,
  steps: number,
  purpose: 'backup' | 'safety' = 'backup',
): Promise<void> {
  const sealed = await sealManifest(sampleManifest({ purpose }));
  const signature = Buffer.from('signature');
  let key = '';
  const sink = { current: null as Awaited<ReturnType<Destination['put']>> | null };
  const all: (() => Promise<unknown>)[] = [
    async () => (key = await writeJournal(destination, 'shop', journal)),
    async () => (sink.current = await destination.put(artifact, 'one')),
    () => sink.current!.write([bytes]),
    () => sink.current!.prepare(),
    () => sealJournal(destination, key, sealed.bytes, signature),
    () => sink.current!.publish(),
    () => destination.write(signatureKey('shop', id), signature),
    () => destination.write(journal.manifestKey, sealed.bytes),
    () => closeJournal(destination, key),
  ];
  for (const step of all.slice(0, steps)) await step();
}

describe('an interrupted capture', () => {
  it.each([1, 2, 3, 4, 5])(
    'killed after step %i of 9, before its artifact was published, leaves nothing',
    async (steps) => {
      const destination = new MemoryDestination('main');
      await layOut(destination, { id: idAt('20261120T020000Z') });
      const before = await keys(destination, '');
      await capture(destination, steps);
      expect(await settle(destination, 'shop', options)).toEqual({ committed: [], removed: [id], problems: [] });
      expect(await keys(destination, '')).toEqual(before);
      expect(destination.store.parts.size).toBe(0);
    },
  );

  it.each([6, 7, 8])(
    'killed after step %i of 9, with a whole artifact and its manifest in the journal, is finished',
    async (steps) => {
      const destination = new MemoryDestination('main');
      await capture(destination, steps);
      expect(await settle(destination, 'shop', options)).toEqual({ committed: [id], removed: [], problems: [] });
      const shelf = await readShelf(destination, 'shop', 'orders');
      expect(shelf.entries).toMatchObject([{ id, signed: true, records: [{ finding: 'checksum', result: 'pass' }] }]);
      expect(await keys(destination, planKeys.journals('shop'))).toEqual([]);
      expect(await settle(destination, 'shop', options)).toEqual({ committed: [], removed: [], problems: [] });
    },
  );

  it('a safety copy that is finished gets no mark, so that it takes no slot', async () => {
    const destination = new MemoryDestination('main');
    await capture(destination, 6, 'safety');
    await settle(destination, 'shop', options);
    expect((await readShelf(destination, 'shop', 'orders')).entries).toMatchObject([{ id, records: [] }]);
  });

  it('whose artifact is not what its manifest says is removed', async () => {
    for (const other of [Buffer.from('sealed byteX'), Buffer.from('sealed')]) {
      const destination = new MemoryDestination('main');
      await capture(destination, 6);
      destination.store.objects.set(artifact, { bytes: other, modified: now });
      expect((await settle(destination, 'shop', options)).removed).toEqual([id]);
      expect(await keys(destination, '')).toEqual([]);
    }
  });

  it('whose journalled manifest is damaged is not committed by it', async () => {
    const destination = new MemoryDestination('main');
    await capture(destination, 6);
    const key = sealedKey(planKeys.journal('shop', 'r1', id));
    const text = String(await destination.read(key, 100_000));
    destination.store.objects.set(key, { bytes: Buffer.from(text.slice(0, 300)), modified: now });
    expect((await settle(destination, 'shop', options)).removed).toEqual([id]);
  });

  it('whose manifest at its place is another one is told and touched by nobody', async () => {
    const destination = new MemoryDestination('main');
    await capture(destination, 8);
    const other = await sealManifest(sampleManifest({ host: 'another' }));
    destination.store.objects.set(journal.manifestKey, { bytes: Buffer.from(other.bytes), modified: now });
    const before = await keys(destination, '');
    expect((await settle(destination, 'shop', options)).problems).toEqual([expect.stringMatching(/^copy-conflict/)]);
    expect(await keys(destination, '')).toEqual(before);
  });

  it('of this very run, orphans, and lost manifests are left alone', async () => {
    const destination = new MemoryDestination('main');
    await capture(destination, 6);
    await destination.write('shop/orders/2026/11/orders-20261101T020000Z-orphan.tar', bytes);
    const before = await keys(destination, '');
    await settle(destination, 'shop', { ...options, run: 'r1' });
    expect(await keys(destination, '')).toEqual(before);
    await settle(destination, 'shop', options);
    destination.store.objects.delete(journal.manifestKey);
    const lost = await keys(destination, '');
    await settle(destination, 'shop', options);
    expect(await keys(destination, '')).toEqual(lost);
    expect(lost).toContain(artifact);
  });

  it('that settle itself did not finish is settled by the next', async () => {
    for (let allowed = 0; allowed < 8; allowed += 1) {
      const destination = new MemoryDestination('main');
      await capture(destination, 6);
      const cut = new MemoryDestination('main', destination.store);
      let left = allowed;
      for (const name of ['write', 'remove'] as const) {
        const real = cut[name].bind(cut) as (key: string, bytes?: Uint8Array) => Promise<void>;
        cut[name] = async (key: string, value?: Uint8Array) => {
          if (left === 0) throw new Error('killed');
          left -= 1;
          await real(key, value);
        };
      }
      await settle(cut, 'shop', options).catch(() => {});
      await settle(destination, 'shop', options);
      const shelf = await readShelf(destination, 'shop', 'orders');
      expect(shelf.entries, `after ${allowed} steps`).toMatchObject([
        { id, records: [{ finding: 'checksum', result: 'pass' }] },
      ]);
      expect(await keys(destination, planKeys.journals('shop'))).toEqual([]);
    }
  });

  it('stops when the lease is lost', async () => {
    const destination = new MemoryDestination('main');
    await capture(destination, 3);
    const stillOurs = () => Promise.reject(new Error('taken over'));
    await expect(settle(destination, 'shop', { ...options, stillOurs })).rejects.toThrow('taken over');
    expect(destination.store.parts.size).toBe(1);
  });
});

describe('a journal', () => {
  it('never names a key that is already there', async () => {
    const destination = new MemoryDestination('main');
    await layOut(destination);
    await expect(writeJournal(destination, 'shop', journal)).rejects.toThrow(KeyExists);
    expect(await keys(destination, planKeys.journals('shop'))).toEqual([]);
  });

  it.each([
    [
      'another backup',
      { artifacts: [{ key: 'shop/orders/2026/11/orders-20261120T020000Z-abc123.sqlite.zst', attempt: 'x' }] },
    ],
    ['the catalogue', { artifacts: [{ key: 'shop/.runner/format.json', attempt: 'x' }] }],
    ['what lies outside', { artifacts: [{ key: '../20261121T020000Z', attempt: 'x' }] }],
    ['a hostile attempt', { artifacts: [{ key: artifact, attempt: '../x' }] }],
  ])('that names %s deletes nothing', async (_, change) => {
    const destination = new MemoryDestination('main');
    await layOut(destination, { id: idAt('20261120T020000Z') });
    await destination.write(planKeys.format('shop'), Buffer.from('{}'));
    await destination.write(
      planKeys.journal('shop', 'evil', id),
      Buffer.from(JSON.stringify({ ...journal, ...change })),
    );
    const before = await keys(destination, '');
    const { problems, removed } = await settle(destination, 'shop', options);
    expect({ problems: problems.length, removed }).toEqual({ problems: 1, removed: [] });
    expect(await keys(destination, '')).toEqual(before);
  });
});

describe('a deletion', () => {
  const remove = { now, stillOurs: async () => {} };
  async function shelfOfThree(): Promise<MemoryDestination> {
    const destination = new MemoryDestination('main');
    for (const day of ['19', '20', '21']) {
      const { id: made } = await layOut(destination, { id: idAt(`202611${day}T020000Z`) });
      await destination.write(signatureKey('shop', made), Buffer.from('sig'));
    }
    return destination;
  }
  const items = async (destination: Destination, count: number) =>
    (await readShelf(destination, 'shop', 'orders')).entries
      .slice(0, count)
      .map((entry) => ({ entry, reasons: ['older than 2 days'] }));

  it('writes its tombstone first, then removes manifest, signature, records, artifact', async () => {
    const destination = await shelfOfThree();
    const steps: string[] = [];
    for (const name of ['write', 'remove'] as const) {
      const real = destination[name].bind(destination) as (key: string, bytes?: Uint8Array) => Promise<void>;
      destination[name] = async (key: string, value?: Uint8Array) => {
        steps.push(`${name} ${key.replace('shop/orders/2026/11/orders-20261119T020000Z-abc123', 'ID')}`);
        await real(key, value);
      };
    }
    const gone: string[] = [];
    const result = await removeBackups(destination, 'shop', 'r2', await items(destination, 1), {
      ...remove,
      onRemoved: (one) => gone.push(one),
    });
    expect(result).toEqual({ removed: [idAt('20261119T020000Z')], refused: [], locked: [] });
    expect(gone).toEqual(result.removed);
    expect(steps.map((step) => step.replace(/(pass|fail)-.*/, '$1'))).toEqual([
      'write shop/.runner/pruned/20261122T000000Z-r2.json',
      'remove ID.manifest.json',
      'remove ID.manifest.json.sig',
      'remove ID.checksum-pass',
      'remove ID.content-pass',
      'remove ID.sqlite.zst',
      'write shop/.runner/pruned/20261122T000000Z-r2.done.json',
    ]);
    expect((await readTombstones(destination, 'shop')).get(idAt('20261119T020000Z'))?.deleted[0]?.reasons).toEqual([
      'older than 2 days',
    ]);
  });

  it('cut after any step is resumed, and until then nothing of it counts', async () => {
    for (let allowed = 0; ; allowed += 1) {
      const destination = await shelfOfThree();
      const chosen = await items(destination, 2);
      const cut = new MemoryDestination('main', destination.store);
      let left = allowed;
      for (const name of ['write', 'remove'] as const) {
        const real = cut[name].bind(cut) as (key: string, bytes?: Uint8Array) => Promise<void>;
        cut[name] = async (key: string, value?: Uint8Array) => {
          if (left === 0) throw new Error('killed');
          left -= 1;
          await real(key, value);
        };
      }
      const ended = await removeBackups(cut, 'shop', 'r2', chosen, remove).then(
        () => true,
        () => false,
      );
      const between = await readShelf(destination, 'shop', 'orders');
      expect(between.entries.map((entry) => entry.id)).toContain(id);
      expect(between.entries).toHaveLength(allowed === 0 ? 3 : 1);
      expect(between.orphans).toEqual([]);
      await resumeRemovals(destination, 'shop', 'r3', remove);
      const after = await readShelf(destination, 'shop', 'orders');
      expect(after.entries).toHaveLength(allowed === 0 ? 3 : 1);
      expect((await keys(destination, 'shop/orders/')).length).toBe(allowed === 0 ? 15 : 5);
      expect(after.pruned.size).toBe(0);
      if (ended) break;
    }
  });

  it('two in one second have a tombstone each', async () => {
    const destination = await shelfOfThree();
    const [first, second] = await items(destination, 2);
    await removeBackups(destination, 'shop', 'r2', [first!], remove);
    await removeBackups(destination, 'shop', 'r2', [second!], remove);
    expect((await readTombstones(destination, 'shop')).size).toBe(2);
    expect(await resumeRemovals(destination, 'shop', 'r3', remove)).toEqual({ removed: [], problems: [] });
  });

  it('takes what a damaged manifest no longer names, and leaves what a newer runner made', async () => {
    const destination = await shelfOfThree();
    const chosen = await items(destination, 2);
    destination.store.objects.set(chosen[0]!.entry.manifestKey, { bytes: Buffer.from('{'), modified: now });
    const newer = String(await destination.read(chosen[1]!.entry.manifestKey, 1e6)).replace('manifest@1', 'manifest@2');
    destination.store.objects.set(chosen[1]!.entry.manifestKey, { bytes: Buffer.from(newer), modified: now });
    const { removed, refused } = await removeBackups(destination, 'shop', 'r2', chosen, remove);
    expect(removed).toEqual([idAt('20261119T020000Z')]);
    expect(refused).toMatchObject([{ id: idAt('20261120T020000Z'), message: expect.stringMatching(/newer runner/) }]);
    expect((await keys(destination, 'shop/orders/')).length).toBe(10);
  });

  it('stops before anything when the lease is lost', async () => {
    const destination = await shelfOfThree();
    const stillOurs = () => Promise.reject(new Error('taken over'));
    await expect(
      removeBackups(destination, 'shop', 'r2', await items(destination, 2), { ...remove, stillOurs }),
    ).rejects.toThrow('taken over');
    expect((await keys(destination, '')).length).toBe(15);
  });

  it('by a hostile tombstone touches nothing that is not its own', async () => {
    const destination = await shelfOfThree();
    const deleted = [
      {
        id: idAt('20261119T020000Z'),
        manifestKey: manifestKey('shop', idAt('20261119T020000Z')),
        artifactKeys: [artifact],
        reasons: [],
      },
    ];
    await destination.write(
      planKeys.tombstone('shop', now, 'evil', 0),
      Buffer.from(JSON.stringify({ format: Format.tombstone, run: 'evil', time: now.toISOString(), deleted })),
    );
    const { problems, removed } = await resumeRemovals(destination, 'shop', 'r3', remove);
    expect({ removed, problems: problems.length }).toEqual({ removed: [], problems: 1 });
    const shelf = await readShelf(destination, 'shop', 'orders');
    expect(shelf.entries).toHaveLength(3);
    expect(shelf.problems).toHaveLength(1);
  });
});
