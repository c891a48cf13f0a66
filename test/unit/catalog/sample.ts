/** Backups for shelves that tests lay out by hand. */
import { createHash } from 'node:crypto';
import { type Finding, type FindingResult, Format, type Manifest } from '../../../src/catalog/format.ts';
import { parseId } from '../../../src/catalog/identity.ts';
import { manifestKey } from '../../../src/catalog/keys.ts';
import { artifactKey } from '../../../src/catalog/layout.ts';
import { sealManifest } from '../../../src/catalog/manifest.ts';
import { writeFinding } from '../../../src/catalog/records.ts';
import type { Destination } from '../../../src/destination.ts';

export const id = 'orders-20261121T020000Z-abc123';

export function idAt(time: string, nonce = 'abc123', backup = 'orders'): string {
  return `${backup}-${time}-${nonce}`;
}

export function sampleManifest(change: Partial<Manifest> = {}, bytes: Buffer = Buffer.from('sealed bytes')): Manifest {
  const name = change.id ?? id;
  const identity = parseId(name)!;
  const key = artifactKey(null, { plan: 'shop', id: name, extension: '.sqlite.zst', tier: null, timezone: 'UTC' });
  return {
    format: Format.manifest,
    id: name,
    plan: { name: 'shop', digest: 'd'.repeat(64) },
    backup: identity.backup,
    purpose: 'backup',
    run: '20261121T015959Z-run001',
    created: '2026-11-21T02:00:09.000Z',
    host: 'db1',
    source: { type: 'sqlite', name: 'orders', argv: ['sqlite3', '-readonly', '/srv/orders.db'] },
    tools: { zstd: '*** zstd 1.5.4', sqlite3: '3.40.1' },
    runner: '0.1.0',
    moment: { from: '2026-11-21T02:00:00.000Z', to: '2026-11-21T02:00:08.000Z' },
    tiers: ['daily'],
    tags: [],
    required: ['content'],
    plainSize: 4096,
    seconds: 8.25,
    warnings: [],
    artifacts: [
      {
        purpose: 'data',
        variant: 'main',
        key,
        size: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        stages: [{ type: 'zstd', extension: '.zst', parameters: { level: 3 }, argv: ['zstd', '-3'], seconds: 7.5 }],
      },
    ],
    keys: [],
    sequence: 7,
    previous: null,
    recovery: ['zstd -dc ARTIFACT > orders.sqlite'],
    ...change,
  };
}

export type Laid = {
  id?: string;
  marks?: [Finding, FindingResult, string?][];
  change?: Partial<Manifest>;
  bytes?: Buffer;
};

/** Lays out one committed backup with its artifact and records; returns its id and the manifest's SHA-256. */
export async function layOut(
  destination: Destination,
  o: Laid = {},
): Promise<{ id: string; sha256: string; manifest: Manifest }> {
  const bytes = o.bytes ?? Buffer.from('sealed bytes');
  const manifest = sampleManifest({ ...o.change, id: o.id ?? id }, bytes);
  const sealed = await sealManifest(manifest);
  await destination.write(manifest.artifacts[0]!.key, bytes);
  await destination.write(manifestKey('shop', manifest.id), sealed.bytes);
  for (const [finding, result, time] of o.marks ?? [
    ['checksum', 'pass'],
    ['content', 'pass'],
  ]) {
    await writeFinding(destination, 'shop', {
      format: Format.record,
      id: manifest.id,
      finding,
      result,
      time: time ?? '2026-11-21T03:00:00.000Z',
      run: manifest.run,
      manifest: sealed.sha256,
      destination: destination.name,
    });
  }
  return { id: manifest.id, sha256: sealed.sha256, manifest };
}
