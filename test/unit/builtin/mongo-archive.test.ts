/** Archives made here byte by byte: no program of MongoDB is needed to know a whole one from a cut one. */
import { BSON } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { Crc64, readArchive } from '../../../src/builtin/mongo-archive.ts';

type Collection = { db: string; collection: string; type?: string; documents: object[]; bucket?: string };

const end = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const bson = (document: object) => Buffer.from(BSON.serialize(document));

/** The pieces of an archive, each a whole block: between any two of them a cut leaves no half block. */
function blocks(collections: Collection[], server = '7.0.12'): Buffer[] {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(0x8199e26d);
  const header = { concurrent_collections: 4, version: '0.1', server_version: server, tool_version: '100.18.0' };
  const named = collections.map(({ db, collection, type = 'collection' }) =>
    bson({ db, collection, metadata: '{}', size: 0, type }),
  );
  const first = Buffer.concat([magic, bson(header), ...named, end]);
  const rest = collections.flatMap(({ db, collection, bucket, documents }) => {
    const space = { db, collection: bucket ?? collection };
    const crc = new Crc64();
    const all = documents.map(bson);
    for (const one of all) crc.update(one);
    const sum = BSON.Long.fromBigInt(BigInt.asIntN(64, crc.value()));
    return [
      Buffer.concat([bson({ ...space, EOF: false, CRC: BSON.Long.ZERO }), ...all, end]),
      Buffer.concat([bson({ ...space, EOF: true, CRC: sum }), end]),
    ];
  });
  return [first, ...rest];
}

/** In pieces of an odd size, as a pipe gives them. */
async function* stream(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = (bytes: Uint8Array, size?: number) => readArchive(stream(bytes, size));

const shop: Collection[] = [
  { db: 'shop', collection: 'orders', documents: [{ _id: 1, a: 'x' }, { _id: 2 }] },
  { db: 'shop', collection: 'none', documents: [] },
  { db: 'shop', collection: 'rich', type: 'view', documents: [] },
];
const oplog: Collection = { db: '', collection: 'oplog', type: '', documents: [{ op: 'i', ns: 'shop.orders' }] };

describe('an archive', () => {
  it('is known whole, with what it holds', async () => {
    expect(await read(Buffer.concat(blocks([...shop, oplog])))).toEqual({
      server: '7.0.12',
      namespaces: [
        { database: 'shop', collection: 'orders', documents: 2 },
        { database: 'shop', collection: 'none', documents: 0 },
        { database: 'shop', collection: 'rich', documents: 0 },
        { database: '', collection: 'oplog', documents: 1 },
      ],
    });
  });

  it('sums as the ECMA polynomial does', () => {
    const crc = new Crc64();
    crc.update(Buffer.from('123456789'));
    // The check value of CRC-64/XZ.
    expect(crc.value()).toBe(0x995dc9bbdf1939fan);
  });

  it('is found cut at every byte, and between any two blocks', async () => {
    const parts = blocks([...shop, oplog]);
    const whole = Buffer.concat(parts);
    for (let length = 0; length < whole.length; length += 1)
      await expect(read(whole.subarray(0, length), 4096), `${length} bytes`).rejects.toThrow();
    // Before the oplog's own block every collection is closed.
    const before = Buffer.concat(parts.slice(0, -2));
    await expect(read(before)).rejects.toThrow('the archive was cut: the end of oplog is missing');
    await expect(read(Buffer.concat(parts.slice(0, 3)))).rejects.toThrow('the end of shop.none is missing');
  });

  it('is found damaged by any bit of a document', async () => {
    const whole = Buffer.concat(blocks(shop));
    const from = whole.indexOf('orders', whole.indexOf('orders') + 6);
    const at = whole.indexOf(bson({ _id: 1, a: 'x' }), from);
    for (let bit = 0; bit < bson({ _id: 1, a: 'x' }).length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[at + (bit >> 3)]! ^= 1 << (bit & 7);
      await expect(read(bytes, 4096), `bit ${bit}`).rejects.toThrow();
    }
  });

  it('of a time series holds its buckets, before 8.3 under a name of their own', async () => {
    const series = { db: 'shop', collection: 'load', type: 'timeseries', documents: [{ _id: 1 }] };
    const old = blocks([{ ...series, bucket: 'system.buckets.load' }], '8.0.4');
    expect((await read(Buffer.concat(old))).namespaces).toEqual([
      { database: 'shop', collection: 'system.buckets.load', documents: 1 },
    ]);
    await expect(read(old[0]!)).rejects.toThrow('the end of shop.system.buckets.load is missing');
    expect((await read(Buffer.concat(blocks([series], '8.3.0')))).namespaces).toEqual([
      { database: 'shop', collection: 'load', documents: 1 },
    ]);
  });

  it('is refused where it is something else, or goes on behind an end', async () => {
    await expect(read(Buffer.from('PGDMP, which is no archive'))).rejects.toThrow('this is no archive of mongodump');
    await expect(read(Buffer.alloc(0))).rejects.toThrow('the archive was cut');
    const parts = blocks(shop);
    await expect(read(Buffer.concat([...parts, parts[1]!]))).rejects.toThrow('goes on behind its end');
  });

  it('holds documents of 16 MiB and every retired type', async () => {
    const large = { _id: 1, bytes: Buffer.alloc(16 * 1024 * 1024 - 100) };
    const odd = { symbol: new BSON.BSONSymbol('s'), code: new BSON.Code('x', { a: 1 }), most: new BSON.MaxKey() };
    const whole = Buffer.concat(blocks([{ db: 'a', collection: 'b', documents: [large, odd] }]));
    expect((await read(whole, 65_536)).namespaces).toEqual([{ database: 'a', collection: 'b', documents: 2 }]);
  });
});
