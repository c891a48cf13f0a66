import type { Key } from 'openpgp';
import type { Inspection, ReadFile } from '../../kind.ts';
import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';
import { isFile, isSymmetric, type KeyFacts } from './spec.ts';

type Use = 'encrypt' | 'sign';

/** Reads one key out of a file, armored or binary. Throws a sentence when it cannot serve. */
async function readKey(file: string, use: Use, read: ReadFile): Promise<KeyFacts> {
  const { key, fingerprint } = await onlyKey(file, read);
  if (use === 'encrypt' && key.isPrivate())
    throw new Error(`${file} holds a private key: name a file with the public key instead (gpg --export)`);
  if (use === 'sign' && !key.isPrivate()) throw new Error(`${file} holds no private key to sign with`);
  if (await key.isRevoked()) throw new Error(`the key ${fingerprint} in ${file} is revoked`);
  const end = await key.getExpirationTime().catch(() => null);
  if (end instanceof Date && end.getTime() <= Date.now())
    throw new Error(`the key ${fingerprint} in ${file} expired on ${day(end)}: extend it, or name another`);
  const used = await (use === 'encrypt' ? key.getEncryptionKey() : key.getSigningKey()).catch(() => {
    throw new Error(`the key ${fingerprint} in ${file} cannot ${use}: it has no valid subkey for that`);
  });
  // A subkey may end before the key that it belongs to.
  const ends = [end, await used.getExpirationTime()].filter((date) => date instanceof Date);
  const expires = ends.toSorted((left, right) => left.getTime() - right.getTime())[0];
  return {
    file,
    fingerprint,
    ids: key.getKeyIDs().map((id) => id.toHex().toUpperCase()),
    users: key.getUserIDs(),
    ...(expires ? { expires: expires.toISOString() } : {}),
  };
}

const day = (date: Date) => date.toISOString().slice(0, 10);

async function onlyKey(file: string, read: ReadFile): Promise<{ key: Key; fingerprint: string }> {
  const bytes = await read(file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'it is not there; `gpg --armor --export` writes it' : error.message;
    throw new Error(`the key file ${file} cannot be read: ${why}`);
  });
  const { readKeys } = await import('openpgp');
  const armored = Buffer.from(bytes).includes('-----BEGIN PGP');
  const keys = await (armored
    ? readKeys({ armoredKeys: Buffer.from(bytes).toString() })
    : readKeys({ binaryKeys: bytes })
  ).catch(() => []);
  const [key, ...more] = keys;
  if (!key) throw new Error(`${file} holds no key of OpenPGP`);
  // gpg takes only the first of a file, silently.
  if (more.length > 0) throw new Error(`${file} holds ${keys.length} keys: write one file for each`);
  return { key, fingerprint: key.getFingerprint().toUpperCase() };
}

/** Reads the key files of a spec: who can open it, until when, and what is wrong with them. */
export async function inspect(spec: GpgSpec, read: ReadFile): Promise<Inspection> {
  const problems: { message: string }[] = [];
  const look = async (file: string, use: Use) =>
    readKey(file, use, read).catch((error: Error) => {
      problems.push({ message: `gpg: ${error.message}` });
      return null;
    });
  const recipients: KeyFacts[] = [];
  for (const file of (spec.recipients ?? []).filter(isFile)) {
    const facts = await look(file, 'encrypt');
    if (facts) recipients.push(facts);
  }
  const signer = spec['sign-with'];
  const signing = signer && isFile(signer) ? await look(signer, 'sign') : null;
  if (signer && isFile(signer) && !isSymmetric(spec) && spec.recipients!.some((key) => !isFile(key)))
    problems.push({
      message:
        'gpg: `sign-with` names a file and `recipients` a key of the keyring: write all as files, or the signer as a fingerprint',
    });
  return { problems, data: { recipients, ...(signing ? { signer: signing } : {}) } };
}
