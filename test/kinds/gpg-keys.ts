import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey } from 'openpgp';
import { temporary } from './temporary.ts';

export type KeyPair = { publicFile: string; privateFile: string; fingerprint: string };
/** `days`: until it expires; `subkeyDays`: until its subkey for encryption does. */
type Options = { passphrase?: string; signOnly?: boolean; expired?: boolean; days?: number; subkeyDays?: number };

export const keyPassphrase = 'the key\'s own "passphrase"';
const day = 86_400;

/** Key files in a directory of their own; no keyring is touched. */
export async function makeKey(name: string, options: Options = {}): Promise<KeyPair> {
  const directory = temporary();
  const { publicKey, privateKey } = await generateKey({
    type: 'rsa',
    rsaBits: 2048,
    userIDs: [{ name, email: `${name}@example.org` }],
    format: 'object',
    ...(options.passphrase ? { passphrase: options.passphrase } : {}),
    ...(options.signOnly ? { subkeys: [{ sign: true }] } : {}),
    ...(options.days ? { keyExpirationTime: options.days * day } : {}),
    ...(options.subkeyDays ? { subkeys: [{ keyExpirationTime: options.subkeyDays * day }] } : {}),
    ...(options.expired ? { date: new Date(Date.now() - 3 * day * 1000), keyExpirationTime: day } : {}),
  });
  const publicFile = join(directory, `${name}.asc`);
  const privateFile = join(directory, `${name}.key`);
  writeFileSync(publicFile, publicKey.armor());
  writeFileSync(privateFile, privateKey.armor(), { mode: 0o600 });
  return { publicFile, privateFile, fingerprint: publicKey.getFingerprint().toUpperCase() };
}

/** A keyring with these private keys in it; `end` ends its agent. */
export function makeKeyring(files: string[]): { home: string; end(): void } {
  const home = join(temporary(), 'r');
  mkdirSync(home, { mode: 0o700 });
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, ['--homedir', home, ...args], { stdio: 'pipe', env: { PATH: process.env.PATH } });
  if (files.length > 0) run('gpg', '--batch', '--no-options', '--import', ...files);
  return { home, end: () => void run('gpgconf', '--kill', 'all') };
}
