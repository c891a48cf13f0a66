import type { Inspection } from '../../kind.ts';
import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';
import { isSymmetric, type KeyFacts } from './spec.ts';

/**
 * The ids (16 hexadecimal digits) of the keys that can open a gpg artifact. Its first 64 KiB are enough; no keyring is
 * touched. Empty for one that a passphrase opens. Throws when the bytes are no OpenPGP message.
 */
export async function recipientsOf(head: Uint8Array): Promise<string[]> {
  const { readMessage } = await import('openpgp');
  // Given as a stream that has not ended, so that reading stops at the encrypted data instead of missing its end.
  const binaryMessage = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(head) });
  const message = await readMessage({ binaryMessage });
  return message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
}

/** An artifact may hide whom it is for; gpg then tries every key at hand. */
const hidden = '0'.repeat(16);

/**
 * How an artifact's recipients differ from the key files of a spec. What only a keyring knows (recipients by fingerprint) is passed
 * over; null where nothing can be told.
 */
export async function compareRecipients(
  spec: GpgSpec,
  head: Uint8Array,
  inspection: Inspection | null,
): Promise<string[] | null> {
  const keys = (inspection?.data.recipients as KeyFacts[] | undefined) ?? [];
  if (isSymmetric(spec) || keys.length === 0) return null;
  const sealedFor = await recipientsOf(head);
  if (sealedFor.length === 0) return ['no key opens it: it was sealed by a passphrase'];
  if (sealedFor.includes(hidden)) return null;
  const lacking = keys
    .filter(({ ids }) => !ids.some((id) => sealedFor.includes(id)))
    .map(({ fingerprint, users }) => `the key ${[fingerprint, ...users].join(' ')} does not open it`);
  const known = new Set(keys.flatMap(({ ids }) => ids));
  const others = keys.length === spec.recipients!.length ? sealedFor.filter((id) => !known.has(id)) : [];
  return [...lacking, ...others.map((id) => `the key ${id} opens it, and the plan does not name that`)];
}
