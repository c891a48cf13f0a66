/** What was once written must be readable for ever: a file of each format, as it lay at a destination. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkFormat } from '../../../src/catalog/format-file.ts';
import { openJournals } from '../../../src/catalog/journal.ts';
import { manifestKey, planKeys, recordKey } from '../../../src/catalog/keys.ts';
import { currentLease } from '../../../src/catalog/lease-state.ts';
import { authenticate, readManifest } from '../../../src/catalog/manifest.ts';
import { readFinding } from '../../../src/catalog/records.ts';
import { parsePublicKeys } from '../../../src/catalog/signing.ts';
import { doneKey, openTombstones, readTombstones } from '../../../src/catalog/tombstone.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import * as golden from './golden-files.ts';
import { id } from './sample.ts';

const folder = new URL('../../golden/', import.meta.url);
const file = async (name: string) => await readFile(new URL(name, folder));
const now = new Date('2026-11-21T02:00:00Z');

async function laid(key: string, name: string): Promise<MemoryDestination> {
  const destination = new MemoryDestination('main');
  await destination.write(key, await file(name));
  return destination;
}

describe('golden files', () => {
  it('are what is written today, byte for byte', async () => {
    const written = await golden.writings();
    expect((await readdir(folder)).sort()).toEqual(Object.keys(written).sort());
    for (const [name, bytes] of Object.entries(written))
      expect(String(await file(name)), name).toBe(String(Buffer.from(bytes)));
  });

  it('of a manifest is read, and proven by its signature', async () => {
    const read = await readManifest(await laid(manifestKey('shop', id), 'manifest.json'), manifestKey('shop', id));
    expect(read.manifest).toEqual(golden.manifest);
    const publicKeys = parsePublicKeys(await file('signer.pub'));
    expect(await authenticate(read, await file('manifest.json.sig'), { publicKeys })).toBe('signature');
  });

  it('of a manifest of several artifacts in a set is read', async () => {
    const key = manifestKey('shop', golden.partsManifest.id);
    expect((await readManifest(await laid(key, 'manifest-parts.json'), key)).manifest).toEqual(golden.partsManifest);
  });

  it('of a manifest with a MAC is proven by its passphrase', async () => {
    const read = await readManifest(await laid(manifestKey('shop', id), 'manifest-mac.json'), manifestKey('shop', id));
    expect(await authenticate(read, null, { passphrase: golden.passphrase })).toBe('mac');
  });

  it('of a record, a journal, a tombstone, a lease and a shelf are read', async () => {
    const key = recordKey('shop', id, 'restore', 'fail', '20261121T030000Z', 'x1y2z3');
    expect(await readFinding(await laid(key, 'record.json'), key)).toEqual(golden.record);
    const journalKey = planKeys.journal('shop', golden.journal.run, id);
    expect((await openJournals(await laid(journalKey, 'journal.json'), 'shop')).open).toEqual([
      { key: journalKey, journal: golden.journal },
    ]);
    const tombstoneKey = planKeys.tombstone('shop', now, 'r', 0);
    const pruned = await laid(tombstoneKey, 'tombstone.json');
    expect((await readTombstones(pruned, 'shop')).get(id)).toEqual(golden.tombstone);
    expect((await openTombstones(pruned, 'shop', [tombstoneKey])).open).toHaveLength(1);
    expect((await openTombstones(pruned, 'shop', [tombstoneKey, doneKey(tombstoneKey)])).open).toEqual([]);
    expect((await currentLease(await laid(planKeys.lease('shop', 5), 'lease.json'), 'shop'))?.lease).toEqual(
      golden.lease,
    );
    const shelf = await laid(planKeys.format('shop'), 'shelf-format.json');
    expect(await checkFormat(shelf, 'shop', 'shop', { create: true, now })).toEqual({ created: false, readOnly: null });
  });
});
