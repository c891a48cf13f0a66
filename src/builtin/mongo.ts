/**
 * `mongo CONFIG ACTION ...`: asks a MongoDB server, with the official driver, what mongodump cannot be asked. CONFIG is the private file
 * that mongodump reads too, written as JSON: `{ "uri": "mongodb://..." }`. A scope is `all`, `named DATABASE`, or `prefixed TEXT`.
 *   survey DATABASE                  one JSON document about the server and, where it is not empty, the database
 *   look DATABASE                    `nothing`, `empty` or `full`
 *   drop SCOPE                       drops databases; never all of them
 *   count SCOPE COLLECTION           documents of a collection; of `all`, its name is DATABASE.COLLECTION
 *   contents counts|checksums SCOPE  lines of `name<TAB>value`
 *   move BESIDE TARGET COLLECTION... replaces collections of TARGET by those of BESIDE
 *   mark DATABASE TEXT | marked DATABASE    a text that lies with a database; nothing takes it away
 */
import { readFile } from 'node:fs/promises';
import type { MongoClient } from 'mongodb';
import { Failure } from './failure.ts';
import { contents, count } from './mongo-contents.ts';
import { drop, look, mark, marked, move } from './mongo-databases.ts';
import { parseScope } from './mongo-scope.ts';
import { survey } from './mongo-survey.ts';

/** Milliseconds in which a server must be found: what is asked before a run is given ten seconds in all. */
const patience = 6000;

type Action = (client: MongoClient, words: string[], uri: string) => Promise<string>;

const actions: Record<string, Action> = {
  survey: (client, [database = ''], uri) => survey(client, database, uri),
  look: (client, [database = '']) => look(client, database),
  drop: (client, words) => drop(client, parseScope(words).scope),
  count: (client, words) => count(client, parseScope(words)),
  contents: (client, [what = '', ...words]) => contents(client, what, parseScope(words).scope),
  move: (client, [beside = '', target = '', ...collections]) => move(client, { beside, target }, collections),
  mark: (client, [database = '', text = '']) => mark(client, database, text),
  marked: (client, [database = '']) => marked(client, database),
};

export async function mongo([config = '', name = '', ...words]: string[]): Promise<void> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) throw new Failure(`no such action; there are: ${Object.keys(actions).join(', ')}`);
  const uri = await readUri(config);
  const client = await connect(uri);
  try {
    process.stdout.write(await action(client, words, uri));
  } catch (error) {
    throw explained(error);
  } finally {
    await client.close();
  }
}

async function readUri(path: string): Promise<string> {
  const { uri } = JSON.parse(await readFile(path, 'utf8')) as { uri?: unknown };
  if (typeof uri !== 'string' || !/^mongodb(\+srv)?:\/\//.test(uri))
    throw new Failure('the connection string does not begin with mongodb:// or mongodb+srv://');
  return uri;
}

/** As mongodump connects: without the name of a replica set it talks to the one server that it is given. */
async function connect(uri: string): Promise<MongoClient> {
  const { MongoClient } = await import('mongodb');
  const isOne = !uri.startsWith('mongodb+srv:') && !/[?&](replicaSet|directConnection|loadBalanced)=/i.test(uri);
  const hosts = /^mongodb:\/\/(?:[^@/]*@)?([^/?]*)/.exec(uri)?.[1] ?? '';
  const direct = isOne && !hosts.includes(',');
  try {
    const client = new MongoClient(uri, {
      serverSelectionTimeoutMS: patience,
      connectTimeoutMS: patience,
      appName: 'backup-runner',
      ...(direct ? { directConnection: true } : {}),
    });
    return await client.connect();
  } catch (error) {
    throw explained(error);
  }
}

/** What drivers and servers say of themselves, as a person would: 13 and 18 are the codes of a refusal. */
function explained(error: unknown): Error {
  if (error instanceof Failure) return error;
  const { name, code, message } = error as Error & { code?: number };
  if (code === 18) return new Failure(`the server refused the login: wrong user, password or authentication database`);
  if (code === 13) return new Failure(`the server refused: ${message}`);
  if (name === 'MongoServerSelectionError') return new Failure(`no server answers: ${message}`);
  if (name === 'MongoParseError' || name === 'MongoAPIError')
    return new Failure(`the connection string is wrong: ${message}`);
  return new Failure(message);
}
