/**
 * What a prune keeps and deletes does not hang on how a server cuts its list into pages: by objects, and by versions. `PROOF=full`: 25,000
 * keys, pages of 7 and of 1,000; else 1,200.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeShelf } from '../../src/catalog/items.ts';
import { manifestKey, recordKey } from '../../src/catalog/keys.ts';
import { readShelf } from '../../src/catalog/shelf.ts';
import type { S3Spec } from '../../src/destinations/s3/index.ts';
import { decide } from '../../src/retention/decide.ts';
import type { RetentionPolicy } from '../../src/retention/policy.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { fill, openAt } from '../kinds/s3-bench.ts';
import { idAt } from './shelf.ts';
import { full, printTable, proofTimeout } from './support.ts';

const keyCount = full ? 25_000 : 1200;
const hour = 3_600_000;
const policy: RetentionPolicy = {
  last: 3,
  tiers: { daily: { count: 10 }, weekly: { count: 8 }, monthly: { count: 12 } },
  tags: [],
  floor: 1,
  weekStarts: 'monday',
};

/** An artifact, a manifest and what was found of it; every tenth is not proven, and every 25th was never committed. */
function shelfKeys(): { keys: string[]; committed: number } {
  const keys: string[] = [];
  let committed = 0;
  for (let index = 0; keys.length < keyCount; index += 1) {
    const time = new Date(Date.UTC(2026, 10, 20) - index * 5 * hour);
    const id = idAt('orders', time, index);
    const manifest = manifestKey('shop', id);
    keys.push(manifest.replace('.manifest.json', '.bin'));
    if (index % 25 === 24) continue;
    committed += 1;
    keys.push(manifest);
    const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '');
    if (index % 10 !== 9) keys.push(recordKey('shop', id, 'checksum', 'pass', stamp, 'laid00'));
  }
  return { keys, committed };
}

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  const rows: Record<string, string | number>[] = [];
  let server: S3Server;
  let bucket: string;
  const { keys, committed } = shelfKeys();
  beforeAll(async () => {
    if (!hasEngine(engine)) return;
    server = await startS3(engine);
    bucket = await server.bucket({ versioned: true });
    await fill(server, keys, bucket);
  }, proofTimeout);
  afterAll(async () => {
    if (rows.length > 0) printTable(`${keys.length} keys at ${engine}`, rows);
    await server?.stop();
  }, proofTimeout);

  async function decided(spec: Partial<S3Spec>, pageSize: number) {
    const store = await openAt(server, { bucket, ...spec }, { pageSize });
    const began = performance.now();
    const shelf = await readShelf(store, 'shop', null);
    const judged = await judgeShelf(shelf, store, 'orders', { required: ['checksum'], tags: false, now: new Date() });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    await store.close();
    const decision = decide(
      policy,
      'Europe/Berlin',
      judged.map(({ item }) => item),
    );
    const { length: kept } = decision.keep;
    rows.push({
      list: 'append-only' in spec ? 'versions' : 'objects',
      page: pageSize,
      seconds,
      kept,
      deleted: decision.delete.length,
    });
    return { decision, digest: shelf.digest, orphans: shelf.orphans };
  }

  it.skipIf(!hasEngine(engine)).each([
    ['objects', {}],
    ['versions', { 'append-only': true }],
  ] as const)(
    'keeps and deletes the same at any size of a page, by %s',
    async (_, spec) => {
      const [small, large] = [await decided(spec, 7), await decided(spec, 1000)];
      expect(small).toEqual(large);
      expect(large.decision.keep.length + large.decision.delete.length).toBe(committed);
      expect(large.decision.delete.length).toBeGreaterThan(committed / 2);
      expect(large.orphans.length).toBeGreaterThan(0);
    },
    proofTimeout,
  );
});
