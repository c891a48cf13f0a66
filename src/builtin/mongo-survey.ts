import type { Document, MongoClient } from 'mongodb';

/** The share of its size behind which an oplog begins to lose its oldest entries. */
const filled = 0.9;

/** What a server says of itself and of one database, as the mongodb source reads it: one JSON document. */
export async function survey(client: MongoClient, database: string, uri: string): Promise<string> {
  const admin = client.db('admin');
  const [build, hello, status, listed] = await Promise.all([
    admin.command({ buildInfo: 1 }),
    // Before 4.4.2 it has another name.
    permitted(admin.command({ hello: 1 })).then((said) => said ?? admin.command({ isMaster: 1 })),
    permitted(admin.command({ connectionStatus: 1, showPrivileges: true })),
    permitted(admin.command({ listDatabases: 1, nameOnly: true })),
  ]);
  const set: string | null = hello.setName ?? null;
  const names: string[] | null = listed && (listed.databases as { name: string }[]).map(({ name }) => name);
  const chosen =
    database !== '' ? [database] : (names ?? []).filter((name) => !['admin', 'config', 'local'].includes(name));
  const collections = await Promise.all(chosen.map((name) => collectionsOf(client, name)));
  const { user, privileges } = login(status);
  const answer = {
    version: String(build.version),
    set,
    mongos: hello.msg === 'isdbgrid',
    databases: names,
    collections: collections.every((found) => found !== null) ? collections.flat() : null,
    user,
    privileges,
    oplog: set === null ? null : await oplogWindow(client),
    uri: { database: databaseOf(uri), seconds: /[?&]serverSelectionTimeoutMS=/i.test(uri) },
  };
  return `${JSON.stringify(answer)}\n`;
}

/** What the user may not ask is not known. */
async function permitted(asked: Promise<Document>): Promise<Document | null> {
  try {
    return await asked;
  } catch (error) {
    if ((error as { code?: number }).code === 13 || (error as { code?: number }).code === 59) return null;
    throw error;
  }
}

/** `empty`: it holds no document, as the server counts. */
async function collectionsOf(client: MongoClient, database: string): Promise<object[] | null> {
  try {
    const found = await client.db(database).listCollections({}).toArray();
    return await Promise.all(
      found.map(async ({ name, type = 'collection' }) => ({
        database,
        name,
        type,
        empty: type === 'collection' && (await estimated(client, database, name)) === 0,
      })),
    );
  } catch (error) {
    if ((error as { code?: number }).code === 13) return null;
    throw error;
  }
}

async function estimated(client: MongoClient, database: string, name: string): Promise<number | null> {
  try {
    return await client.db(database).collection(name).estimatedDocumentCount();
  } catch {
    return null;
  }
}

function login(status: Document | null) {
  const [user] = (status?.authInfo?.authenticatedUsers ?? []) as { user: string; db: string }[];
  const granted = status?.authInfo?.authenticatedUserPrivileges as
    | { resource: object; actions: string[] }[]
    | undefined;
  if (!user || !granted) return { user: user ?? null, privileges: null };
  // A list of all actions for each resource is long; only those that a dump needs are told.
  const needed = new Set(['find', 'listCollections', 'listIndexes', 'listDatabases']);
  const privileges = granted.map(({ resource, actions }) => ({
    resource,
    actions: actions.filter((action) => needed.has(action) || action === 'anyAction'),
  }));
  return { user, privileges };
}

/** Seconds that its oplog reaches back; null where nothing has left it yet, or it may not be read. */
async function oplogWindow(client: MongoClient): Promise<number | null> {
  const oplog = client.db('local').collection('oplog.rs');
  const edge = async (direction: 1 | -1) => {
    const [entry] = await oplog.find({}, { sort: { $natural: direction }, limit: 1, projection: { ts: 1 } }).toArray();
    return (entry?.ts as { getHighBits(): number } | undefined)?.getHighBits() ?? null;
  };
  try {
    const stats = await permitted(client.db('local').command({ collStats: 'oplog.rs' }));
    if (stats?.maxSize > 0 && stats?.size < stats?.maxSize * filled) return null;
    const [first, last] = [await edge(1), await edge(-1)];
    return first === null || last === null ? null : last - first;
  } catch {
    return null;
  }
}

/** The database that stands behind the hosts; null where none does. */
function databaseOf(uri: string): string | null {
  const path = /^[^:]+:\/\/[^/?]*\/([^?]+)/.exec(uri)?.[1];
  return path === undefined ? null : decodeURIComponent(path);
}
