import type { IndexDescription, MongoClient } from 'mongodb';
import { Failure } from './failure.ts';
import { collectionsOf, databasesOf, markName, type Scope } from './mongo-scope.ts';

/** A database is there when it has collections; without a document in any of them it is empty. */
export async function look(client: MongoClient, database: string): Promise<string> {
  const all = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
  if (all.length === 0) return 'nothing\n';
  for (const { name, type } of await collectionsOf(client, database)) {
    if (
      type !== 'view' &&
      (await client
        .db(database)
        .collection(name)
        .findOne({}, { projection: { _id: 1 } }))
    )
      return 'full\n';
  }
  return 'empty\n';
}

export async function drop(client: MongoClient, scope: Scope): Promise<string> {
  if ('all' in scope) throw new Failure('all databases are never dropped at once');
  for (const { name } of await databasesOf(client, scope)) await client.db(name).dropDatabase();
  return '';
}

/** Each takes the place of its namesake at once; all that are named must be there before any is moved. */
export async function move(
  client: MongoClient,
  { beside, target }: { beside: string; target: string },
  collections: string[],
): Promise<string> {
  const known = new Map((await collectionsOf(client, beside)).map((info) => [info.name, info]));
  const missing = collections.find((name) => !known.has(name));
  if (missing !== undefined) {
    const names = [...known.keys()].toSorted().join(', ');
    throw new Failure(`the backup holds no collection ${missing}; it holds: ${names}`);
  }
  for (const name of collections) {
    const info = known.get(name);
    if (info?.type === 'timeseries') throw new Failure(`${name} is a time series, which a server cannot rename`);
    if (info?.type === 'view') {
      await dropped(client, target, name);
      await client.db(target).createCollection(name, info.options as object);
    } else await rename(client, `${beside}.${name}`, `${target}.${name}`);
  }
  return '';
}

/** Between databases a server copies; whatever index it does not bring along is made again. */
async function rename(client: MongoClient, from: string, to: string): Promise<void> {
  const at = (space: string) => {
    const dot = space.indexOf('.');
    return client.db(space.slice(0, dot)).collection(space.slice(dot + 1));
  };
  const before = await at(from).indexes();
  await client.db('admin').command({ renameCollection: from, to, dropTarget: true });
  const names = new Set((await at(to).indexes()).map(({ name }) => name));
  const lost = before.filter(({ name }) => name !== '_id_' && !names.has(name));
  if (lost.length > 0)
    await at(to).createIndexes(lost.map(({ v: _v, ns: _ns, ...index }) => index as IndexDescription));
}

/** Dropping what is not there is an error for some servers. */
async function dropped(client: MongoClient, database: string, name: string): Promise<void> {
  if (await client.db(database).listCollections({ name }).hasNext()) await client.db(database).dropCollection(name);
}

/** An empty text takes the mark away. */
export async function mark(client: MongoClient, database: string, text: string): Promise<string> {
  const marks = client.db(database).collection<{ _id: string; text: string }>(markName);
  await dropped(client, database, markName);
  if (text !== '') await marks.insertOne({ _id: 'runner', text });
  return '';
}

export async function marked(client: MongoClient, database: string): Promise<string> {
  const found = await client
    .db(database)
    .collection<{ _id: string; text?: string }>(markName)
    .findOne({ _id: 'runner' });
  return found?.text === undefined ? '' : `${found.text}\n`;
}
