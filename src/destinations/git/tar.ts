/** Reads a tar stream (ustar, pax, GNU) while it passes, and says which of its bytes are contents of files. */

/** What a header says. Names are latin1 texts, a character a byte. */
export type Member = {
  path: string;
  kind: 'file' | 'hard-link' | 'symlink' | 'other';
  /** Bytes of content that follow. */
  size: number;
  executable: boolean;
  target: string;
  /** The size of a file whose holes were left out (GNU.sparse 1.0); its content begins with a map. */
  sparse: number | null;
};

export type TarEvent =
  | { event: 'frame'; bytes: Buffer }
  | { event: 'member'; member: Member }
  | { event: 'content'; bytes: Buffer }
  | { event: 'end-of-content' };

const block = 512;
/** Longer headers are nobody's: what has them is kept as it is, as bytes. */
const longestMeta = 1024 * 1024;

/**
 * Hand it the stream in pieces of any size. `isTar` is false from where it turned out not to be an archive: all that follows is
 * frame. The bytes of all frames and contents, in their order, are the stream.
 */
export class TarReader {
  isTar = true;
  private held: Buffer = Buffer.alloc(0);
  private content = 0;
  private padding = 0;
  private meta: { type: string; size: number } | null = null;
  private pax: Map<string, string> = new Map();
  private long: { path?: string; target?: string } = {};
  private ended = false;
  private seen = false;

  /** Null where the archive is whole, else what it broke off in. */
  get cut(): string | null {
    if (!this.isTar) return null;
    if (this.content > 0) return 'the middle of a file';
    return this.seen && !this.ended ? 'the middle, before its end mark' : null;
  }

  *read(chunk: Buffer): Generator<TarEvent> {
    let rest = this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk;
    this.held = Buffer.alloc(0);
    while (rest.length > 0) {
      if (!this.isTar || this.ended) return yield { event: 'frame', bytes: rest };
      if (this.content > 0) {
        const bytes = rest.subarray(0, this.content);
        rest = rest.subarray(bytes.length);
        this.content -= bytes.length;
        yield { event: 'content', bytes };
        if (this.content === 0) yield { event: 'end-of-content' };
        continue;
      }
      if (this.padding > 0) {
        const bytes = rest.subarray(0, this.padding);
        rest = rest.subarray(bytes.length);
        this.padding -= bytes.length;
        yield { event: 'frame', bytes };
        continue;
      }
      const wanted = this.meta ? Math.ceil(this.meta.size / block) * block : block;
      if (rest.length < wanted) {
        this.held = Buffer.from(rest);
        return;
      }
      yield* this.frame(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
    }
  }

  /** What was held back for a header that never came whole. */
  *finish(): Generator<TarEvent> {
    if (this.held.length === 0) return;
    if (!this.seen) this.isTar = false;
    yield { event: 'frame', bytes: this.held };
  }

  private *frame(bytes: Buffer): Generator<TarEvent> {
    yield { event: 'frame', bytes };
    if (this.meta) return this.takeMeta(bytes.subarray(0, this.meta.size), this.meta.type);
    if (bytes.every((byte) => byte === 0)) {
      // An archive of nothing but zeros is an empty one.
      this.ended = true;
      return;
    }
    if (!hasChecksum(bytes)) {
      this.isTar = false;
      return;
    }
    this.seen = true;
    const type = String.fromCharCode(bytes[156]!);
    const size = numberOf(bytes.subarray(124, 136));
    if ('xgLK'.includes(type) && size !== null && size <= longestMeta) {
      this.meta = { type, size };
      if (size === 0) this.meta = null;
      return;
    }
    const member = this.memberOf(bytes, type, size);
    this.pax = new Map();
    this.long = {};
    if (!member) {
      this.isTar = false;
      return;
    }
    this.content = member.size;
    this.padding = (block - (member.size % block)) % block;
    yield { event: 'member', member };
    if (member.size === 0) yield { event: 'end-of-content' };
  }

  private takeMeta(bytes: Buffer, type: string): void {
    this.meta = null;
    const text = bytes.toString('latin1');
    if (type === 'L') this.long.path = text.replace(/\0.*$/s, '');
    if (type === 'K') this.long.target = text.replace(/\0.*$/s, '');
    if (type === 'x') this.pax = paxRecords(text);
  }

  private memberOf(header: Buffer, type: string, plain: number | null): Member | null {
    const { pax, long } = this;
    const stated = pax.get('size');
    const size = stated === undefined ? plain : /^\d{1,15}$/.test(stated) ? Number(stated) : null;
    if (size === null) return null;
    const kinds: Record<string, Member['kind']> = {
      '0': 'file',
      '\0': 'file',
      '7': 'file',
      '1': 'hard-link',
      '2': 'symlink',
    };
    const magic = header.toString('latin1', 257, 263);
    const prefix = magic === 'ustar\0' ? textOf(header.subarray(345, 500)) : '';
    const name = textOf(header.subarray(0, 100));
    const path =
      pax.get('GNU.sparse.name') ?? pax.get('path') ?? long.path ?? (prefix === '' ? name : `${prefix}/${name}`);
    const isSparse = pax.get('GNU.sparse.major') === '1' && pax.get('GNU.sparse.minor') === '0';
    const isFolder = type === '5' || path.endsWith('/');
    return {
      path,
      kind: isFolder ? 'other' : (kinds[type] ?? 'other'),
      // Links, devices and folders have no content, whatever their header says.
      size: '123456'.includes(type) ? 0 : size,
      executable: ((numberOf(header.subarray(100, 108)) ?? 0) & 0o111) !== 0,
      target: pax.get('linkpath') ?? long.target ?? textOf(header.subarray(157, 257)),
      sparse: isSparse ? Number(pax.get('GNU.sparse.realsize') ?? 0) : null,
    };
  }
}

function hasChecksum(header: Buffer): boolean {
  const stated = numberOf(header.subarray(148, 156));
  let sum = 0;
  for (let at = 0; at < block; at += 1) sum += at >= 148 && at < 156 ? 32 : header[at]!;
  return stated === sum;
}

/** Octal text, or GNU's base 256 for what does not fit. Null where it is neither. */
function numberOf(field: Buffer): number | null {
  if ((field[0]! & 0x80) !== 0) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return Number.isSafeInteger(value) ? value : null;
  }
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? field.length : end);
}

/** `LENGTH KEY=VALUE\n`, where the length counts all of it. */
function paxRecords(text: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(' ', at);
    const length = Number(text.slice(at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) break;
    const record = text.slice(space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
