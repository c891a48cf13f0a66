/** The few pieces of OpenSSH's wire format that keys and signatures are made of. */
export type KeyText = string | Uint8Array;

export type Cursor = { number(): number; string(): Buffer; expect(bytes: Uint8Array): void };

/** Reads big-endian numbers and length-prefixed strings one after the other; throws past the end. */
export function cursor(source: Uint8Array): Cursor {
  const bytes = Buffer.from(source);
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('it is cut short');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = () => take(4).readUInt32BE(0);
  return {
    number,
    string: () => take(number()),
    expect: (wanted) => {
      if (!take(wanted.length).equals(wanted)) throw new Error('it is something else');
    },
  };
}

/** Each part with its length before it. */
export function packed(...parts: KeyText[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** The bytes between `-----BEGIN <label>-----` and its end. */
export function pemBody(text: string, label: string): Buffer {
  const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(text);
  if (!match) throw new Error('it is no such file');
  return Buffer.from(match[1]!, 'base64');
}
