/** The data of document 004: a law firm's users, cases and invoices. */
import { createHash, randomBytes } from 'node:crypto';
import type { CollectionInfo, Db } from 'mongodb';

/** About `bytes` of documents that no compression makes much smaller; how many there are of each. */
export async function fillTraf3li(
  database: Db,
  bytes: number,
): Promise<{ users: number; cases: number; invoices: number }> {
  // Of much there are larger documents, not more: the time goes into bytes.
  const size = bytes > 1e8 ? 60_000 : 1000;
  const counts = { users: 120, cases: Math.ceil((bytes * 0.7) / size), invoices: Math.ceil((bytes * 0.3) / size) };
  const text = () => randomBytes((size * 3) / 4).toString('base64');
  await database.collection('users').createIndex({ email: 1 }, { unique: true });
  await database.collection('cases').createIndex({ client: 1, opened: -1 });
  const make = {
    users: (number: number) => ({ email: `lawyer-${number}@traf3li.com`, name: `محامٍ ${number}`, roles: ['lawyer'] }),
    cases: (number: number) => ({ number, client: number % 97, opened: new Date(number * 60_000), file: text() }),
    invoices: (number: number) => ({ number, case: number % counts.cases, total: number * 1.15, scan: text() }),
  };
  for (const name of ['users', 'cases', 'invoices'] as const)
    for (let first = 0; first < counts[name]; first += 100) {
      const length = Math.min(100, counts[name] - first);
      const documents = Array.from({ length }, (_, index) => make[name](first + index));
      await database.collection(name).insertMany(documents);
    }
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
