import type { MongoClient } from 'mongodb';
import { Failure } from './failure.ts';

/** Which databases are meant. What belongs to the server itself is in none. */
export type Scope = { all: true } | { named: string } | { prefixed: string };

/** Databases of the server itself. */
const own = new Set(['admin', 'config', 'local']);

/** The collection that `mark` keeps: never part of the data. */
export const markName = 'runner_mark';

/** A scope off the front of words, and what stands behind it. */
export function parseScope([kind = '', ...rest]: string[]): { scope: Scope; rest: string[] } {
  if (kind === 'all') return { scope: { all: true }, rest };
  const [name, ...behind] = rest;
  if (name && kind === 'named') return { scope: { named: name }, rest: behind };
  if (name && kind === 'prefixed') return { scope: { prefixed: name }, rest: behind };
  throw new Failure('a scope is `all`, `named DATABASE` or `prefixed TEXT`');
}

/** Its databases with the name by which their collections are told: none for a single one. */
export async function databasesOf(
  client: MongoClient,
  scope: Scope,
): Promise<{ name: string; label: string | null }[]> {
  if ('named' in scope) return [{ name: scope.named, label: null }];
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
  const prefix = 'prefixed' in scope ? scope.prefixed : '';
  return databases
    .map(({ name }) => name)
    .filter((name) => name.startsWith(prefix) && !own.has(name))
    .map((name) => ({ name, label: name.slice(prefix.length) }));
}

export type CollectionInfo = { name: string; type?: string; options?: Record<string, unknown> };

/** What a dump of a database holds: views and time series among it, nothing of the server's own. */
export async function collectionsOf(client: MongoClient, database: string): Promise<CollectionInfo[]> {
  const found = (await client.db(database).listCollections().toArray()) as CollectionInfo[];
  return found.filter(({ name }) => name !== markName && (!name.startsWith('system.') || name === 'system.js'));
}
