/** The values that the golden files hold, one of each format. The files are for ever: new ones are added, none is changed. */
import { withMac } from '../../../src/catalog/authenticity.ts';
import { canonicalBytes } from '../../../src/catalog/document.ts';
import {
  type FindingRecord,
  Format,
  type Journal,
  type Lease,
  type Manifest,
  type Removed,
  type ShelfFormat,
  type Tombstone,
} from '../../../src/catalog/format.ts';
import { manifestKey } from '../../../src/catalog/keys.ts';
import { sealManifest } from '../../../src/catalog/manifest.ts';
import { renderRecovery } from '../../../src/catalog/recovery-page.ts';
import { parseSigningKey, publicKeyLine } from '../../../src/catalog/signing.ts';
import { id, sampleManifest } from './sample.ts';

/** A key for tests; nothing else was ever signed by it. */
export const testKey = parseSigningKey(
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n',
);
export const passphrase = 'correct horse battery staple';

export const manifest = sampleManifest({
  tags: ['before-migration'],
  warnings: ['tar: a file changed as it was read'],
  keys: [
    { type: 'aes', id: 'backup-key' },
    { type: 'gpg', id: 'ops', recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'] },
  ],
  previous: { id: 'orders-20261120T020000Z-abc122', sha256: '1'.repeat(64) },
});

const [only] = manifest.artifacts;
const { plainSize: _size, recovery: _recovery, ...rest } = manifest;

/** A backup of a server in three artifacts, in a consistency group. */
export const partsManifest: Manifest = {
  ...rest,
  id: 'server-20261121T020000Z-k3x9qd',
  backup: 'server',
  source: { type: 'postgres', name: 'server', argv: [], version: '15.18' },
  plainSize: 5120,
  artifacts: [
    {
      ...only!,
      name: 'Orders "2"',
      key: 'shop/server/2026/11/server-20261121T020000Z-k3x9qd.=4frders=20=222=22.dump.zst',
      argv: ['pg_dump', '-Fc', '-Z0', '--dbname=Orders "2"'],
      plainSize: 4096,
      recovery: ['zstd -dc ARTIFACT | pg_restore --dbname=NEW_DATABASE'],
      facts: { position: '0/16B3748' },
    },
    {
      ...only!,
      name: 'globals',
      key: 'shop/server/2026/11/server-20261121T020000Z-k3x9qd.globals.dump.zst',
      argv: ['pg_dump', '-Fc', '-Z0', '--dbname=globals'],
      plainSize: null,
      recovery: ['zstd -dc ARTIFACT | pg_restore --dbname=NEW_DATABASE'],
    },
    {
      ...only!,
      name: 'globals',
      purpose: 'globals',
      key: 'shop/server/2026/11/server-20261121T020000Z-k3x9qd.=globals.sql.zst',
      argv: ['pg_dumpall', '--globals-only'],
      plainSize: 1024,
      recovery: ['zstd -dc ARTIFACT | psql'],
    },
  ],
  recovery: [],
  set: { name: 'shop', id: '20261121T015959Z-k3x9qd', members: ['server', 'uploads'] },
};

export const record: FindingRecord = {
  format: Format.record,
  id,
  finding: 'restore',
  result: 'fail',
  time: '2026-11-21T03:00:00.000Z',
  run: manifest.run,
  manifest: '2'.repeat(64),
  destination: 'main',
  message: 'select count(*) from customers: 0, at least 1 was expected',
  details: { seconds: 4.5 },
};

export const journal: Journal = {
  format: Format.journal,
  run: manifest.run,
  backup: 'orders',
  id,
  started: '2026-11-21T02:00:00.000Z',
  artifacts: [{ key: manifest.artifacts[0]!.key, attempt: 'k3j9x2' }],
  manifestKey: manifestKey('shop', id),
};

export const tombstone: Tombstone = {
  format: Format.tombstone,
  run: manifest.run,
  time: '2026-11-22T02:00:00.000Z',
  deleted: [
    {
      id,
      manifestKey: manifestKey('shop', id),
      artifactKeys: [manifest.artifacts[0]!.key],
      reasons: ['no rule keeps it'],
    },
  ],
};

export const removed: Removed = { format: Format.removed, run: manifest.run, time: '2026-11-22T02:00:01.000Z' };

export const lease: Lease = {
  format: Format.lease,
  run: manifest.run,
  host: 'db1',
  bootId: '8f1b1f6e-0000-4000-8000-000000000000 pid:[4026531836]',
  pid: 4711,
  pidStart: '123456',
  acquired: '2026-11-21T02:00:00.000Z',
  beat: 3,
  released: '2026-11-21T02:01:00.000Z',
};

export const shelf: ShelfFormat = {
  format: Format.shelf,
  layout: 1,
  'plan-id': 'shop',
  created: '2026-01-01T00:00:00.000Z',
};

/** What writing gives today, by the name of the golden file. */
export async function writings(): Promise<Record<string, Uint8Array>> {
  const sealed = await sealManifest(manifest, { sign: testKey });
  const newest = { manifest, sha256: sealed.sha256 };
  const page = renderRecovery({
    plan: 'shop',
    place: '/srv/backups',
    now: new Date('2026-11-21T03:00:00Z'),
    backups: [{ name: 'orders', newest, good: 12, oldest: '2026-01-01T02:00:00.000Z' }],
    fetch: (key) => `cp /srv/backups/${key} .`,
    publicKey: testKey.publicKey,
  });
  const parts = await sealManifest(partsManifest);
  return {
    'manifest.json': sealed.bytes,
    'manifest.json.sig': sealed.signature!,
    'manifest-mac.json': Buffer.from(await withMac(manifest, { passphrase, iterations: 600_000 }, Buffer.alloc(16, 7))),
    'manifest-parts.json': parts.bytes,
    'signer.pub': Buffer.from(`${publicKeyLine(testKey.publicKey)}\n`),
    'record.json': canonicalBytes(record),
    'journal.json': canonicalBytes(journal),
    'tombstone.json': canonicalBytes(tombstone),
    'removed.json': canonicalBytes(removed),
    'lease.json': canonicalBytes(lease),
    'shelf-format.json': canonicalBytes(shelf),
    'RECOVERY.md': Buffer.from(page),
  };
}
