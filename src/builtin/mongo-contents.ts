import { createHash } from 'node:crypto';
import type { MongoClient } from 'mongodb';
import { Failure } from './failure.ts';
import { type CollectionInfo, collectionsOf, databasesOf, type Scope } from './mongo-scope.ts';

/** Sums of hashes are kept below this: 256 bits. */
const modulus = 1n << 256n;

export async function count(
  client: MongoClient,
  { scope, rest: [written = ''] }: { scope: Scope; rest: string[] },
): Promise<string> {
  const { database, collection } = place(scope, written);
  const known = await collectionsOf(client, database);
  if (!known.some(({ name }) => name === collection)) {
    const some = known.map(({ name }) => name).toSorted();
    throw new Failure(`there is no collection ${collection} in ${database}; there are: ${listed(some)}`);
  }
  return `${await client.db(database).collection(collection).countDocuments()}\n`;
}

function place(scope: Scope, written: string): { database: string; collection: string } {
  if ('named' in scope) return { database: scope.named, collection: written };
  const dot = written.indexOf('.');
  if (dot <= 0)
    throw new Failure(`all of a server is asked for a collection by DATABASE.COLLECTION, not by ${written}`);
  const prefix = 'prefixed' in scope ? scope.prefixed : '';
  return { database: prefix + written.slice(0, dot), collection: written.slice(dot + 1) };
}

const listed = (names: string[]): string =>
  names.length === 0
    ? 'none'
    : names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');

/** A line for each collection, the name of its database in front where there are several. */
export async function contents(client: MongoClient, what: string, scope: Scope): Promise<string> {
  if (what !== 'counts' && what !== 'checksums') throw new Failure('contents are `counts` or `checksums`');
  const lines: Buffer[] = [];
  for (const { name: database, label } of await databasesOf(client, scope)) {
    for (const info of await collectionsOf(client, database)) {
      if (what === 'counts' && info.type === 'view') continue;
      const value = await (what === 'counts' ? documents : checksum)(client, database, info);
      const name = label === null ? info.name : `${label}.${info.name}`;
      lines.push(Buffer.from(`${escaped(name)}\t${value}\n`));
    }
  }
  return Buffer.concat(lines.sort(Buffer.compare)).toString();
}

function escaped(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}

async function documents(client: MongoClient, database: string, { name }: CollectionInfo): Promise<string> {
  return String(await client.db(database).collection(name).countDocuments());
}

/**
 * Over all documents byte by byte, and over what the collection is: its kind, options (validators, a view's pipeline) and indexes. The
 * hashes of the documents are added, so that their order does not matter: nothing has to be sorted, neither here nor by the server.
 */
async function checksum(client: MongoClient, database: string, info: CollectionInfo): Promise<string> {
  const hash = createHash('sha256');
  const collection = client.db(database).collection(info.name);
  hash.update(canonical({ type: info.type ?? 'collection', options: info.options ?? {} }));
  if (info.type === 'view') return hash.digest('hex');
  const indexes = (await collection.indexes()) as Record<string, unknown>[];
  // The version, the name space and how it was built are the server's, not the data's.
  const plain = indexes.map(({ v: _v, ns: _ns, background: _background, ...index }) => index);
  for (const text of plain.map((index) => orderedKey(index)).toSorted()) hash.update(text);
  let sum = 0n;
  let number = 0;
  for await (const document of collection.find({}, { raw: true, batchSize: 1000 }) as AsyncIterable<unknown>) {
    const digest = createHash('sha256')
      .update(document as Uint8Array)
      .digest('hex');
    sum = (sum + BigInt(`0x${digest}`)) % modulus;
    number += 1;
  }
  hash.update(`${number} ${sum.toString(16)}`);
  return hash.digest('hex');
}

/** The order of fields in an index's key is its meaning; elsewhere servers may change it. */
function orderedKey({ key, ...rest }: Record<string, unknown>): string {
  return `${JSON.stringify(Object.entries((key ?? {}) as object))} ${canonical(rest)}\n`;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    if ('_bsontype' in member) return `${member._bsontype}(${String(member)})`;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
