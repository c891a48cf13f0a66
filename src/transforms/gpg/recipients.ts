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
