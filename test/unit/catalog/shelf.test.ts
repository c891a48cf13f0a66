import { describe, expect, it } from 'vitest';
import { Format } from '../../../src/catalog/format.ts';
import { writeJournal } from '../../../src/catalog/journal.ts';
import { judge } from '../../../src/catalog/judge.ts';
import { manifestKey, signatureKey } from '../../../src/catalog/keys.ts';
import { readFinding, writeFinding } from '../../../src/catalog/records.ts';
import { readShelf, type ShelfEntry, shelfOf } from '../../../src/catalog/shelf.ts';
import type { StoredObject } from '../../../src/destination.ts';
import type { Level } from '../../../src/graph.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { id, idAt, layOut } from './sample.ts';

const directory = 'shop/orders/2026/11';

describe('a shelf', () => {
  it('is read by names: entries by id, with artifacts, records and signatures', async () => {
    const destination = new MemoryDestination('main');
    await layOut(destination, {
      id: idAt('20261121T020000Z'),
      marks: [
        ['checksum', 'pass', '2026-11-21T04:00:00Z'],
        ['pin', 'set', '2026-11-21T03:00:00Z'],
      ],
    });
    await layOut(destination, { id: idAt('20261120T020000Z') });
    await layOut(destination, { id: idAt('20261119T020000Z', 'aaaaaa', 'files') });
    await destination.write(signatureKey('shop', idAt('20261120T020000Z')), Buffer.from('sig'));
    const shelf = await readShelf(destination, 'shop', null);
    expect(shelf.entries.map((entry) => entry.id)).toEqual([
      'files-20261119T020000Z-aaaaaa',
      idAt('20261120T020000Z'),
      idAt('20261121T020000Z'),
    ]);
    expect(shelf.entries.map((entry) => entry.signed)).toEqual([false, true, false]);
    expect(shelf.entries[2]).toMatchObject({
      backup: 'orders',
      time: new Date('2026-11-21T02:00:00Z'),
      manifestKey: manifestKey('shop', id),
      artifacts: [{ key: `${directory}/${id}.sqlite.zst`, size: 12 }],
      records: [
        { finding: 'pin', result: 'set' },
        { finding: 'checksum', result: 'pass' },
      ],
    });
    expect(shelf.newest.get('orders')).toBe(id);
    expect(shelf).toMatchObject({ orphans: [], pending: [], opaque: [], problems: [] });
  });

  it('opens no file where nothing is open', async () => {
    const destination = new MemoryDestination('main');
    await layOut(destination);
    destination.read = () => Promise.reject(new Error('a file was opened'));
    destination.get = () => Promise.reject(new Error('a file was opened'));
    expect((await readShelf(destination, 'shop', 'orders')).entries).toHaveLength(1);
  });

  it('tells orphans, pending, foreign and newer ones apart, and counts none of them', async () => {
    const destination = new MemoryDestination('main');
    await destination.write(`${directory}/orders-20261101T020000Z-orphan.tar`, Buffer.from('x'));
    const pending = { key: `${directory}/orders-20261102T020000Z-runni1.tar`, attempt: 'one' };
    const started = '2026-11-02T02:00:00Z';
    const running = 'orders-20261102T020000Z-runni1';
    await writeJournal(destination, 'shop', {
      format: Format.journal,
      run: 'r1',
      backup: 'orders',
      id: running,
      started,
      artifacts: [pending],
      manifestKey: manifestKey('shop', running),
    });
    await destination.write(pending.key, Buffer.from('x'));
    await destination.write(`${directory}/orders-20261103T020000Z-newer1.manifest@2.json`, Buffer.from('x'));
    await destination.write(`${directory}/orders-20261103T020000Z-newer1.tar`, Buffer.from('x'));
    await destination.write(`${directory}/notes.txt`, Buffer.from('x'));
    await destination.write('shop/orders/log/1/0001.wal', Buffer.from('x'));
    await destination.write(`shop/orders/old/${id}.manifest.json`, Buffer.from('x'));
    const shelf = await readShelf(destination, 'shop', 'orders');
    expect(shelf.entries).toEqual([]);
    expect(shelf.orphans).toEqual([`${directory}/orders-20261101T020000Z-orphan.tar`]);
    expect(shelf.pending).toEqual([pending.key]);
    expect(shelf.opaque).toEqual([
      `${directory}/orders-20261103T020000Z-newer1.manifest@2.json`,
      `${directory}/orders-20261103T020000Z-newer1.tar`,
    ]);
    expect(shelf.newest.get('orders')).toBe('orders-20261103T020000Z-newer1');
  });

  it('has a digest that changes with every name, and is the same read alone or with others', async () => {
    const destination = new MemoryDestination('main');
    const digests = new Set<string>();
    const note = async () => {
      const alone = await readShelf(destination, 'shop', 'orders');
      expect(shelfOf(await readShelf(destination, 'shop', null), 'orders')).toEqual(alone);
      digests.add(alone.digest);
    };
    await note();
    const { sha256 } = await layOut(destination);
    await note();
    const record = {
      format: Format.record,
      id,
      time: '2026-11-22T00:00:00Z',
      run: 'r',
      manifest: sha256,
      destination: 'main',
    };
    await writeFinding(destination, 'shop', { ...record, finding: 'pin', result: 'set' });
    await note();
    await writeFinding(destination, 'shop', { ...record, finding: 'checksum', result: 'fail' });
    await note();
    await layOut(destination, { id: idAt('20261122T020000Z', 'aaaaaa', 'files') });
    await note();
    expect(digests.size).toBe(4);
  });

  it('that cannot be listed to its end is not a shelf', async () => {
    const destination = new MemoryDestination('main');
    await layOut(destination);
    destination.store.broken = 'shop';
    await expect(readShelf(destination, 'shop', null)).rejects.toThrow(/broke/);
    await expect(readShelf(destination, 'shop', 'orders')).rejects.toThrow(/broke/);
  });

  it('of 100,000 backups is read whole, whatever the order of the pages', async () => {
    const destination = new MemoryDestination('main');
    const objects: StoredObject[] = [];
    for (let index = 0; index < 100_000; index += 1) {
      const time = new Date(Date.UTC(2010, 0, 1) + index * 3_600_000);
      const stamp = `${time.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
      const stem = `shop/orders/${stamp.slice(0, 4)}/${stamp.slice(4, 6)}/orders-${stamp}-aaaaaa`;
      for (const rest of ['.tar', '.manifest.json', `.checksum-pass-${stamp}-a.json`])
        objects.push({ key: stem + rest, size: 9, modified: time });
    }
    const pages: StoredObject[][] = Array.from({ length: 300 }, () => []);
    objects.forEach((object, index) => void pages[(index * 7) % 300]!.push(object));
    destination.list = async function* (prefix: string) {
      if (prefix.startsWith('shop/orders')) yield* pages;
    };
    const shelf = await readShelf(destination, 'shop', 'orders');
    expect(shelf.entries).toHaveLength(100_000);
    expect(shelf.entries.every((entry) => judge(entry, ['checksum']).state === 'good')).toBe(true);
    expect(shelf.entries.every((entry, index) => index === 0 || entry.id > shelf.entries[index - 1]!.id)).toBe(true);
  });
});

describe('a finding', () => {
  it('tells in its name what it says, and comes after what is known', async () => {
    const destination = new MemoryDestination('main');
    const { sha256 } = await layOut(destination, { marks: [['content', 'fail', '2026-11-21T05:00:00Z']] });
    const [entry] = (await readShelf(destination, 'shop', 'orders')).entries;
    const accept = {
      format: Format.record,
      id,
      finding: 'accept',
      result: 'set',
      time: '2026-11-21T04:00:00Z',
      run: 'r',
      manifest: sha256,
      destination: 'main',
    } as const;
    const key = await writeFinding(destination, 'shop', accept, entry);
    expect(key).toMatch(/\.accept-set-20261121T050001Z-[a-z0-9]{6}\.json$/);
    expect(await readFinding(destination, key)).toEqual(accept);
    const renamed = key.replace('accept-set', 'pin-set');
    await destination.write(renamed, await destination.read(key, 10_000));
    await expect(readFinding(destination, renamed)).rejects.toThrow(/differ/);
  });
});

describe('a judgement', () => {
  type Mark = `${string} ${number}`;
  const entryOf = (marks: Mark[], artifacts = 1): ShelfEntry => ({
    id,
    backup: 'orders',
    time: new Date('2026-11-21T02:00:00Z'),
    manifestKey: manifestKey('shop', id),
    manifestSize: 1000,
    signed: false,
    artifacts: Array.from({ length: artifacts }, () => ({ key: 'a', size: 1 })),
    records: marks.map((mark) => {
      const [name, second] = mark.split(' ') as [string, string];
      const [finding, result] = name.split('-') as [ShelfEntry['records'][number]['finding'], 'pass'];
      return { finding, result, stamp: `20261121T03000${second}Z`, key: mark };
    }),
  });
  const stateOf = (marks: Mark[], required: Level[] = ['content']) => judge(entryOf(marks), required).state;

  it.each<[string, Mark[], Level[], string]>([
    ['nothing is known', [], ['content'], 'unproven'],
    ['nothing is known and nothing asked', [], [], 'unproven'],
    ['the checksum of the commit where nothing more is asked', ['checksum-pass 1'], [], 'good'],
    ['another level passed', ['checksum-pass 1'], ['content'], 'unproven'],
    ['one of two levels passed', ['content-pass 1'], ['content', 'restore'], 'unproven'],
    ['all levels passed', ['content-pass 1', 'restore-pass 2'], ['content', 'restore'], 'good'],
    ['a fail after the pass', ['content-pass 1', 'checksum-fail 2'], ['content'], 'failed'],
    ['a pass after the fail', ['content-fail 1', 'content-pass 2'], ['content'], 'failed'],
    ['an accept after the fail', ['content-pass 1', 'content-fail 2', 'accept-set 3'], ['content'], 'good'],
    [
      'an accept in the second of the fail',
      ['content-pass 1', 'content-fail 2', 'accept-set 2'],
      ['content'],
      'failed',
    ],
    ['an accept before the fail', ['content-pass 1', 'accept-set 2', 'content-fail 3'], ['content'], 'failed'],
    ['an accept is no pass', ['content-fail 1', 'accept-set 2'], ['content'], 'unproven'],
    ['a failed drill', ['content-pass 1', 'drill-fail 2'], ['content'], 'failed'],
    ['an anomaly', ['content-pass 1', 'anomaly-set 2'], ['content'], 'anomalous'],
    ['an accepted anomaly', ['content-pass 1', 'anomaly-set 2', 'accept-set 3'], ['content'], 'good'],
    ['a copy, a rekey, a pin', ['content-pass 1', 'copy-set 2', 'rekey-set 3', 'pin-set 4'], ['content'], 'good'],
  ])('%s', (_, marks, required, state) => {
    expect(stateOf(marks, required)).toBe(state);
  });

  it('asks for the manifest only where names leave a question', () => {
    expect(judge(entryOf(['content-pass 1']), ['content']).consult).toBe(false);
    expect(judge(entryOf(['checksum-pass 1']), ['content']).consult).toBe(true);
    expect(judge(entryOf(['content-pass 1'], 0), ['content']).consult).toBe(true);
    expect(judge(entryOf(['content-fail 1']), ['restore']).consult).toBe(false);
  });

  it('takes the levels of its own day where one of today is missing', () => {
    const entry = entryOf(['checksum-pass 1']);
    expect(judge(entry, ['restore'], { required: ['checksum'] })).toMatchObject({ state: 'good', consult: false });
    expect(judge(entry, ['restore'], { required: ['content'] }).state).toBe('unproven');
    expect(judge(entry, ['checksum'], { required: ['content'] }).state).toBe('good');
    expect(judge(entry, ['checksum'], { required: [], missing: ['a'] })).toMatchObject({
      state: 'incomplete',
      problem: 'a is missing',
    });
  });

  it('the last of pin and unpin counts; in one second the pin', () => {
    expect(judge(entryOf(['pin-set 1']), []).pinned).toBe(true);
    expect(judge(entryOf(['pin-set 1', 'unpin-set 2']), []).pinned).toBe(false);
    expect(judge(entryOf(['unpin-set 1', 'pin-set 2']), []).pin).toBe('pin-set 2');
    expect(judge(entryOf(['pin-set 1', 'unpin-set 1']), []).pinned).toBe(true);
    expect(judge(entryOf(['unpin-set 1', 'pin-set 1']), []).pinned).toBe(true);
    expect(judge(entryOf(['pin-set 1', 'unpin-set 2', 'pin-set 3', 'unpin-set 4']), []).pinned).toBe(false);
  });
});
