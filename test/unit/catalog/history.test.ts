import { beforeEach, describe, expect, it } from 'vitest';
import { checkFormat } from '../../../src/catalog/format-file.ts';
import type { Alarm } from '../../../src/catalog/heads.ts';
import { type HistoryPlace, readHistory, tombstoneReader } from '../../../src/catalog/history.ts';
import { manifestKey } from '../../../src/catalog/keys.ts';
import { removeBackups } from '../../../src/catalog/remove.ts';
import { readShelf } from '../../../src/catalog/shelf.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { idAt, layOut } from './sample.ts';

/** Backups as runs make them: each follows the newest one that its run could see. */
let disk: MemoryDestination;
let nas: MemoryDestination;
const begun = new Date('2026-10-01T00:00:00Z');
const day = (number: number) => `2026-11-${String(number).padStart(2, '0')}`;
const idOf = (number: number, nonce = 'abc123') => idAt(`202611${String(number).padStart(2, '0')}T020000Z`, nonce);

beforeEach(async () => {
  disk = new MemoryDestination('disk');
  nas = new MemoryDestination('nas');
  for (const destination of [disk, nas]) await begin(destination, begun);
});

async function begin(destination: MemoryDestination, now: Date): Promise<void> {
  await checkFormat(destination, 'shop', 'shop', { create: true, now });
}

type Made = { id: string; sha256: string; sequence: number };

async function make(number: number, previous: Made | null, at: MemoryDestination[], tiers = ['daily']): Promise<Made> {
  const sequence = (previous?.sequence ?? 0) + 1;
  const times = { from: `${day(number)}T02:00:00.000Z`, to: `${day(number)}T02:00:08.000Z` };
  const change = {
    tiers,
    sequence,
    previous: previous && { id: previous.id, sha256: previous.sha256 },
    moment: times,
    created: times.to,
  };
  let made = { id: '', sha256: '' };
  for (const destination of at) made = await layOut(destination, { id: idOf(number), change });
  return { id: made.id, sha256: made.sha256, sequence };
}

async function line(days: number, at: MemoryDestination[]): Promise<Made[]> {
  const made: Made[] = [];
  for (let number = 1; number <= days; number += 1) made.push(await make(number, made.at(-1) ?? null, at));
  return made;
}

type Wants = HistoryPlace['wants'];

async function alarms(wants: Record<string, Wants> = {}, whole = true, at = [disk, nas]): Promise<Alarm[]> {
  const places = await Promise.all(
    at.map(async (destination) => {
      const shelf = await readShelf(destination, 'shop', 'orders');
      const own = wants[destination.name];
      return { destination, shelf, wants: own === undefined ? ('all' as const) : own };
    }),
  );
  return readHistory('orders', places, whole, tombstoneReader());
}

async function prune(destination: MemoryDestination, ids: string[]): Promise<void> {
  const { entries } = await readShelf(destination, 'shop', 'orders');
  const items = entries.filter(({ id }) => ids.includes(id)).map((entry) => ({ entry, reasons: ['too old'] }));
  expect(items).toHaveLength(ids.length);
  await removeBackups(destination, 'shop', 'run1', items, { stillOurs: async () => {}, now: new Date() });
}

async function lose(destination: MemoryDestination, id: string): Promise<void> {
  for (const [key] of destination.store.objects) if (key.includes(id)) await destination.remove(key);
}

const kinds = (found: Alarm[]) => found.map(({ kind, id }) => [kind, id]);

describe('a healthy history', () => {
  it('of equal shelves gives no alarm and reads no tombstone', async () => {
    await line(25, [disk, nas]);
    for (const destination of [disk, nas]) await prune(destination, [idOf(1)]);
    const reads: string[] = [];
    for (const destination of [disk, nas]) {
      const { read } = destination;
      destination.read = (key, limit) => {
        reads.push(key);
        return read.call(destination, key, limit);
      };
    }
    expect(await alarms()).toEqual([]);
    expect(reads.filter((key) => key.endsWith('.manifest.json'))).toHaveLength(40);
    expect(reads.filter((key) => key.includes('/pruned/'))).toEqual([]);
  });

  it('has gaps that tombstones explain, also ones of one destination alone', async () => {
    await line(9, [disk, nas]);
    await prune(
      disk,
      [1, 2, 3, 5, 6].map((number) => idOf(number)),
    );
    await prune(
      nas,
      [1, 2, 4, 5, 6, 7].map((number) => idOf(number)),
    );
    expect(await alarms()).toEqual([]);
  });

  it('goes on after its newest was forgotten', async () => {
    const made = await line(4, [disk, nas]);
    for (const destination of [disk, nas]) await prune(destination, [made[3]!.id]);
    expect(await alarms()).toEqual([]);
    await make(5, made[2]!, [disk, nas]);
    expect(await alarms()).toEqual([]);
  });

  it('of a destination that takes some tiers only lacks the others', async () => {
    let last: Made | null = null;
    for (let number = 1; number <= 8; number += 1) {
      const daily = number % 3 === 1;
      last = await make(number, last, daily ? [disk, nas] : [disk], daily ? ['daily'] : ['hourly']);
    }
    expect(await alarms({ nas: ['daily'] })).toEqual([]);
    expect(kinds(await alarms())).toEqual([['missing', idOf(8)]]);
  });

  it('is known to a destination that came later from its first run on', async () => {
    const later = new MemoryDestination('later');
    const made = await line(3, [disk]);
    expect(await alarms({}, true, [disk, later])).toEqual([]);
    await begin(later, new Date('2026-11-03T12:00:00Z'));
    expect(await alarms({}, true, [disk, later])).toEqual([]);
    await make(4, made.at(-1)!, [disk, later]);
    expect(await alarms({}, true, [disk, later])).toEqual([]);
  });

  it('of disks that take turns, and of two runs at once, is no fault', async () => {
    const a = await make(1, null, [disk]);
    const b = await make(2, null, [nas]);
    const c = await make(3, a, [disk]);
    await make(4, b, [nas]);
    expect(await alarms({ disk: null, nas: null })).toEqual([]);
    await layOut(disk, {
      id: idOf(3, 'zzz999'),
      change: {
        sequence: c.sequence,
        previous: { id: a.id, sha256: a.sha256 },
        moment: { from: `${day(3)}T02:00:01.000Z`, to: `${day(3)}T02:00:09.000Z` },
        created: `${day(3)}T02:00:09.000Z`,
      },
    });
    expect(await alarms({ disk: null, nas: null })).toEqual([]);
  });

  it('is not doubted where a destination could not be read', async () => {
    const a = await make(1, null, [nas]);
    await make(2, a, [disk]);
    expect(await alarms({}, false, [disk])).toEqual([]);
    expect(kinds(await alarms({}, true, [disk]))).toEqual([['hole', a.id]]);
  });
});

describe('a history that was tampered with', () => {
  it('tells a tail that is gone at one destination, and how much of it', async () => {
    await line(6, [disk, nas]);
    for (const number of [5, 6]) await lose(nas, idOf(number));
    const found = await alarms();
    expect(kinds(found)).toEqual([['missing', idOf(6)]]);
    expect(found[0]!.message).toContain(`"nas" lacks ${idOf(6)} and 1 before it, which "disk" holds`);
  });

  it('tells a destination whose backups are all gone although its shelf is old', async () => {
    await line(3, [disk, nas]);
    for (const number of [1, 2, 3]) await lose(nas, idOf(number));
    expect(kinds(await alarms())).toEqual([['missing', idOf(3)]]);
  });

  it('tells a piece of the middle that is nowhere', async () => {
    await line(6, [disk, nas]);
    for (const destination of [disk, nas]) await lose(destination, idOf(3));
    const found = await alarms();
    expect(kinds(found)).toEqual([['hole', idOf(3)]]);
    expect(found[0]!.message).toContain(`${idOf(4)} follows ${idOf(3)}, which lies nowhere`);
  });

  it('tells a manifest that was replaced, by the one that follows', async () => {
    const made = await line(4, [disk]);
    await replace(disk, made[2]!, made[1]!);
    const found = await alarms({}, true, [disk]);
    expect(kinds(found)).toEqual([['replaced', idOf(3)]]);
  });

  it('tells copies that differ, and which of them is the true one', async () => {
    const made = await line(4, [disk, nas]);
    await replace(nas, made[2]!, made[1]!);
    const found = await alarms();
    expect(kinds(found)).toEqual([['conflict', idOf(3)]]);
    expect(found[0]!.message).toMatch(/^copy-conflict: .*; that at "disk" is the one that /);
    await lose(disk, idOf(4));
    await lose(nas, idOf(4));
    expect((await alarms())[0]!.message).toContain('is not the same at "disk" as at "nas"');
  });

  it('tells a number that does not follow', async () => {
    const made = await line(3, [disk]);
    await make(4, { ...made[2]!, sequence: 7 }, [disk]);
    expect(kinds(await alarms({}, true, [disk]))).toEqual([['sequence', idOf(4)]]);
  });

  it('tells a backup that was hidden while the next one was made', async () => {
    const made = await line(4, [disk]);
    // It repeats the number of the one that its run was not shown.
    await make(5, made[2]!, [disk]);
    expect(kinds(await alarms({}, true, [disk]))).toEqual([['overlooked', idOf(4)]]);
  });

  it('tells a damaged manifest', async () => {
    await line(3, [disk]);
    await disk.replace(manifestKey('shop', idOf(2)), Buffer.from('{ "format": "runner/manif'));
    expect(kinds(await alarms({}, true, [disk]))).toEqual([['damaged', idOf(2)]]);
  });
});

/** The same backup with another manifest that is right in itself. */
async function replace(destination: MemoryDestination, made: Made, previous: Made): Promise<void> {
  const key = manifestKey('shop', made.id);
  const text = Buffer.from(await destination.read(key, 1e6)).toString();
  expect(text).toContain(previous.id);
  await destination.replace(key, Buffer.from(text.replace('"host": "db1"', '"host": "db2"')));
}
