import { describe, expect, it } from 'vitest';
import { madeOf } from '../../../src/catalog/artifacts.ts';
import type { Artifact } from '../../../src/catalog/format.ts';
import { parseKey } from '../../../src/catalog/keys.ts';
import { artifactKey, claimProblem } from '../../../src/catalog/layout.ts';
import { decodePart, decodeSuffix, encodePart, partSuffix } from '../../../src/catalog/part-name.ts';
import { id, sampleManifest } from './sample.ts';

const odd = [
  'orders',
  'Orders',
  'ORDERS',
  'it\'s a "shop"; drop $TABLE `x`',
  '-rf',
  '--all',
  'a/b',
  '../../etc',
  '..',
  '.',
  '',
  ' ',
  'x\ny',
  'globals',
  'manifest',
  'Überraschung',
  'U\u0308berraschung',
  '数据库',
  '=67lobals',
  'gl=6fbals',
  'a.dump',
  'a.dump.zst',
  'x'.repeat(63),
  'é'.repeat(31),
  '数'.repeat(64),
  `${'数'.repeat(63)}据`,
  'é'.repeat(32),
  'y'.repeat(300),
  `${'y'.repeat(299)}Y`,
];

describe('names of parts in keys', () => {
  it('are safe file names, unique also where case does not count, and shorter than a name may be', () => {
    const words = odd.map(encodePart);
    for (const word of words) {
      expect(word).toMatch(/^[a-z0-9_=-]+$/);
      expect(word.length).toBeLessThanOrEqual(130);
    }
    expect(new Set(words.map((word) => word.toLowerCase())).size).toBe(odd.length);
    expect(words).not.toContain(partSuffix({ name: 'globals', purpose: 'globals' }).slice(1));
  });

  it('can be read back, but for those that were too long', () => {
    for (const name of odd.filter((one) => Buffer.byteLength(one) <= 64))
      expect([name, decodePart(encodePart(name))]).toEqual([name, name]);
    expect(decodePart(encodePart('x'.repeat(63)))).toBe('x'.repeat(63));
    expect(decodePart(encodePart('y'.repeat(300)))).toBeNull();
    expect(decodeSuffix('.=globals')).toEqual({ name: 'globals', purpose: 'globals' });
    expect(decodeSuffix(partSuffix({ name: 'globals', purpose: 'data' }))).toEqual({
      name: 'globals',
      purpose: 'data',
    });
    expect(['Orders', 'a.b', 'x=', 'x=4', '=globals'].map(decodePart)).toEqual([null, null, null, null, null]);
  });

  it('a single artifact has none, so that its key is what it always was', () => {
    expect(partSuffix({ name: null, purpose: 'data' })).toBe('');
  });
});

const place = { plan: 'shop', id, extension: '.dump.zst', tier: null, timezone: 'UTC' };
const layouts = [null, '{backup}/{id}.{ext}', 'all/{timestamp}', '{backup}.{timestamp}{ext}', 'x/{id}-data{ext}'];

describe('keys of parts', () => {
  it.each(layouts)('with the layout %s differ from each other and belong to their backup', (layout) => {
    const keys = odd.map((name) => artifactKey(layout, { ...place, part: partSuffix({ name, purpose: 'data' }) }));
    keys.push(artifactKey(layout, { ...place, part: partSuffix({ name: 'globals', purpose: 'globals' }) }));
    keys.push(artifactKey(layout, place));
    expect(new Set(keys.map((key) => key.toLowerCase())).size).toBe(keys.length);
    for (const key of keys) expect(claimProblem('shop', id, key)).toBeNull();
    if (layout === null) for (const key of keys) expect(parseKey('shop', key).kind).toBe('artifact');
  });

  it.each(layouts)('with the layout %s tell the extension of the plain stream again', (layout) => {
    const stages = [{ type: 'zstd', extension: '.zst', parameters: {}, argv: [], seconds: 0 }];
    for (const part of [null, ...odd]) {
      const key = artifactKey(layout, { ...place, part: partSuffix({ name: part, purpose: 'data' }) });
      const artifact: Artifact = {
        ...sampleManifest().artifacts[0]!,
        ...(part === null ? {} : { name: part }),
        key,
        stages,
      };
      const { extension } = madeOf(sampleManifest({ artifacts: [artifact] }), artifact);
      expect([part, extension]).toEqual([part, layout?.includes('ext') === false ? '' : '.dump']);
    }
  });
});
