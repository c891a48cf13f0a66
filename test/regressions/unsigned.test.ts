import { expect, it } from 'vitest';
import { authenticate, parseManifest, sealManifest } from '../../src/catalog/manifest.ts';
import { sampleManifest } from '../unit/catalog/sample.ts';

it('a backup that is older than the signing of its plan is refused with the way to restore it', async () => {
  const { bytes, sha256 } = await sealManifest(sampleManifest(), { sign: null, mac: null });
  const read = { manifest: parseManifest(bytes, 'it'), bytes, sha256 };
  await expect(authenticate(read, null, { publicKeys: [new Uint8Array(32)] })).rejects.toThrow(
    /no signature.*take `signing` out of the plan/,
  );
  expect(await authenticate(read, null, {})).toBe('nothing');
});
