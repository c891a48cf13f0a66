import { once } from 'node:events';
import { Failure, option } from './failure.ts';

/** First four bytes of an archive, little-endian. */
const magic = 0x8199e26d;
/** Where the length of a document would stand: the end of a block. */
const terminator = 0xffffffff;
/** A document of 16 MiB, and room for what the server adds to it. */
const largest = 48 * 1024 * 1024;

export type Namespace = { database: string; collection: string; documents: number };

/**
 * `mongo-archive [--pass] [--count] [--oplog] [--database NAME]`: fails where standard input is no whole archive, or holds no oplog, or
 * another database. With `--pass` it hands the bytes on: mongorestore waits for ever for what some cuts took away. With `--count` it says
 * how many there were, and refuses an archive of nothing: a database that is not there makes one, and mongodump exits 0.
 */
export async function mongoArchive(args: string[]): Promise<void> {
  const counted = { bytes: 0 };
  const input = args.includes('--pass') ? handingOn(process.stdin, counted) : process.stdin;
  const { namespaces } = await readArchive(input, { sums: !args.includes('--pass') });
  if (args.includes('--count')) {
    if (!namespaces.some(({ database }) => database !== ''))
      throw new Failure('the dump holds no collection: there is no such database, or nothing in it');
    process.stderr.write(`runner-builtin mongo-archive: ${counted.bytes} bytes\n`);
  }
  if (args.includes('--oplog') && !namespaces.some(({ database }) => database === ''))
    throw new Failure('the archive holds no oplog, so it has no one moment');
  const wanted = option(args, 'database');
  if (wanted === undefined) return;
  const other = namespaces.find(({ database }) => database !== wanted);
  if (other) throw new Failure(`the archive holds ${nameOf(other)}, and should hold the database ${wanted}`);
}

async function* handingOn(input: AsyncIterable<Uint8Array>, counted: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    counted.bytes += chunk.length;
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
    yield chunk;
  }
}

/** What an archive holds: `server` is the version of the server that it was taken from. The oplog has no database. */
export type ArchiveReport = { server: string; namespaces: Namespace[] };

type Reading = { database: string; collection: string; crc: Crc64; documents: number; ended: boolean };

/**
 * Walks an archive of mongodump to its last byte and throws a Failure where it is not whole. Layout: the magic number, a block
 * (header, one metadata document a collection), then blocks of one namespace each: its name, documents, the terminator. A
 * block whose name says EOF closes its namespace and holds the CRC-64 (ECMA) of all its documents. All that the first block
 * names (collections, views, the oplog) must be closed, so an archive that was cut between two blocks is found as well. Source of
 * the format (without `sums` these are not compared): common/archive of github.com/mongodb/mongo-tools (archive.go, multiplexer.go, parser.go, demultiplexer.go).
 */
export async function readArchive(
  input: AsyncIterable<Uint8Array>,
  { sums = true }: { sums?: boolean } = {},
): Promise<ArchiveReport> {
  const { BSON } = await import('mongodb');
  const bytes = new Bytes(input);
  const parse = (document: Buffer): Record<string, unknown> => {
    try {
      return BSON.deserialize(document, { promoteLongs: false, useBigInt64: false });
    } catch {
      throw new Failure('the archive is damaged: a header in it is no BSON document');
    }
  };
  if ((await bytes.length()) !== magic) throw new Failure('this is no archive of mongodump');
  const header = parse(await bytes.document('its header'));
  const open = new Map<string, Reading>();
  for (let document = await bytes.next(); document !== null; document = await bytes.next()) {
    const { db, collection, type } = parse(document);
    const inBuckets = type === 'timeseries' && hasBuckets(String(header.server_version ?? ''));
    begin(open, String(db), inBuckets ? `system.buckets.${collection}` : String(collection));
  }
  while (!(await bytes.atEnd())) await readBlock(bytes, open, parse, sums);
  const unfinished = [...open.values()].find(({ ended }) => !ended);
  if (unfinished) throw new Failure(`the archive was cut: the end of ${nameOf(unfinished)} is missing`);
  const namespaces = [...open.values()].map(({ database, collection, documents }) => ({
    database,
    collection,
    documents,
  }));
  return { server: String(header.server_version ?? ''), namespaces };
}

/** Until 8.3 the data of a time series lies in a collection of its own. */
function hasBuckets(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 8 || (major === 8 && minor < 3);
}

function begin(open: Map<string, Reading>, database: string, collection: string): Reading {
  const reading = { database, collection, crc: new Crc64(), documents: 0, ended: false };
  open.set(`${database}.${collection}`, reading);
  return reading;
}

async function readBlock(
  bytes: Bytes,
  open: Map<string, Reading>,
  parse: (document: Buffer) => Record<string, unknown>,
  sums: boolean,
): Promise<void> {
  const { db, collection, EOF, CRC } = parse(await bytes.document('the head of a block'));
  const reading = open.get(`${db}.${collection}`) ?? begin(open, String(db), String(collection));
  if (reading.ended) throw new Failure(`the archive is damaged: ${nameOf(reading)} goes on behind its end`);
  for (let document = await bytes.next(); document !== null; document = await bytes.next()) {
    if (EOF) throw new Failure(`the archive is damaged: ${nameOf(reading)} has a document in its last block`);
    if (sums) reading.crc.update(document);
    reading.documents += 1;
  }
  if (!EOF) return;
  reading.ended = true;
  const said = BigInt.asUintN(64, BigInt(String(CRC)));
  if (sums && said !== reading.crc.value())
    throw new Failure(`the archive is damaged: the checksum of ${nameOf(reading)} does not fit`);
}

function nameOf({ database, collection }: Pick<Reading, 'database' | 'collection'>): string {
  return database === '' ? collection : `${database}.${collection}`;
}

/** Takes numbers and documents off a stream of chunks. */
class Bytes {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.chunks = input[Symbol.asyncIterator]();
  }

  /** The next document, or null at the end of a block. */
  async next(): Promise<Buffer | null> {
    if (!(await this.fill(4))) throw cut();
    const length = this.rest.readUInt32LE(0);
    if (length === terminator) {
      this.rest = this.rest.subarray(4);
      return null;
    }
    if (length < 5 || length > largest) throw new Failure(`the archive is damaged: a document of ${length} bytes`);
    if (!(await this.fill(length))) throw cut();
    const document = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    if (document[length - 1] !== 0)
      throw new Failure('the archive is damaged: a document does not end where it should');
    return document;
  }

  async document(what: string): Promise<Buffer> {
    const document = await this.next();
    if (document === null) throw new Failure(`the archive is damaged: ${what} is missing`);
    return document;
  }

  async length(): Promise<number> {
    if (!(await this.fill(4))) throw cut();
    const value = this.rest.readUInt32LE(0);
    this.rest = this.rest.subarray(4);
    return value;
  }

  async atEnd(): Promise<boolean> {
    return !(await this.fill(1));
  }

  /** Whether so many bytes are there. */
  private async fill(wanted: number): Promise<boolean> {
    if (this.rest.length >= wanted) return true;
    const parts: Uint8Array[] = [this.rest];
    let size = this.rest.length;
    while (size < wanted) {
      const { done, value } = await this.chunks.next();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
    this.rest = Buffer.concat(parts);
    return size >= wanted;
  }
}

function cut(): Failure {
  return new Failure('the archive was cut: it ends in the middle of a block');
}

/** CRC-64 with the polynomial of ECMA-182, bits reflected, all ones before and after. */
const table = makeTable();

function makeTable(): Uint32Array {
  const polynomial = 0xc96c5795d7870f42n;
  const made = new Uint32Array(512);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
    made[byte * 2] = Number(crc & 0xffffffffn);
    made[byte * 2 + 1] = Number(crc >> 32n);
  }
  return made;
}

export class Crc64 {
  private low = 0xffffffff;
  private high = 0xffffffff;

  update(bytes: Uint8Array): void {
    let { low, high } = this;
    for (let index = 0; index < bytes.length; index++) {
      const entry = ((low ^ (bytes[index] as number)) & 0xff) * 2;
      low = ((low >>> 8) | (high << 24)) ^ (table[entry] as number);
      high = (high >>> 8) ^ (table[entry + 1] as number);
    }
    this.low = low;
    this.high = high;
  }

  value(): bigint {
    return ((BigInt(~this.high >>> 0) << 32n) | BigInt(~this.low >>> 0)) & 0xffffffffffffffffn;
  }
}
