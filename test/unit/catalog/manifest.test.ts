import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalText, Damaged, MadeByNewer } from '../../../src/catalog/document.ts';
import type { Manifest } from '../../../src/catalog/format.ts';
import { manifestKey } from '../../../src/catalog/keys.ts';
import { authenticate, parseManifest, readManifest, sealManifest, sha256Of } from '../../../src/catalog/manifest.ts';
import {
  parsePublicKeys,
  parseSigningKey,
  publicKeyLine,
  signatureProblem,
  signMessage,
} from '../../../src/catalog/signing.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { has } from '../../helpers/programs.ts';
import { id, sampleManifest } from './sample.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-manifest-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const iterations = 1000;
const passphrase = 'correct horse';
const pem = () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

describe('a sealed manifest', () => {
  it('is the same bytes whatever the order of its members, with unknown ones kept', async () => {
    const manifest = sampleManifest();
    const shuffled = Object.fromEntries(Object.entries(manifest).reverse()) as Manifest;
    const [one, two] = [await sealManifest(manifest), await sealManifest(shuffled)];
    expect(Buffer.from(one.bytes).equals(two.bytes)).toBe(true);
    expect(one.sha256).toBe(createHash('sha256').update(one.bytes).digest('hex'));
    const future = await sealManifest({ ...manifest, zebra: { b: 1, a: [null] } } as Manifest);
    expect(parseManifest(future.bytes, 'it')).toMatchObject({ zebra: { b: 1, a: [null] } });
    expect(canonicalText({ b: 1, id: 2, a: 3 })).toBe('{\n  "id": 2,\n  "a": 3,\n  "b": 1\n}\n');
  });

  it('is read back, and only under its own name', async () => {
    const destination = new MemoryDestination('main');
    const sealed = await sealManifest(sampleManifest());
    await destination.write(manifestKey('shop', id), sealed.bytes);
    expect(await readManifest(destination, manifestKey('shop', id))).toMatchObject({
      manifest: sampleManifest(),
      sha256: sealed.sha256,
    });
    const other = manifestKey('shop', 'orders-20261121T020000Z-zzzzzz');
    await destination.write(other, sealed.bytes);
    await expect(readManifest(destination, other)).rejects.toThrow(/speaks of orders-20261121T020000Z-abc123/);
  });

  it('of a newer major version is left alone, and nothing else passes for one', async () => {
    const text = canonicalText(sampleManifest());
    const as = (format: string) => () => parseManifest(Buffer.from(text.replace('runner/manifest@1', format)), 'it');
    expect(as('runner/manifest@2')).toThrow(MadeByNewer);
    expect(as('runner/record@1')).toThrow(Damaged);
    expect(as('runner/manifest@')).toThrow(Damaged);
  });

  it('cut anywhere is found', async () => {
    const { bytes } = await sealManifest(sampleManifest());
    // Only the last line feed may go without taking meaning with it; its hash in the records tells.
    for (let length = 0; length < bytes.length - 1; length += 1) {
      expect(() => parseManifest(bytes.subarray(0, length), 'it'), `${length} bytes`).toThrow(Damaged);
    }
  });

  const hostile: [string, (manifest: Record<string, unknown>) => void][] = [
    ['an artifact outside', (m) => Object.assign((m.artifacts as { key: string }[])[0]!, { key: '../../etc/passwd' })],
    ['an absolute artifact', (m) => Object.assign((m.artifacts as { key: string }[])[0]!, { key: '/etc/passwd' })],
    [
      'an artifact of another backup',
      (m) =>
        Object.assign((m.artifacts as { key: string }[])[0]!, {
          key: 'shop/orders/2026/11/orders-20261121T030000Z-zzzzzz.tar',
        }),
    ],
    ['a size that is none', (m) => Object.assign((m.artifacts as object[])[0]!, { size: -1 })],
    ['a size as text', (m) => Object.assign((m.artifacts as object[])[0]!, { size: '12' })],
    ['a short hash', (m) => Object.assign((m.artifacts as object[])[0]!, { sha256: 'abc' })],
    ['artifacts that are no list', (m) => Object.assign(m, { artifacts: {} })],
    ['no id', (m) => delete m.id],
    ['an id of another backup', (m) => Object.assign(m, { backup: 'other' })],
    ['a climbing plan', (m) => Object.assign(m, { plan: { name: '../shop', digest: 'x' } })],
    ['a time that is none', (m) => Object.assign(m, { moment: { from: 'yesterday', to: 'today' } })],
    [
      'endless iterations',
      (m) =>
        Object.assign(m, {
          mac: {
            alg: 'hmac-sha256',
            kdf: 'pbkdf2-sha256',
            salt: 'ab'.repeat(16),
            iterations: 1e15,
            value: 'a'.repeat(64),
          },
        }),
    ],
    [
      'an inherited id',
      (m) => {
        delete m.id;
        Object.defineProperty(m, '__proto__', { value: { id }, enumerable: true });
      },
    ],
  ];
  it.each(hostile)('with %s is refused in one sentence', (_, spoil) => {
    const manifest = structuredClone(sampleManifest()) as unknown as Record<string, unknown>;
    spoil(manifest);
    expect(() => parseManifest(Buffer.from(JSON.stringify(manifest)), 'The manifest X')).toThrow(
      /^The manifest X is (damaged|refused): .*\.$/s,
    );
  });

  it('that is absurdly large is not read', async () => {
    const destination = new MemoryDestination('main');
    await destination.write(manifestKey('shop', id), Buffer.alloc(17 * 1024 * 1024, 'x'));
    await expect(readManifest(destination, manifestKey('shop', id))).rejects.toThrow(/bytes long/);
  });
});

describe('a manifest with a MAC', () => {
  const sealed = () => sealManifest(sampleManifest(), { mac: { passphrase, iterations } });
  const trusted = async (bytes: Uint8Array, secret = passphrase) => {
    const manifest = parseManifest(bytes, 'it');
    return await authenticate({ manifest, bytes, sha256: sha256Of(bytes) }, null, { passphrase: secret });
  };

  it('is proven by the passphrase, and by no other', async () => {
    const { bytes } = await sealed();
    expect(await trusted(bytes)).toBe('mac');
    await expect(trusted(bytes, 'wrong')).rejects.toThrow(/MAC does not fit/);
  });

  it('is not proven when a bit of it changed, wherever', async () => {
    const { bytes } = await sealed();
    for (let at = 0; at < bytes.length - 1; at += 3) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await expect(
        Promise.resolve().then(() => trusted(changed)),
        `byte ${at}`,
      ).rejects.toThrow();
    }
  });

  it('is not proven when something was added behind the MAC, or the MAC was taken away', async () => {
    const text = Buffer.from((await sealed()).bytes).toString();
    await expect(trusted(Buffer.from(text.replace(/\n}\n$/, ',\n  "host": "evil"\n}\n')))).rejects.toThrow(
      /does not stand/,
    );
    const { bytes } = await sealManifest(sampleManifest());
    await expect(trusted(bytes)).rejects.toThrow(/neither signature nor MAC/);
  });

  it.skipIf(!has('openssl'))('is checked by stock tools as the page says', async () => {
    const { bytes } = await sealed();
    const { mac } = parseManifest(bytes, 'it');
    await writeFile(join(folder, 'M'), bytes);
    const script = `
      { head -n -8 M | sed '$ s/,$//'; echo '}'; } > M.bare
      key=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt 'pass:${passphrase}' -kdfopt hexsalt:${mac!.salt} -kdfopt iter:${iterations} PBKDF2 | tr -d ':\n')
      openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" M.bare`;
    const child = spawnSync('sh', ['-ec', script], { cwd: folder, encoding: 'utf8' });
    expect(child.stdout, child.stderr).toContain(mac!.value);
  });
});

describe('a signature', () => {
  it('proves the bytes under the key that the plan trusts', async () => {
    const key = parseSigningKey(pem());
    const sealed = await sealManifest(sampleManifest(), { sign: key });
    const read = { manifest: sampleManifest(), bytes: sealed.bytes, sha256: sealed.sha256 };
    const publicKeys = parsePublicKeys(`# ours\n${publicKeyLine(key.publicKey)} ops@shop\n`);
    expect(await authenticate(read, sealed.signature, { publicKeys })).toBe('signature');
    const stranger = [parseSigningKey(pem()).publicKey];
    await expect(authenticate(read, sealed.signature, { publicKeys: stranger })).rejects.toThrow(/does not trust/);
    await expect(authenticate(read, null, { publicKeys })).rejects.toThrow(/no signature/);
    const changed = Buffer.from(sealed.bytes);
    changed[100]! ^= 1;
    await expect(authenticate({ ...read, bytes: changed }, sealed.signature, { publicKeys })).rejects.toThrow(
      /does not fit/,
    );
  });

  it('that is damaged anywhere proves nothing, and never throws', () => {
    const key = parseSigningKey(pem());
    const message = Buffer.from('message');
    const signature = Buffer.from(signMessage(message, key));
    expect(signatureProblem(message, signature, [key.publicKey])).toBeNull();
    const begin = signature.indexOf('\n') + 1;
    const end = signature.indexOf('=') > 0 ? signature.indexOf('=') : signature.indexOf('\n-----END');
    for (let at = begin; at < end - 1; at += 1) {
      if (signature[at] === 10) continue;
      const changed = Buffer.from(signature);
      changed[at] = changed[at] === 65 ? 66 : 65;
      expect(signatureProblem(message, changed, [key.publicKey]), `character ${at}`).not.toBeNull();
    }
    expect(signatureProblem(message, Buffer.from('nonsense'), [key.publicKey])).toMatch(/damaged/);
  });

  describe.skipIf(!has('ssh-keygen'))('and the stock ssh-keygen', () => {
    const run = (command: string, input = '') =>
      spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', input });

    it('understand each other in both directions', async () => {
      expect(run('ssh-keygen -q -t ed25519 -N "" -C ops@shop -f key').status).toBe(0);
      const key = parseSigningKey(await readFile(join(folder, 'key')));
      const publicKeys = parsePublicKeys(await readFile(join(folder, 'key.pub'), 'utf8'));
      expect(Buffer.from(key.publicKey).equals(publicKeys[0]!)).toBe(true);
      const message = Buffer.from('a manifest\n');
      await writeFile(join(folder, 'message'), message);
      await writeFile(join(folder, 'ours.sig'), signMessage(message, key));
      await writeFile(join(folder, 'allowed_signers'), `shop ${publicKeyLine(key.publicKey)}\n`);
      const verify = 'ssh-keygen -Y verify -f allowed_signers -I shop -n runner-manifest@v1 -s ours.sig';
      expect(run(`${verify} < message`).stdout).toMatch(/^Good "runner-manifest@v1" signature for shop/);
      expect(run(verify, 'another message\n').status).not.toBe(0);
      expect(run('ssh-keygen -q -Y sign -f key -n runner-manifest@v1 message').status).toBe(0);
      expect(signatureProblem(message, await readFile(join(folder, 'message.sig')), publicKeys)).toBeNull();
      expect(run('rm message.sig; ssh-keygen -q -Y sign -f key -n file message').status).toBe(0);
      expect(signatureProblem(message, await readFile(join(folder, 'message.sig')), publicKeys)).toMatch(
        /another purpose/,
      );
    });

    it('a key under a passphrase, or of another kind, is refused in one sentence', async () => {
      run('ssh-keygen -q -t ed25519 -N secret -f sealed; ssh-keygen -q -t ecdsa -N "" -f ecdsa');
      const sealed = await readFile(join(folder, 'sealed'));
      expect(() => parseSigningKey(sealed)).toThrow(/protected by a passphrase; an unencrypted Ed25519 key is needed/);
      const ecdsa = await readFile(join(folder, 'ecdsa'), 'utf8');
      expect(() => parseSigningKey(ecdsa)).toThrow(/type ecdsa-sha2-nistp256/);
      const publicText = await readFile(join(folder, 'ecdsa.pub'), 'utf8');
      expect(() => parsePublicKeys(publicText)).toThrow(/ssh-ed25519/);
      expect(() => parseSigningKey('hunter2')).toThrow(/^(?!.*hunter2).*cannot be read/);
    });
  });
});
