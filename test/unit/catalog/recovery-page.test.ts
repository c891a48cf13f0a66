import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { manifestKey, planKeys, signatureKey } from '../../../src/catalog/keys.ts';
import { sealManifest } from '../../../src/catalog/manifest.ts';
import { type RecoveryInput, renderRecovery, writeRecovery } from '../../../src/catalog/recovery-page.ts';
import { parseSigningKey, publicKeyLine } from '../../../src/catalog/signing.ts';
import { local } from '../../../src/destinations/local/index.ts';
import { opening } from '../../helpers/opening.ts';
import { has } from '../../helpers/programs.ts';
import { sampleManifest } from './sample.ts';

const made: string[] = [];
const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'runner-recovery-'));
  made.push(path);
  return path;
};
afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

const data = Buffer.from('the data of the shop\n');

/** A shelf with one backup and its page, signed. */
async function shelf() {
  const root = join(await folder(), "it's a shelf");
  const destination = await local.open('disk', { path: root }, opening());
  const key = parseSigningKey(
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  );
  const gzipped = spawnSync('gzip', ['-c'], { input: data }).stdout;
  const base = sampleManifest();
  const artifact = {
    ...base.artifacts[0]!,
    size: gzipped.length,
    sha256: createHash('sha256').update(gzipped).digest('hex'),
  };
  const keys = [{ type: 'gpg', id: 'backup-key', recipients: ['ABCD1234'] }];
  const manifest = sampleManifest({ artifacts: [artifact], keys, recovery: ['gzip -dc < ARTIFACT > orders.sqlite'] });
  const sealed = await sealManifest(manifest, { sign: key });
  await destination.write(artifact.key, gzipped);
  await destination.write(signatureKey('shop', manifest.id), sealed.signature!);
  await destination.write(manifestKey('shop', manifest.id), sealed.bytes);
  const input: RecoveryInput = {
    plan: 'shop',
    place: root,
    now: new Date('2026-11-21T03:00:00Z'),
    backups: [
      { name: 'orders', newest: { manifest, sha256: sealed.sha256 }, good: 12, oldest: '2026-01-01T02:00:00.000Z' },
      { name: 'files', newest: null, good: 0, oldest: null },
    ],
    fetch: (name) => local.fetch({ path: root }, name),
    publicKey: key.publicKey,
  };
  return { root, destination, key, input };
}

/** The shell blocks of a page, as a person would copy them. */
function blocks(page: string): string[] {
  return [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!);
}

describe('RECOVERY.md', () => {
  it('names what is here and which keys are needed, and opens with the check of its signature', async () => {
    const { input } = await shelf();
    const page = renderRecovery(input);
    expect(page).toMatch(
      /^Check first: `ssh-keygen -Y verify -f allowed_signers -I shop -n runner-manifest@v1 -s RECOVERY\.md\.sig < RECOVERY\.md`\n/,
    );
    expect(page).toContain(
      '| orders | `orders-20261121T020000Z-abc123` | 2026-11-21T02:00:08.000Z | 12 | 2026-01-01T02:00:00.000Z |',
    );
    expect(page).toContain('| files | none | - | 0 | - |');
    expect(page).toContain('- `orders`: gpg key `backup-key`, for `ABCD1234`');
    expect(page).not.toContain('ARTIFACT');
    expect(renderRecovery({ ...input, publicKey: null })).toMatch(/^# How to recover the backups of `shop` by hand\n/);
  });

  it.skipIf(!has('ssh-keygen', 'gzip', 'sha256sum'))(
    'gives commands that bring the data back, and that stop at a changed byte',
    async () => {
      const { root, destination, key, input } = await shelf();
      await writeRecovery(destination, input, key);
      const page = await readFile(join(root, planKeys.recovery('shop')), 'utf8');
      const work = await folder();
      await writeFile(join(work, 'allowed_signers'), `shop ${publicKeyLine(key.publicKey)}\n`);
      const sh = (script: string, cwd = work) => spawnSync('sh', ['-ec', script], { cwd, encoding: 'utf8' });
      const [, check] = /^Check first: `(.*)`/.exec(page)!;
      expect(sh(check!.replace('allowed_signers', join(work, 'allowed_signers')), join(root, 'shop')).stdout).toMatch(
        /^Good/,
      );
      const [script] = blocks(page);
      const done = sh(script!);
      expect(done.status, done.stderr).toBe(0);
      expect(await readFile(join(work, 'orders.sqlite'))).toEqual(data);
      await rm(join(work, 'orders.sqlite'));
      const artifact = join(root, input.backups[0]!.newest!.manifest.artifacts[0]!.key);
      const bytes = await readFile(artifact);
      bytes[10]! ^= 1;
      await writeFile(artifact, bytes, { mode: 0o600 });
      expect(sh(script!).status).not.toBe(0);
      expect(await readdir(work)).not.toContain('orders.sqlite');
    },
  );
});

it('gives the commands of each part, under its name', async () => {
  const { input } = await shelf();
  const { recovery: _, ...base } = sampleManifest();
  const [only] = base.artifacts;
  const part = (name: string, key: string, recovery: string) => ({ ...only!, name, key, recovery: [recovery] });
  const stem = only!.key.slice(0, -'.sqlite.zst'.length);
  const artifacts = [
    part('orders', `${stem}.orders.dump`, 'cat ARTIFACT > orders'),
    part('x\nrm -rf ~ #', `${stem}.odd.dump`, 'cat ARTIFACT > odd'),
  ];
  const manifest = { ...base, artifacts, recovery: [] };
  const backups = [{ name: 'orders', newest: { manifest, sha256: '' }, good: 1, oldest: null }];
  const page = renderRecovery({ ...input, backups });
  const steps = page.split('\n').filter((line) => /^(# orders|# x|cat |rm )/.test(line));
  const file = (name: string) => `${stem.slice(stem.lastIndexOf('/') + 1)}.${name}.dump`;
  expect(steps).toEqual(['# orders', `cat ${file('orders')} > orders`, '# x?rm -rf ~ #', `cat ${file('odd')} > odd`]);
});
