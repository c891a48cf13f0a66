/** Manifests that somebody else wrote: with records that agree, since who owns the store can write those too. */
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Manifest } from '../../src/catalog/format.ts';
import { manifestKey } from '../../src/catalog/keys.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { type Chain, makeChain } from './chains.ts';
import { command } from './in-process.ts';
import { idAt, layAgain, modelOf } from './shelf.ts';
import { filesBelow, isSentence } from './support.ts';

const home = temporaryDirectory('runner-hostile-');
let chain: Chain;
beforeAll(async () => {
  chain = await makeChain('gzip', join(home.path, 'gzip'));
});
afterAll(() => home.remove());

/** Older than all others: a prune that took it for a good one would delete it, with whatever it names. */
const hostile = idAt('orders', new Date(Date.now() - 30 * 86_400_000), 30);

/** It came after the others, so that these did not overlook it. */
const arrived = new Date().toISOString();

type Changed = (manifest: Manifest) => unknown;
const naming =
  (key: string): Changed =>
  (manifest) => ({ artifacts: [{ ...manifest.artifacts[0]!, key }] });
const changes: [string, Changed][] = [
  ['a key that climbs', naming('../../outside.txt')],
  ['a key that climbs from its own folder', naming('shop/orders/../../../../outside.txt')],
  ['an absolute key', naming('/etc/hostname')],
  ['a key of another plan', naming('other/orders/2026/11/theirs.bin.gz')],
  ['a key of the book-keeping', naming('shop/.runner/format.json')],
  ["another backup's artifact", () => ({ artifacts: [{ ...chainManifest().artifacts[0]!, key: chain.artifact }] })],
  ['a key with a NUL', naming('shop/orders/\0')],
  ['a key of 5,000 characters', naming(`shop/${'a'.repeat(5000)}`)],
  ['an id of another backup', () => ({ id: idAt('payments', new Date(), 1) })],
  ['a size that is text', (manifest) => ({ artifacts: [{ ...manifest.artifacts[0]!, size: '12' }] })],
  ['a negative size', (manifest) => ({ artifacts: [{ ...manifest.artifacts[0]!, size: -1 }] })],
  ['artifacts that are no list', () => ({ artifacts: { length: 1 } })],
  ['stages that are no list', (manifest) => ({ artifacts: [{ ...manifest.artifacts[0]!, stages: 'gzip' }] })],
  ['a time that is none', () => ({ created: 'yesterday' })],
  ['times that are numbers', () => ({ moment: { from: 0, to: 1e300 } })],
  ['a hash of another length', (manifest) => ({ artifacts: [{ ...manifest.artifacts[0]!, sha256: 'abc' }] })],
];

const raw: [string, string | Buffer][] = [
  ['5 MB of it', JSON.stringify({ format: 'runner/manifest@1', id: 'x'.repeat(5_000_000) })],
  ['100,000 levels deep', '['.repeat(100_000)],
  ['no JSON at all', 'manifest'],
  ['empty', ''],
  ['null', 'null'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ['a prototype', '{"format":"runner/manifest@1","__proto__":{"id":"x"},"constructor":{"prototype":{}}}'],
];

function chainManifest(): Manifest {
  return JSON.parse(readFileSync(join(chain.root, 'disk', chain.manifest), 'utf8'));
}

/** A copy of the shelf with one manifest more, and things beside it that nobody may touch. */
async function laid(name: string, change: (root: string) => Promise<void>): Promise<{ plan: string; disk: string }> {
  const folder = join(home.path, name.replaceAll(/\W+/g, '-').slice(0, 60));
  await cp(chain.root, folder, { recursive: true });
  const disk = join(folder, 'disk');
  await writeFile(join(folder, 'outside.txt'), 'not yours');
  await mkdir(join(disk, 'other/orders/2026/11'), { recursive: true });
  await writeFile(join(disk, 'other/orders/2026/11/theirs.bin.gz'), 'not yours either');
  await change(disk);
  return { plan: join(folder, 'plan.yaml'), disk };
}

/** Every command that meets it ends with a sentence, and nothing but the hostile backup itself is ever removed. */
async function survives(plan: string, disk: string): Promise<void> {
  const before = filesBelow(join(disk, '..')).filter((file) => !file.includes(hostile));
  const listed = await command('list', plan, [], { json: true }, {});
  expect(listed.stderr, 'list').toSatisfy(isSentence);
  const verified = await command('verify', plan, [], { id: hostile }, {});
  expect(verified.exitCode, `verify: ${verified.stdout}${verified.stderr}`).toBeGreaterThan(0);
  expect(verified.exitCode, `verify: ${verified.stdout}${verified.stderr}`).not.toBe(3);
  expect(verified.stderr, 'verify').toSatisfy(isSentence);
  const to = join(disk, '..', 'restored');
  const restored = await command('restore', plan, ['orders'], { id: hostile, to }, {});
  expect(restored.exitCode, `restore: ${restored.stdout}${restored.stderr}`).toBeGreaterThan(0);
  expect(restored.exitCode, `restore: ${restored.stdout}${restored.stderr}`).not.toBe(3);
  expect(restored.stderr, 'restore').toSatisfy(isSentence);
  expect(existsSync(to)).toBe(false);
  const pruned = await command('prune', plan, [], { yes: true }, {});
  expect(pruned.exitCode, `prune: ${pruned.stderr}`).toBe(0);
  const after = new Set(filesBelow(join(disk, '..')));
  // Retention keeps two: the two oldest good ones of the chain go, and nothing else.
  const gone = before.filter((file) => !after.has(file) && !chain.ids.slice(0, 2).some((id) => file.includes(id)));
  expect(gone.filter((file) => !file.includes('/.runner/'))).toEqual([]);
  for (const id of chain.ids.slice(2)) expect(existsSync(join(disk, manifestKey('shop', id)))).toBe(true);
}

it.each(changes)(
  'with %s',
  async (name, change) => {
    const { plan, disk } = await laid(name, async (root) => {
      const model = await modelOf(root, 'shop', chain.ids[3]!);
      await layAgain(model, hostile, {
        change: { created: arrived, ...(change(model.manifest) as Partial<Manifest>) },
      });
    });
    await survives(plan, disk);
  },
  60_000,
);

it.each(raw)(
  'that is %s',
  async (name, text) => {
    const { plan, disk } = await laid(name, async (root) => {
      await layAgain(await modelOf(root, 'shop', chain.ids[3]!), hostile);
      await writeFile(join(root, manifestKey('shop', hostile)), text);
    });
    await survives(plan, disk);
  },
  60_000,
);

it('with fields of a newer minor version is as good as any other, and keeps them', async () => {
  const { plan, disk } = await laid('future fields', async (root) => {
    await layAgain(await modelOf(root, 'shop', chain.ids[3]!), hostile, {
      change: { created: arrived, future: { kept: true } } as object,
    });
  });
  const verified = await command('verify', plan, [], { id: hostile }, {});
  expect(verified.exitCode, verified.stderr).toBe(0);
  const kept = JSON.parse(readFileSync(join(disk, manifestKey('shop', hostile)), 'utf8'));
  expect(kept.future).toEqual({ kept: true });
  const pruned = await command('prune', plan, [], { yes: true }, {});
  expect(pruned.exitCode).toBe(0);
  expect(existsSync(join(disk, manifestKey('shop', hostile)))).toBe(false);
});

it('of a newer major version is present, never counted, swept or pruned', async () => {
  const { plan, disk } = await laid('future format', async (root) => {
    const model = await modelOf(root, 'shop', chain.ids[3]!);
    await layAgain(model, hostile, { change: { format: 'runner/manifest@2' } as object });
    // The newest of all as well: it must fill no slot.
    await layAgain(model, idAt('orders', new Date(Date.now() + 60_000), 77), {
      change: { format: 'runner/manifest@2' } as object,
      marks: [],
    });
  });
  const pruned = await command('prune', plan, [], { yes: true }, {});
  expect(pruned.exitCode, pruned.stderr).toBe(0);
  const left = filesBelow(disk).filter((file) => file.endsWith('.manifest.json') && !file.includes('/.runner/'));
  expect(left).toHaveLength(4);
  for (const id of [hostile, ...chain.ids.slice(2)])
    expect(existsSync(join(disk, manifestKey('shop', id))), id).toBe(true);
  const verified = await command('verify', plan, [], { id: hostile }, {});
  expect(verified.exitCode).toBeGreaterThan(0);
  expect(verified.stderr).toSatisfy(isSentence);
});
