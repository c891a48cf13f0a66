import { readFile } from 'node:fs/promises';
import { signatureKey } from '../../catalog/keys.ts';
import { authenticate, type ReadManifest, type Trust } from '../../catalog/manifest.ts';
import { parsePublicKeys, parseSigningKey, type SigningKey } from '../../catalog/signing.ts';
import { type Destination, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { findTransform } from '../../registry.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';

/** Bytes; a signature has some 300. */
const signatureLimit = 64 * 1024;

/** The key that signs what this run writes, or null where the plan does not sign. */
export async function signingKey(run: RunContext): Promise<SigningKey | null> {
  const { signing } = run.plan;
  return signing ? parseSigningKey(await run.secrets.read(signing.key)) : null;
}

/** What a manifest of this backup must be proven by, after today's plan. */
export async function trustFor(run: RunContext, backup: string): Promise<Trust> {
  const { signing } = run.plan;
  if (!signing) return { passphrase: await passphraseOf(run, backup) };
  const text = await readFile(signing.public, 'utf8').catch((error: unknown) => {
    throw new RunnerError(`the public signing key ${signing.public} cannot be read: ${textOf(error)}`, {
      cause: error,
    });
  });
  return { publicKeys: parsePublicKeys(text), passphrase: await passphraseOf(run, backup) };
}

async function passphraseOf(run: RunContext, backup: string): Promise<string | null> {
  const transforms = run.plan.backups.find(({ name }) => name === backup)?.transforms ?? [];
  for (const { type, spec } of transforms) {
    const sealing = findTransform(type).passphrase?.(spec);
    if (sealing) return await run.secrets.read(sealing.secret);
  }
  return null;
}

/** A manifest that the keys at hand do not prove: it was changed, or they are other keys. */
export class NotProven extends RunnerError {
  override readonly name = 'NotProven';
}

/** Throws NotProven unless a manifest is by whom the plan says. */
export async function prove(read: ReadManifest, destination: Destination, trust: Trust, plan: string): Promise<void> {
  const key = signatureKey(plan, read.manifest.id);
  const signature = await destination.read(key, signatureLimit).catch((error: unknown) => {
    if (error instanceof KeyMissing) return null;
    throw error;
  });
  await authenticate(read, signature, trust).catch((error: unknown) => {
    throw new NotProven(textOf(error), { cause: error });
  });
}
