/**
 * The MAC of a manifest whose artifact is sealed by a passphrase. It is HMAC-SHA-256 over the bytes of the file as they would
 * be without the `mac` member, which always stands last. A person takes them out with
 * `{ head -n -8 FILE | sed '$ s/,$//'; echo '}'; }`; the key is PBKDF2-SHA-256 (32 bytes) of the passphrase with the MAC's own
 * salt, as costly to guess as the artifact's own key.
 */
import { createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { canonicalText } from './document.ts';
import type { Manifest } from './format.ts';

export type MacKey = { passphrase: string; iterations: number };
type Mac = NonNullable<Manifest['mac']>;

const derive = promisify(pbkdf2);
/** More would let a hostile manifest keep the processor busy for minutes. */
export const mostIterations = 20_000_000;

/** The text of a manifest with its MAC. */
export async function withMac(manifest: Manifest, key: MacKey, salt: Uint8Array = randomBytes(16)): Promise<string> {
  const { mac: _, ...bare } = manifest;
  const text = canonicalText(bare);
  const parameters = { salt: Buffer.from(salt).toString('hex'), iterations: key.iterations };
  const value = (await macOf(text, key.passphrase, parameters)).toString('hex');
  return attached(text, { alg: 'hmac-sha256', kdf: 'pbkdf2-sha256', ...parameters, value });
}

/** Why a manifest's MAC does not prove its bytes, or null when it does. */
export async function macProblem(bytes: Uint8Array, mac: Mac, passphrase: string): Promise<string | null> {
  const text = Buffer.from(bytes).toString('utf8');
  const at = text.lastIndexOf(',\n  "mac": {');
  const bare = `${text.slice(0, at)}\n}\n`;
  // Whatever stood behind the MAC would not be covered by it.
  if (at < 0 || attached(bare, mac) !== text) return 'its MAC does not stand where it must';
  const wanted = await macOf(bare, passphrase, mac);
  const found = Buffer.from(mac.value, 'hex');
  const fits = found.length === wanted.length && timingSafeEqual(found, wanted);
  return fits ? null : 'its MAC does not fit: it was changed after it was made, or the passphrase is another one';
}

async function macOf(text: string, passphrase: string, derivation: Derivation): Promise<Buffer> {
  return createHmac('sha256', await keyOf(passphrase, derivation))
    .update(text)
    .digest();
}

type Derivation = { salt: string; iterations: number };

/** What a run has derived: all copies of a manifest have one salt, and each is opened several times. */
const derived = new Map<string, Promise<Buffer>>();

function keyOf(passphrase: string, { salt, iterations }: Derivation): Promise<Buffer> {
  const name = JSON.stringify([passphrase, salt, iterations]);
  const known = derived.get(name) ?? derive(passphrase, Buffer.from(salt, 'hex'), iterations, 32, 'sha256');
  derived.set(name, known);
  return known;
}

/** The bare text with the MAC as its last member. */
function attached(bare: string, { alg, kdf, salt, iterations, value }: Mac): string {
  const member = canonicalText({ alg, kdf, salt, iterations, value }).trimEnd().replaceAll('\n', '\n  ');
  return `${bare.slice(0, -3)},\n  "mac": ${member}\n}\n`;
}
