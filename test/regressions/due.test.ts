import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestKey } from '../../src/catalog/keys.ts';
import { sealManifest } from '../../src/catalog/manifest.ts';
import { readShelf } from '../../src/catalog/shelf.ts';
import { debts, latestTime } from '../../src/commands/due.ts';
import { openLocal } from '../../src/destinations/local/store.ts';
import type { ResolvedBackup } from '../../src/plan/resolved.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { idAt, sampleManifest } from '../unit/catalog/sample.ts';

const latest = async (schedule: string, zone: string, now: string) =>
  (await latestTime(schedule, zone, new Date(now))).toISOString().slice(0, 16);

describe('the last time of a schedule', () => {
  it.each([
    ['30 2 * * *', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29T01:00'],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-29T00:59:00Z', '2026-03-28T01:30'],
    ['0 2,8,14,20 * * *', 'Europe/Berlin', '2026-03-29T02:10:00Z', '2026-03-29T01:00'],
    ['0 0 * * *', 'Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-23T22:00'],
    ['0 0 * * *', 'America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06T04:00'],
  ])('%s in %s is not lost in an hour that is skipped', async (schedule, zone, now, wanted) => {
    expect(await latest(schedule, zone, now)).toBe(wanted);
  });

  it.each([
    ['30 2 * * *', '2026-10-25T01:40:00Z', '2026-10-25T00:30'],
    ['*/30 * * * *', '2026-10-25T00:10:00Z', '2026-10-25T00:00'],
    ['*/30 * * * *', '2026-10-25T01:10:00Z', '2026-10-25T01:00'],
    ['0 */2 * * *', '2026-10-25T02:30:00Z', '2026-10-25T01:00'],
  ])('%s counts a repeated hour as it names it, at %s', async (schedule, now, wanted) => {
    expect(await latest(schedule, 'Europe/Berlin', now)).toBe(wanted);
  });

  it('is now when it starts on the very second', async () => {
    expect(await latest('0 2 * * *', 'UTC', '2026-11-21T02:00:00Z')).toBe('2026-11-21T02:00');
  });
});

describe('a clock that ran ahead', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  beforeEach(() => {
    place = temporaryDirectory();
  });
  afterEach(() => place.remove());

  const owes = async (moments: Record<string, string>, now: string) => {
    const root = place.path;
    const disk = openLocal('disk', { root, mountRequired: false, fileMode: 0o600, directoryMode: 0o700 });
    for (const [stamp, from] of Object.entries(moments)) {
      const id = idAt(stamp);
      const sealed = await sealManifest(sampleManifest({ id, moment: { from, to: from } }), { sign: null, mac: null });
      await disk.write(manifestKey('shop', id), sealed.bytes);
    }
    const shelf = await readShelf(disk, 'shop', null);
    const backup = { name: 'orders', schedule: '0 2 * * *' } as ResolvedBackup;
    const [debt] = await debts([backup], 'UTC', [{ name: 'disk', destination: disk, shelf }], new Date(now));
    return debt!.due;
  };

  it('does not stop backups until its time has come', async () => {
    expect(await owes({ '20261231T020000Z': '2026-12-31T02:00:00.500Z' }, '2026-11-21T03:00:00Z')).toBe(true);
  });

  it('is over with the next backup, although its id has to follow', async () => {
    const made = { '20261231T020000Z': '2026-12-31T02:00:00.500Z', '20261231T020001Z': '2026-11-21T03:00:00.500Z' };
    expect(await owes(made, '2026-11-21T03:15:00Z')).toBe(false);
    expect(await owes({}, '2026-11-22T03:15:00Z')).toBe(true);
  });
});
