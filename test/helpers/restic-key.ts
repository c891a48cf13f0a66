/**
 * Makes a restic repository's key quick to derive. Restic takes a tenth of a second of the processor for it at each call, on
 * purpose; the tests call it thousands of times, and none of them is about how hard a password is to guess.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scryptSync } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type KeyFile = { N: number; r: number; p: number; salt: string; data: string };

/** Replaces the one key of a repository by one that the same password opens at once. */
export function quicken(folder: string, password: string): void {
  const keys = join(folder, 'keys');
  const [name] = readdirSync(keys);
  const file: KeyFile = JSON.parse(readFileSync(join(keys, name!), 'utf8'));
  const sealed = Buffer.from(file.data, 'base64');
  const [iv, text] = [sealed.subarray(0, 16), sealed.subarray(16, -16)];
  const old = derive(password, file);
  const master = createDecipheriv('aes-256-ctr', old.subarray(0, 32), iv).update(text);

  const quick = { ...file, N: 2, r: 1, p: 1 };
  const key = derive(password, quick);
  const nonce = randomBytes(16);
  const hidden = createCipheriv('aes-256-ctr', key.subarray(0, 32), nonce).update(master);
  const tag = authenticate(hidden, nonce, key.subarray(32));
  const bytes = JSON.stringify({ ...quick, data: Buffer.concat([nonce, hidden, tag]).toString('base64') });
  writeFileSync(join(keys, createHash('sha256').update(bytes).digest('hex')), bytes, { mode: 0o600 });
  rmSync(join(keys, name!), { force: true });
}

function derive(password: string, { N, r, p, salt }: KeyFile): Buffer {
  return scryptSync(password, Buffer.from(salt, 'base64'), 64, { N, r, p, maxmem: 2 ** 30 });
}

/** Poly1305-AES: `key` is AES's sixteen bytes, and the sixteen of which the multiplier is made. */
function authenticate(bytes: Buffer, nonce: Buffer, key: Buffer): Buffer {
  const pad = createCipheriv('aes-128-ecb', key.subarray(0, 16), null).update(nonce);
  const multiplier = number(key.subarray(16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let start = 0; start < bytes.length; start += 16) {
    const block = Buffer.concat([bytes.subarray(start, start + 16), Buffer.from([1])]);
    sum = ((sum + number(block)) * multiplier) % (2n ** 130n - 5n);
  }
  const hex = BigInt.asUintN(128, sum + number(pad))
    .toString(16)
    .padStart(32, '0');
  return Buffer.from(hex, 'hex').reverse();
}

/** Of bytes whose first is the least. */
function number(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
