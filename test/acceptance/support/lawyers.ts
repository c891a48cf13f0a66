/** The data of document 004: a law firm's users, cases and invoices. */
import { createHash, randomBytes } from 'node:crypto';
import type { CollectionInfo, Db } from 'mongodb';

/** Bytes of a collection of scans: the server of these tests sends a collection in one answer, which cannot be longer than 48 MB. */
const most = 36_000_000;

/** About `bytes` of documents that no compression makes much smaller; how many there are of each that is critical. */
export async function fillTraf3li(
  database: Db,
  bytes: number,
): Promise<{ users: number; cases: number; invoices: number }> {
  const counts = { users: 120, cases: 240, invoices: 100 };
  const text = (size = 1000) => randomBytes((size * 3) / 4).toString('base64');
  await database.collection('users').createIndex({ email: 1 }, { unique: true });
  await database.collection('cases').createIndex({ client: 1, opened: -1 });
  const make = {
    users: (number: number) => ({ email: `lawyer-${number}@traf3li.com`, name: `محامٍ ${number}`, roles: ['lawyer'] }),
    cases: (number: number) => ({ number, client: number % 97, opened: new Date(number * 60_000), file: text() }),
    invoices: (number: number) => ({ number, case: number % counts.cases, total: number * 1.15, scan: text() }),
  };
  for (const name of ['users', 'cases', 'invoices'] as const)
    await database.collection(name).insertMany(Array.from({ length: counts[name] }, (_, index) => make[name](index)));
  for (let made = 0; bytes - made > most / 2; made += most)
    for (let batch = 0; batch < 6; batch += 1)
      await database
        .collection(`scans-${made / most}`)
        .insertMany(Array.from({ length: 100 }, (_, number) => ({ number, page: text(60_000) })));
  return counts;
}

const digest = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64');

/** One hash of all documents byte by byte, whatever their order, and of the indexes and options of their collections. */
export async function stateOf(database: Db): Promise<string> {
  const lines: string[] = [];
  for (const { name, type, options } of await database.listCollections<CollectionInfo>().toArray()) {
    // The order of the fields of a key is its meaning; the others have none.
    const indexes = (await database.collection(name).indexes()).map(({ v: _, ns: __, key, ...index }) =>
      JSON.stringify([key, Object.entries(index).toSorted()]),
    );
    lines.push(`${name} ${type} ${JSON.stringify(options)} ${indexes.toSorted().join()}`);
    const documents = database.collection(name).find({}, { raw: true }) as unknown as AsyncIterable<Buffer>;
    for await (const document of documents) lines.push(`${name} ${digest(Buffer.from(document))}`);
  }
  const all = createHash('sha256');
  for (const one of lines.toSorted()) all.update(one);
  return all.digest('hex');
}
