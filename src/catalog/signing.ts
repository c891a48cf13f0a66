/**
 * Signatures that the stock `ssh-keygen -Y verify` checks (SSHSIG, Ed25519, namespace `runner-manifest@v1`), made and checked
 * by node:crypto so that no program is needed. Format: PROTOCOL.sshsig of OpenSSH.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { RunnerError } from '../diagnostic.ts';
import { cursor, type KeyText, packed, pemBody } from './ssh-wire.ts';

export const signatureNamespace = 'runner-manifest@v1';

/** An Ed25519 key: 32 bytes of public key and the means to sign. */
export type SigningKey = { privateKey: KeyObject; publicKey: Uint8Array };

const keyType = 'ssh-ed25519';
const magic = Buffer.from('SSHSIG');
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex');
const wants = 'an unencrypted Ed25519 key is needed, as `ssh-keygen -t ed25519 -N "" -f FILE` makes it';

/** Reads a private key in OpenSSH's or PKCS8's form. Throws RunnerError; the key's text is never in its message. */
export function parseSigningKey(text: KeyText): SigningKey {
  const pem = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  try {
    const privateKey = pem.includes('BEGIN OPENSSH PRIVATE KEY') ? fromOpenSsh(pem) : createPrivateKey(pem);
    if (privateKey.asymmetricKeyType !== 'ed25519')
      throw new Error(`it is a key of type ${privateKey.asymmetricKeyType}`);
    return { privateKey, publicKey: rawPublic(createPublicKey(privateKey)) };
  } catch (error) {
    const why = error instanceof Error && error.message.startsWith('it is ') ? `${error.message}; ` : '';
    throw new RunnerError(`The signing key cannot be read: ${why}${wants}.`);
  }
}

function fromOpenSsh(pem: string): KeyObject {
  const outer = cursor(pemBody(pem, 'OPENSSH PRIVATE KEY'));
  outer.expect(Buffer.from('openssh-key-v1\0'));
  const cipher = outer.string().toString();
  if (cipher !== 'none') throw new Error('it is protected by a passphrase');
  outer.string();
  outer.string();
  if (outer.number() !== 1) throw new Error('it is more than one key');
  outer.string();
  const inner = cursor(outer.string());
  const check = inner.number();
  if (check !== inner.number()) throw new Error('it is damaged');
  const type = inner.string().toString();
  if (type !== keyType) throw new Error(`it is a key of type ${type}`);
  inner.string();
  const seed = inner.string().subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

/** Reads public keys: `ssh-ed25519 AAAA... comment` lines (one or more are trusted) or a PEM. Throws RunnerError. */
export function parsePublicKeys(text: KeyText): Uint8Array[] {
  const lines = (typeof text === 'string' ? text : Buffer.from(text).toString('utf8')).trim();
  try {
    if (lines.includes('BEGIN PUBLIC KEY')) return [rawPublic(createPublicKey(lines))];
    const keys = lines
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => publicFromBlob(Buffer.from(/(?:^|\s)ssh-ed25519 ([A-Za-z0-9+/=]+)/.exec(line)![1]!, 'base64')));
    if (keys.length > 0) return keys;
  } catch {
    // Told below: whatever was wrong, the remedy is the same.
  }
  throw new RunnerError(
    'The public signing key cannot be read: a line `ssh-ed25519 AAAA... NAME` is needed (the .pub file).',
  );
}

/** `ssh-ed25519 AAAA...`: what a person puts into an allowed signers file. */
export function publicKeyLine(publicKey: Uint8Array): string {
  return `${keyType} ${Buffer.from(packed(keyType, publicKey)).toString('base64')}`;
}

/** The armoured signature of a message: what `ssh-keygen -Y sign` would have written. */
export function signMessage(message: Uint8Array, key: SigningKey): Uint8Array {
  const signature = signBytes(null, toBeSigned(message, 'sha512', signatureNamespace), key.privateKey);
  const blob = Buffer.concat([
    magic,
    Buffer.from([0, 0, 0, 1]),
    packed(packed(keyType, key.publicKey), signatureNamespace, '', 'sha512', packed(keyType, signature)),
  ]);
  const body = blob.toString('base64').replace(/.{70}/g, '$&\n').trimEnd();
  return Buffer.from(`-----BEGIN SSH SIGNATURE-----\n${body}\n-----END SSH SIGNATURE-----\n`);
}

/** Why a signature does not prove a message under one of these keys, or null when it does. */
export function signatureProblem(
  message: Uint8Array,
  armoured: Uint8Array,
  trusted: readonly Uint8Array[],
): string | null {
  try {
    const blob = cursor(pemBody(Buffer.from(armoured).toString('latin1'), 'SSH SIGNATURE'));
    blob.expect(magic);
    if (blob.number() !== 1) return 'its signature is of an unknown version';
    const signer = publicFromBlob(blob.string());
    const namespace = blob.string().toString();
    blob.string();
    const hash = blob.string().toString();
    const inner = cursor(blob.string());
    if (namespace !== signatureNamespace)
      return `its signature was made for another purpose (${JSON.stringify(namespace)})`;
    if (hash !== 'sha512' && hash !== 'sha256') return 'its signature uses an unknown hash';
    if (inner.string().toString() !== keyType) return 'its signature is not of type Ed25519';
    if (!trusted.some((key) => Buffer.compare(key, signer) === 0))
      return 'it is signed by a key that the plan does not trust';
    const right = verifyBytes(null, toBeSigned(message, hash, namespace), publicObject(signer), inner.string());
    return right ? null : 'its signature does not fit: it was changed after it was signed';
  } catch {
    return 'its signature is damaged';
  }
}

function toBeSigned(message: Uint8Array, hash: string, namespace: string): Uint8Array {
  return Buffer.concat([magic, packed(namespace, '', hash, createHash(hash).update(message).digest())]);
}

function publicFromBlob(blob: Uint8Array): Uint8Array {
  const parts = cursor(blob);
  const type = parts.string().toString();
  const key = parts.string();
  if (type !== keyType || key.length !== 32) throw new Error('not an Ed25519 key');
  return key;
}

function publicObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' });
}

function rawPublic(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
  return key.export({ format: 'der', type: 'spki' }).subarray(-32);
}
