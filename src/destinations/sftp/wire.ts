/**
 * SFTP version 3 as it stands on the wire (draft-ietf-secsh-filexfer-02): a packet is its length (four bytes, big endian), its type, the
 * number of its request, and fields. Numbers are four or eight bytes; a text or bytes are their length and then themselves.
 */

/** What is asked. */
export const Ask = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  realpath: 16,
  stat: 17,
  rename: 18,
  extended: 200,
} as const;

/** What is answered. */
export const Answer = {
  version: 2,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 201,
} as const;

/** What a status says; a server of version 3 has no finer words. */
export const Status = { ok: 0, end: 1, missing: 2, denied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const;

/** How a file is opened. */
export const Open = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

/** What is known of a file. Times are seconds since 1970. A server may leave anything out. */
export type Attributes = { size?: number; mode?: number; accessed?: number; modified?: number };

/** One field: a number is four bytes, a bigint eight. */
export type Field = number | bigint | string | Uint8Array | Attributes;

const flag = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 };

/** The bytes of a packet, its length included; `following` bytes of data are sent behind it by the caller. */
export function packet(type: number, fields: readonly Field[], following = 0): Buffer {
  const body = fields.map(encoded);
  const length = body.reduce((sum, { length }) => sum + length, 1);
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32BE(length + following);
  head[4] = type;
  return Buffer.concat([head, ...body]);
}

function encoded(field: Field): Buffer {
  if (typeof field === 'number') return number32(field);
  if (typeof field === 'bigint') return number64(field);
  if (typeof field === 'string' || field instanceof Uint8Array) {
    const bytes = Buffer.from(field as string);
    return Buffer.concat([number32(bytes.length), bytes]);
  }
  return attributes(field);
}

function attributes({ size, mode, accessed, modified }: Attributes): Buffer {
  const times = accessed !== undefined && modified !== undefined;
  const flags = (size === undefined ? 0 : flag.size) | (mode === undefined ? 0 : flag.mode) | (times ? flag.times : 0);
  return Buffer.concat([
    number32(flags),
    ...(size === undefined ? [] : [number64(BigInt(size))]),
    ...(mode === undefined ? [] : [number32(mode)]),
    ...(times ? [number32(accessed), number32(modified)] : []),
  ]);
}

function number32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function number64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Reads the fields of an answer one after another. Throws a RangeError where it is shorter than it says. */
export class Fields {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  number32(): number {
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  number64(): number {
    this.at += 8;
    return Number(this.bytes.readBigUInt64BE(this.at - 8));
  }

  /** A view: the memory of the packet. */
  data(): Buffer {
    const length = this.number32();
    if (length > this.left) throw new RangeError('a field is longer than its packet');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    return this.data().toString('utf8');
  }

  attributes(): Attributes {
    const flags = this.number32();
    const found: Attributes = {};
    if (flags & flag.size) found.size = this.number64();
    if (flags & flag.owner) this.at += 8;
    if (flags & flag.mode) found.mode = this.number32();
    if (flags & flag.times) Object.assign(found, { accessed: this.number32(), modified: this.number32() });
    if (flags & flag.extended) for (let count = this.number32(); count > 0; count -= 1) [this.data(), this.data()];
    return found;
  }
}

/** What kind of file a mode is of. */
const kindOf = (mode: number | undefined, wanted: number) => mode !== undefined && (mode & 0o170000) === wanted;
export const isFile = ({ mode }: Attributes) => kindOf(mode, 0o100000);
export const isFolder = ({ mode }: Attributes) => kindOf(mode, 0o040000);
export const isLink = ({ mode }: Attributes) => kindOf(mode, 0o120000);
